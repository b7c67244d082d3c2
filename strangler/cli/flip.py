"""`strangler flip` and `strangler rollback`: the way up, for which a guard is asked, and the way down, for which nobody is."""

from __future__ import annotations

import json
import time
from difflib import unified_diff
from pathlib import Path

import click

from strangler.cli.cutover import carry_out as cut_over
from strangler.cli.cutover import writes_are_moderns
from strangler.cli.diffs_screen import show
from strangler.cli.flip_screen import done_screen, planned_screen, refused_screen
from strangler.cli.flip_world import actor, as_option, finish, reason_option, world_of
from strangler.cli.options import config_option, json_option
from strangler.cli.terminal import console, count
from strangler.control.cutover.order import Order as Cutover
from strangler.control.flipping import door
from strangler.control.flipping.draft import draft
from strangler.control.flipping.flip import flip
from strangler.control.flipping.order import Done, Effect, Order, Refused
from strangler.control.flipping.world import World
from strangler.control.plain import done_as_json, refused_as_json
from strangler.core.errors import Refusal
from strangler.core.model import Stage
from strangler.core.units import Share, parse_percent

REFUSED = Refusal.exit_code
_STAGES = click.Choice([str(stage) for stage in Stage])


def _percent(context: click.Context, parameter: click.Parameter, value: str | None) -> Share | None:
    try:
        return parse_percent(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("flip")
@click.argument("route", metavar="ROUTE|@GROUP")
@click.argument("stage", type=_STAGES)
@click.option("--weight", metavar="P", callback=_percent, help="Of a canary: 5%, say. The ladder's first step if not given.")
@reason_option
@click.option("--force", is_flag=True, help="Flip whatever the guard says. Needs --reason; a hold stays a hold.")
@click.option("--dry-run", is_flag=True, help="Show the change of the file and the verdict; change nothing.")
@as_option
@config_option
@json_option
def command(
    route: str,
    stage: str,
    weight: Share | None,
    reason: str,
    force: bool,
    dry_run: bool,
    name: str | None,
    path: Path,
    as_json: bool,
) -> int:
    """Move a route, or the routes of a group as one, to another stage: if the guard lets it, or down, which needs nothing.

    Returns when every worker decides by it. Exit code 3 if it is refused, with all that is missing.

    \b
    strangler flip read-order canary --weight 5%
    strangler flip @orders modern --dry-run
    """
    order = Order(route, actor(name), Stage(stage), weight, reason=reason, force=force, dry_run=dry_run)
    return carry_out(order, world_of(path), as_json)


@click.command("rollback")
@click.argument("route", metavar="ROUTE|@GROUP")
@click.option("--to", "stage", type=_STAGES, help="The stage: shadow if not given, and from there legacy.")
@reason_option
@as_option
@config_option
@json_option
def rollback(route: str, stage: str | None, reason: str, name: str | None, path: Path, as_json: bool) -> int:
    """Take a route back, or the routes of a group, at once. It needs no evidence, no store and no room on the disk.

    It sets a hold: nothing climbs there again until `strangler resume`. Where a cutover has given the data to modern, it is the
    cutover backwards, which needs both databases.
    """
    world = world_of(path)
    if writes_are_moderns(route, world):
        back = Cutover(route, actor(name), back=True, stage=Stage(stage) if stage else None, reason=reason)
        return cut_over(back, world, as_json)
    order = Order(route, actor(name), Stage(stage) if stage else None, rollback=True, reason=reason)
    return carry_out(order, world, as_json)


def carry_out(order: Order, world: World, as_json: bool) -> int:
    """Give the order, say what came of it, and bring the journal home; the exit code."""
    begun = time.monotonic()
    try:
        done = flip(order, world)
    except Refused as refused:
        if as_json:
            click.echo(json.dumps(refused_as_json(refused, time.monotonic() - begun)))
        else:
            show(console(), refused_screen(order, refused))
        return REFUSED
    seconds = time.monotonic() - begun
    if done.effect is Effect.PLANNED or (order.dry_run and done.effect is Effect.NOTHING):
        return _say_planned(order, done, world, as_json, seconds)
    workers = _workers(world) if done.effect is Effect.LIVE else None
    if as_json:
        click.echo(json.dumps(done_as_json(done, seconds, workers)))
    else:
        show(console(), done_screen(order, done, _crew(workers), seconds))
    finish(world)
    return 0


def _say_planned(order: Order, done: Done, world: World, as_json: bool, seconds: float) -> int:
    changes = _changes(order, world)
    if as_json:
        click.echo(json.dumps({**done_as_json(done, seconds), "changes": changes}))
    else:
        show(console(), planned_screen(order, done, changes))
    return REFUSED if done.objections else 0


def _changes(order: Order, world: World) -> list[str]:
    """The lines of the file that would change, with one around them."""
    snapshot = world.read()
    after = draft(order, world, snapshot).text
    lines = unified_diff(snapshot.text.splitlines(), after.splitlines(), lineterm="", n=1)
    return [line for line in list(lines)[2:] if not line.startswith("@@")]


def _workers(world: World) -> int | None:
    """How many workers serve the file; None if that cannot be told any more."""
    state = door.state(world.read().real)
    return sum(place["name"].startswith("worker ") for place in state["crew"]) if state else None


def _crew(workers: int | None) -> str:
    if workers == 1:
        return "the worker decides"
    return f"all {count(workers, 'worker')} decide" if workers else "every worker decides"
