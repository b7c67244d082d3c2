"""Add a rule to routes.yaml on disk: read, edit, prove that the whole file then says what it said and the rule, write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from strangler.config.file import Disk, Snapshot, read, write
from strangler.config.load import Outcome
from strangler.config.load import read as read_config
from strangler.config.rule_edit import NewRule, add_rule
from strangler.config.survey import EditError
from strangler.core.errors import ConfigError
from strangler.core.model import Config, Route
from strangler.core.spec.node import DocumentError


@dataclass(frozen=True, slots=True)
class Accepted:
    """A file's text before and after, and the route as it is from now on."""

    before: str
    after: str
    route: Route


def accept(
    path: Path, route: str, rule: NewRule, environ: Mapping[str, str], *, dry_run: bool = False, disk: Disk | None = None
) -> Accepted:
    """Write a rule into the file, unless `dry_run`. On any error the file is as it was.

    Raises:
        ConfigError: the file has problems, or would have with the rule.
        EditError: it cannot be edited as it is written, or has the rule already.
        FileError, ConflictError, BusyError: as `config.file.write` has them.
    """
    snapshot = _read(path)
    before = _config(path, read_config(snapshot.data, environ, path.parent))
    text = add_rule(snapshot.text, route, rule)
    after = _config(path, read_config(text.encode("utf-8"), environ, path.parent))
    changed = next(each for each in after.routes if each.name == route)
    _check(before, after, changed, rule)
    if not dry_run:
        write(snapshot, text, disk=disk)
    return Accepted(snapshot.text, text, changed)


def _read(path: Path) -> Snapshot:
    try:
        return read(path)
    except DocumentError as error:
        raise ConfigError(str(path), [error.problem]) from None


def _config(path: Path, outcome: Outcome) -> Config:
    if outcome.config is None:
        raise ConfigError(str(path), [problem for problem in outcome.problems if not problem.warning])
    return outcome.config


def _check(before: Config, after: Config, changed: Route, rule: NewRule) -> None:
    """Raises EditError unless the configurations are the same but for one item more in one list of one route."""
    was = before.routes[changed.index]
    section = getattr(changed, rule.section)
    items = getattr(section, rule.key)
    restored = replace(changed, **{rule.section: replace(section, **{rule.key: items[:-1]})})
    routes = tuple(restored if route is changed else route for route in after.routes)
    if restored != was or replace(after, routes=routes) != before:
        raise EditError(0, f"route {changed.name!r} cannot be edited without changing more: add {rule} by hand")
