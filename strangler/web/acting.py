"""What operators can do: flips, by the one path that commands take, and holds. Everything here may block."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from strangler.control.accepting import Wish, accept, acceptance_as_json
from strangler.control.cutover.order import HOLD
from strangler.control.cutover.order import Effect as Ended
from strangler.control.cutover.order import Order as Cutover
from strangler.control.cutover.plain import done_as_json as cutover_as_json
from strangler.control.flipping.flip import flip
from strangler.control.flipping.hold import hold, resume
from strangler.control.flipping.order import Done, Effect, Order, Refused
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.control.plain import done_as_json, refused_as_json
from strangler.core.errors import DatabaseError, Refusal, StranglerError
from strangler.core.model import Stage
from strangler.web.answers import Turned
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked


def flip_route(desk: Desk, asked: Asked) -> Any:
    """Move a route or a group: up if the guard lets it, down without asking it."""
    given = asked.given
    order = Order(
        given["route"],
        asked.actor.name,
        Stage(given["stage"]),
        given["weight"],
        reason=given["reason"],
        force=given["force"],
        dry_run=given["dry_run"],
    )
    return _carry_out(desk, order)


def roll_back(desk: Desk, asked: Asked) -> Any:
    """Take a route or a group back, at once; nothing climbs there until somebody resumes."""
    given = asked.given
    stage = Stage(given["to"]) if given["to"] else None
    order = Order(given["route"], asked.actor.name, stage, rollback=True, reason=given["reason"], dry_run=given["dry_run"])
    return _carry_out(desk, order)


def cut_over(desk: Desk, asked: Asked) -> Any:
    """Move a group's writes and the ownership of their data to modern, or back; in the answer is what each step took."""
    begun, given = time.monotonic(), asked.given
    order = Cutover(
        given["route"],
        asked.actor.name,
        given["back"],
        Stage(given["to"]) if given["to"] else None,
        given["reason"],
        given["force"],
        given["hold"] if given["hold"] is not None else HOLD,
        given["dry_run"],
    )
    done = desk.control.cutovers.carry_out(order)
    said = {**cutover_as_json(done), "seconds": round(time.monotonic() - begun, 3)}
    if done.effect is Ended.UNSETTLED:
        raise Turned(503, "unsettled", f"not settled: {done.why}", exit_code=DatabaseError.exit_code, done=said)
    if done.effect in (Ended.REFUSED, Ended.REVERTED):
        why = "; ".join(done.objections) or done.why
        raise Turned(409, str(done.effect), f"{done.effect}: {why}", exit_code=Refusal.exit_code, done=said)
    return said


def accept_cause(desk: Desk, asked: Asked) -> Any:
    """Let a cause pass from now on: one rule in the file, and the cause is marked."""
    given = asked.given
    wish = Wish(given["as"] or "", given["kind"] or "", given["key"], given["abs"], given["seconds"])
    found = accept(desk.path, desk.config, given["cause"], wish, os.environ, dry_run=given["dry_run"])
    return acceptance_as_json(found, desk.path)


def hold_route(desk: Desk, asked: Asked) -> Any:
    """Let a route or a group climb no further."""
    return {"held": list(_mark(desk, asked, hold))}


def resume_route(desk: Desk, asked: Asked) -> Any:
    """Let a route or a group climb again."""
    return {"resumed": list(_mark(desk, asked, resume))}


def _carry_out(desk: Desk, order: Order) -> Any:
    begun, world = time.monotonic(), desk.world
    try:
        done = flip(order, world)
    except Refused as refused:
        said = refused_as_json(refused, time.monotonic() - begun)
        raise Turned(409, "refused", str(refused), exit_code=refused.exit_code, done=said) from None
    said = done_as_json(done, time.monotonic() - begun, _workers(desk, done))
    if not order.dry_run:
        _keep(world)
    return said


def _keep(world: World) -> None:
    """Bring the journal into the store now. If that cannot be, somebody does it later: nothing is lost."""
    with suppress(StranglerError):
        keep(world)


def _workers(desk: Desk, done: Done) -> int | None:
    return desk.control.settings["slots"] if done.effect is Effect.LIVE else None


def _mark(desk: Desk, asked: Asked, mark: Callable[[str, str, str, World], tuple[str, ...]]) -> tuple[str, ...]:
    world = desk.world
    names = mark(asked.given["route"], asked.actor.name, asked.given["reason"], world)
    _keep(world)
    return names
