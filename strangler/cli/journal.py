"""`strangler journal`: who moved what, when, why, and with which evidence."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import click

from strangler.cli.diffs_screen import show
from strangler.cli.journal_screen import screen
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.terminal import clean, console
from strangler.config import file
from strangler.config.load import load
from strangler.control.events import event_as_json, events
from strangler.control.flipping.spool import Spool
from strangler.control.journal import Journal
from strangler.core.errors import DatabaseError, UsageError
from strangler.core.journal import Entry
from strangler.core.model import Config
from strangler.core.spec.reader import nearest
from strangler.core.units import parse_duration


def _seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return parse_duration(value) if value else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("journal")
@click.argument("route", metavar="[ROUTE|@GROUP]", required=False)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="The newest so many.")
@click.option("--since", metavar="7d", callback=_seconds, help="Only of this time.")
@config_option
@json_option
def command(route: str | None, limit: int, since: float | None, path: Path, as_json: bool) -> int:
    """Say who moved which route, when, from where to where, why, and what the guard said; newest first.

    Exit code 5 if the store cannot be read: what waits beside the file is shown then.
    """
    config = load(path, environment())
    entries, trouble = recorded(config, path)
    now = time.time()
    found = events(entries, _names(config, route, entries), now - since if since is not None else None)[:limit]
    if as_json:
        click.echo(json.dumps({"now": now, "incomplete": trouble or None, "events": [event_as_json(each) for each in found]}))
    else:
        show(console(), screen(found, now, config, asked=route or ""))
    if trouble:
        click.echo(f"strangler: not all is shown: {clean(trouble)}", err=True)
    return DatabaseError.exit_code if trouble else 0


def recorded(config: Config, path: Path) -> tuple[list[Entry], str]:
    """All entries of the journal; or those that wait beside the file, and why the store's are missing."""
    journal = Journal(Spool(file.read(path).real), config.store, config.folder)
    try:
        return journal.entries(), ""
    except DatabaseError as error:
        try:
            return journal.spooled(), str(error)
        except DatabaseError as other:
            return [], f"{error}; {other}"


def _names(config: Config, asked: str | None, entries: Sequence[Entry]) -> frozenset[str] | None:
    """The routes that are asked for; None for all. A route that has gone from the file has its history still."""
    if asked is None:
        return None
    if asked.startswith("@"):
        names = {route.name for route in config.routes if route.group == asked[1:]}
        known = sorted({f"@{route.group}" for route in config.routes if route.group})
        what = f"there is no group {asked}"
    else:
        known = sorted({route.name for route in config.routes} | {entry.route for entry in entries})
        names = {asked} & set(known)
        what = f"there is no route {asked!r}"
    if not names:
        raise UsageError(clean(what) + nearest(asked, known))
    return frozenset(names)
