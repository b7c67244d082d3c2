"""`strangler hold` and `strangler resume`: whether a route may climb."""

from __future__ import annotations

import json
from pathlib import Path

import click

from strangler.cli.flip_world import actor, as_option, finish, reason_option, world_of
from strangler.cli.options import config_option, json_option
from strangler.cli.terminal import clean
from strangler.control.flipping.hold import hold as set_hold
from strangler.control.flipping.hold import resume as lift_hold


@click.command("hold")
@click.argument("route", metavar="ROUTE|@GROUP")
@reason_option
@as_option
@config_option
@json_option
def command(route: str, reason: str, name: str | None, path: Path, as_json: bool) -> None:
    """Let a route, or the routes of a group, climb no further: not by itself, not by hand, not by an edit of the file.

    The way down stays open. `strangler resume` ends it.
    """
    world = world_of(path)
    held = set_hold(route, actor(name), reason, world)
    if as_json:
        click.echo(json.dumps({"held": held}))
    elif held:
        click.echo(clean(f"held: {', '.join(held)}: nothing climbs there until `strangler resume {route}`"))
    else:
        click.echo(clean(f"{route} is held already: nothing to do"))
    finish(world)


@click.command("resume")
@click.argument("route", metavar="ROUTE|@GROUP")
@reason_option
@as_option
@config_option
@json_option
def resume(route: str, reason: str, name: str | None, path: Path, as_json: bool) -> None:
    """End the hold on a route, or on the routes of a group: they may climb again."""
    world = world_of(path)
    freed = lift_hold(route, actor(name), reason, world)
    if as_json:
        click.echo(json.dumps({"resumed": freed}))
    elif freed:
        click.echo(clean(f"resumed: {', '.join(freed)}: what the guard lets pass may climb again"))
    else:
        click.echo(clean(f"{route} is not held: nothing to do"))
    finish(world)
