"""Whether a configuration would have writes go where their data is not owned, as far as that can be found out from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from strangler.control.cutover.record import record_of
from strangler.control.cutover.sides import sides
from strangler.core.cutover import in_words
from strangler.core.cutover_terms import astray, mappings_of
from strangler.core.errors import StranglerError
from strangler.core.model import Config, Route, Stage


def writes_astray(path: Path, config: Config, environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What is to be said of routes, by name; and of what could not be looked at, "" if all was.

    Nothing is asked where no route could be at fault: at canary, writes go to whoever owns their data.
    """
    return _astray(path, config, [route for route in config.routes if route.stage is not Stage.CANARY], environ)


def sent_ahead(path: Path, config: Config, environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The same, of the routes whose writes the file sends to modern: where no record says that they ever moved, somebody has
    written it there by hand. Databases are only asked if there are such routes, so that starting does not depend on them."""
    return _astray(path, config, [route for route in config.routes if route.stage.rung > Stage.CANARY.rung], environ)


def _astray(path: Path, config: Config, routes: Sequence[Route], environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    names = mappings_of([route for route in routes if route.match.takes_unsafe])
    if not names:
        return {}, ""
    owners, unread = _owners(path, config, names, environ)
    return {route.name: words for route, words in astray(routes, owners)}, unread


def _owners(path: Path, config: Config, names: tuple[str, ...], environ: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """What both databases say, and for others the record beside the file: that is what `serve` goes by."""
    known: dict[str, str] = {}
    try:
        known = {name: owner for name, (owner, _) in record_of(path).owners.items() if name in names}
        with sides(config, names, environ) as data:
            said = data.owners()
    except StranglerError as error:
        why = str(error).splitlines()[0].rstrip(".")
        return known, f"who owns {in_words(names)} could not be read ({why}), so writes that go astray may not be seen here"
    split = [name for name in names if said[name][0] != said[name][1]]
    known |= {name: old[0] for name, (old, new) in said.items() if old == new}
    return known, f"the databases differ on who owns {in_words(split)}: `strangler data owner {split[0]}`" if split else ""
