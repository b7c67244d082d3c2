"""`strangler cutover`: writes and the ownership of their data go over as one, or come back; every step with its time."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from strangler.cli.cutover_screen import ended_screen, planned_screen, refused_screen, step_line
from strangler.cli.diffs_screen import show
from strangler.cli.flip_world import actor, as_option, reason_option, world_of
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.terminal import console
from strangler.control.cutover.driver import cutover
from strangler.control.cutover.hands import Hands
from strangler.control.cutover.order import HOLD, Effect, Order, order_as_json
from strangler.control.cutover.plain import done_as_json
from strangler.control.flipping import door
from strangler.control.flipping.world import World
from strangler.control.frames import FrameError, Head
from strangler.core.errors import DatabaseError, Refusal, StranglerError, UnreachableError, UsageError
from strangler.core.flip import members
from strangler.core.model import Stage
from strangler.core.units import parse_duration

PATIENCE = 900.0  # seconds without a word of a step; what is compared beforehand may take long
SETTLING = 30.0  # seconds for a control process that was started anew to settle what its predecessor left
_LOOK = 0.1
LEFT = "strangler: the cutover goes on, and is taken back if it cannot end in time: `strangler status` shows how far it is"

ENDS = {Effect.REFUSED: Refusal.exit_code, Effect.REVERTED: Refusal.exit_code, Effect.UNSETTLED: DatabaseError.exit_code}


def _seconds(context: click.Context, parameter: click.Parameter, value: str) -> float:
    try:
        return float(parse_duration(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("cutover")
@click.argument("route", metavar="@GROUP|ROUTE")
@click.option("--back", is_flag=True, help="The other way: legacy gets the writes and the data again.")
@click.option("--to", "stage", type=click.Choice(["shadow", "legacy"]), help="With --back: the stage; shadow if not given.")
@click.option("--dry-run", is_flag=True, help="Rehearse: say what stands against it and how long it would take; hold nothing.")
@click.option("--hold", default=f"{HOLD:g}s", show_default=True, callback=_seconds, help="How long writes may wait at most.")
@reason_option
@click.option("--force", is_flag=True, help="Whatever the guard says. Needs --reason; what stands against the data stays.")
@as_option
@config_option
@json_option
def command(
    route: str,
    back: bool,
    stage: str | None,
    dry_run: bool,
    hold: float,
    reason: str,
    force: bool,
    name: str | None,
    path: Path,
    as_json: bool,
) -> int:
    """Move the writes of a group and the ownership of their data to modern, in one step, while clients go on.

    Writes wait for the moment that it takes; reads never do. What fails before the databases are told is taken back, and nobody
    has waited for longer than --hold. Exit code 3 if it is refused or taken back, with every reason; 5 if it is not settled yet.

    \b
    strangler cutover @orders --dry-run
    strangler cutover @orders --reason "after the rehearsal of Monday"
    strangler cutover @orders --back
    """
    order = Order(route, actor(name), back, Stage(stage) if stage else None, reason, force, hold, dry_run)
    return carry_out(order, world_of(path), as_json)


def carry_out(order: Order, world: World, as_json: bool) -> int:
    """Give the order, tell every step, and say what came of it; the exit code."""
    order.check()
    begun = time.monotonic()
    done = _rehearsed(order, world) if order.dry_run else _moved(order, world, as_json)
    done["seconds"] = round(time.monotonic() - begun, 3)
    effect = Effect(done["effect"])
    if as_json:
        click.echo(json.dumps(done))
    else:
        screens = {Effect.PLANNED: planned_screen, Effect.REFUSED: refused_screen}
        show(console(), screens.get(effect, ended_screen)(order, done))
    if effect is Effect.PLANNED:
        return Refusal.exit_code if done["objections"] else 0
    return ENDS.get(effect, 0)


def writes_are_moderns(name: str, world: World) -> bool:
    """Whether a rollback of a route or a group would have to take data back. Raises UsageError if there is no such route."""
    snapshot = world.read()
    routes = members(world.config(snapshot.data), name)
    if not any(route.data and route.match.takes_unsafe for route in routes):
        return False
    moved = world.record(snapshot.real).moved
    return any(moved.intersection(route.data) for route in routes if route.match.takes_unsafe)


def _rehearsed(order: Order, world: World) -> dict[str, Any]:
    hands = Hands(world, environment())
    with closing(hands):
        return done_as_json(cutover(order, hands))


def _moved(order: Order, world: World, as_json: bool) -> dict[str, Any]:
    """By the control process, which can be relied on to be there."""
    real = world.read().real
    found = door.find(real)
    if found is None:
        raise UnreachableError(f"nobody serves {world.path}: start `strangler serve`, which holds the writes")
    terminal = console()
    with closing(found):
        for head in _heard(found, {"do": "cutover", "order": order_as_json(order)}):
            if "told" in head and not as_json and (line := step_line(head["told"])) is not None:
                show(terminal, [line])
            if head.get("broken"):
                return _settled(order, world)
            if "error" in head:
                raise _error(head)
            if head.get("over"):
                return dict(head["done"])
    return _settled(order, world)


def _heard(found: door.Door, question: Head) -> Iterator[Head]:
    """What the control process says, as it goes on; whether anybody listens makes no difference to it."""
    try:
        yield from found.listen(question, PATIENCE)
    except KeyboardInterrupt:
        click.echo(LEFT, err=True)
        raise
    except (OSError, FrameError):
        return  # it has gone, or says nothing: the record tells


def _settled(order: Order, world: World) -> dict[str, Any]:
    """The process that did it has died: what the next one makes of it."""
    deadline = time.monotonic() + SETTLING
    while (record := world.record(world.read().real)).move is not None and time.monotonic() < deadline:
        time.sleep(_LOOK)
    snapshot = world.read()
    names = {name for route in members(world.config(snapshot.data), order.name) for name in route.data}
    moved = names <= record.moved if order.to == "new" else not names & record.moved
    effect = Effect.UNSETTLED if record.move is not None else Effect.DONE if moved else Effect.REVERTED
    owners = {name: {"owner": side, "epoch": epoch} for name, (side, epoch) in record.owners.items() if name in names}
    said: dict[str, Any] = {"effect": str(effect), "why": "the control process died on the way", "owners": owners}
    return {**said, "flips": [], "mappings": sorted(names), "notes": [], "held": None, "waited": 0}


def _error(head: Head) -> StranglerError:
    """As the control process raised it."""
    ours: tuple[type[StranglerError], ...] = (UsageError, Refusal, UnreachableError, DatabaseError)
    kinds = {kind.exit_code: kind for kind in ours}
    return kinds.get(head.get("exit_code", 1), StranglerError)(head["error"])
