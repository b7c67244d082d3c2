"""What stands against a cutover, all at once: in the file, in the journal, of the guard, in both databases and in who serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from strangler.config.file import Snapshot
from strangler.control.cutover.hands import Hands
from strangler.control.cutover.order import Order
from strangler.control.flipping.draft import held, unmet
from strangler.core import journal as core
from strangler.core.cutover import Record
from strangler.core.cutover_terms import goal, mappings_of, not_ready, objections, reads
from strangler.core.errors import Refusal, StranglerError
from strangler.core.flip import Flip, members
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Config, Route


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen.

    Attributes:
        flips: that it would make; empty if there are none to make.
        against: why it is refused, one line each.
        rehearsal: how the data would go; of a dry run alone.
    """

    snapshot: Snapshot
    config: Config
    routes: tuple[Route, ...]
    record: Record
    flips: tuple[Flip, ...] = ()
    mappings: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    rehearsal: Mapping[str, Any] = field(default_factory=dict)


def look(order: Order, hands: Hands) -> Look:
    """Look at everything. Raises UsageError: there is no such route, or the file or the record is wrong."""
    world = hands.world
    snapshot = world.read()
    config = world.config(snapshot.data)
    routes = members(config, order.name)
    record = hands.read()
    names = mappings_of(routes)
    flips, against = _flips(order, routes)
    against += objections(config, routes, order.to, record.moved)
    if not order.force:
        against += not_ready(routes, order.to)
    if record.move is not None:
        against.append(f"the cutover of {record.move.name} is not settled yet: `strangler status` shows how far it is")
    judgements, found = _of_journal_and_guard(order, hands, snapshot, config, flips)
    against += [*found, *_of_the_proxy(order, hands, snapshot)]
    rehearsal, of_data = _of_the_data(order, hands, config, names) if names else ({}, [])
    against = list(dict.fromkeys((*against, *of_data)))
    return Look(snapshot, config, routes, record, flips, names, tuple(against), judgements, rehearsal)


def _flips(order: Order, routes: tuple[Route, ...]) -> tuple[tuple[Flip, ...], list[str]]:
    try:
        return goal(routes, order.to, order.stage), []
    except Refusal as error:
        return (), [str(error)]


def _of_journal_and_guard(
    order: Order, hands: Hands, snapshot: Snapshot, config: Config, flips: tuple[Flip, ...]
) -> tuple[Mapping[str, Judgement], list[str]]:
    """The way back asks neither: it only needs data that can go back. The guard judges what reads: no write was compared."""
    climbing = [flip for flip in flips if flip.up]
    if not climbing:
        return {}, []
    named = {route.name: route for route in config.routes}
    reading = [flip for flip in climbing if reads(named[flip.route])]
    world, judgements, against = hands.world, dict[str, Judgement](), list[str]()
    if not reading and not order.force:
        against.append(f"{order.name}: no route of it reads, so nothing shows that modern does it right: --force --reason WHY")
    try:
        entries = world.journal(config, snapshot.real).entries()
        against += held(climbing, entries)
        names = {flip.route for flip in climbing}
        open_ = sorted({entry.route for entry in core.unsettled(entries)} & names)
        against += [f"{name}: a flip of it is under way: `strangler journal {name}`" for name in open_]
    except StranglerError as error:
        against.append(f"what is held is not known: {error}")
    try:
        judgements = dict(world.judge(config, reading)) if reading else {}
        against += [] if order.force else unmet(reading, judgements)
    except StranglerError as error:
        against += [] if order.force else [f"guard: {error}"]
    return judgements, against


def _of_the_proxy(order: Order, hands: Hands, snapshot: Snapshot) -> Iterator[str]:
    state = hands.state()
    if state is None:
        if not order.dry_run:
            yield f"nobody serves {snapshot.path}: start `strangler serve`, which holds the writes"
    elif state["digest"] != snapshot.revision or not state["serving"] or state["problems"]:
        yield f"pid {state['pid']} does not serve {snapshot.path} as it is: `strangler status` says why"


def _of_the_data(order: Order, hands: Hands, config: Config, names: tuple[str, ...]) -> tuple[Mapping[str, Any], list[str]]:
    try:
        with hands.sides(config, names) as sides:
            against = list(sides.refusals(order.to))
            return sides.rehearsal(order.to) if order.dry_run else {}, against
    except StranglerError as error:
        return {}, str(error).splitlines()
