"""`strangler status`: where every route stands, how it goes, and what needs attention first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from strangler.cli.diffs_screen import show
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.status_look import look
from strangler.cli.status_screen import details, overview
from strangler.cli.terminal import clean, console
from strangler.config import file
from strangler.config.load import load
from strangler.control.flipping import door
from strangler.control.standings import as_json as overview_as_json
from strangler.core.errors import ConfigError, UsageError
from strangler.core.flip import members
from strangler.core.model import Config, Route
from strangler.core.spec.reader import nearest


@click.command("status")
@click.argument("route", metavar="[ROUTE|@GROUP]", required=False)
@click.option("--all", "everything", is_flag=True, help="Every route, also those with nothing to do, and those in groups.")
@config_option
@json_option
def command(route: str | None, everything: bool, path: Path, as_json: bool) -> None:
    """Say of every route its stage, traffic, agreement, latency, and whether the guard lets it climb; or all about one.

    Works without a running proxy, too: it says so, and shows the file and the last evidence.
    """
    config = loaded(path)
    seen = look(config, path, chosen(config, route))
    if as_json:
        return click.echo(json.dumps(overview_as_json(seen)))
    terminal = console()
    if route is not None and len(seen.units) == 1:
        return show(terminal, details(seen, seen.units[0], path))
    return show(terminal, overview(seen, path, terminal.width, everything=everything))


def loaded(path: Path) -> Config:
    """The configuration. Of one with problems it is said as well whether somebody serves what it was before."""
    try:
        return load(path, environment())
    except ConfigError:
        state = door.state(file.read(path).real)
        if state is not None:
            click.echo(f"pid {state['pid']} goes on serving what {clean(str(path))} was before; now it has problems:", err=True)
        raise


def chosen(config: Config, name: str | None) -> Sequence[Route]:
    """The routes that a name stands for: all, a route, or those of a group. Raises UsageError if there is none."""
    if name is None:
        return config.routes
    if name.startswith("@"):
        return members(config, name)
    found = [route for route in config.routes if route.name == name]
    if not found:
        raise UsageError(f"there is no route {clean(name)!r}{nearest(name, [route.name for route in config.routes])}")
    return found
