"""What an order means for the file as it is: which routes move, to what text, and what stands against it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from strangler.config.edit import Change, edit
from strangler.config.file import Snapshot
from strangler.config.survey import EditError
from strangler.control.flipping.order import Order
from strangler.control.flipping.world import World
from strangler.core import journal
from strangler.core.cutover import Record
from strangler.core.errors import ConfigError, UsageError
from strangler.core.flip import Flip, Place, asked, descend, members, place_of, plan
from strangler.core.guard.verdict import Judgement, Verdict
from strangler.core.journal import Entry
from strangler.core.model import Config, Route, Stage
from strangler.core.spec.node import DocumentError


@dataclass(frozen=True, slots=True)
class Draft:
    """An order, thought through.

    Attributes:
        routes: that the order names.
        text: of the file as it will be.
        judgements: of the guard, by route.
        doubts: why the guard was not heard; only a forced flip goes on with these.
        record: of cutovers, as it was.
    """

    snapshot: Snapshot
    config: Config
    routes: tuple[Route, ...]
    flips: tuple[Flip, ...]
    text: str
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    doubts: str = ""
    record: Record = Record()

    @property
    def climbing(self) -> tuple[Flip, ...]:
        return tuple(flip for flip in self.flips if flip.up)

    def asks_the_same_as(self, other: Draft) -> bool:
        """Whether what a guard has said of one holds for the other: they differ in nothing but routes that do not move."""
        mine, others = replace(self.config, routes=self.routes), replace(other.config, routes=other.routes)
        return self.flips == other.flips and mine == others


def draft(order: Order, world: World, snapshot: Snapshot) -> Draft:
    """Think an order through.

    Raises:
        UsageError: there is no such route, the file has problems, or would have some.
        Refusal: there is nothing to roll back.
    """
    config = world.config(snapshot.data)
    routes = members(config, order.name)
    record = world.record(snapshot.real) if any(route.data for route in routes) else Record()
    flips = tuple(flip for route in routes for flip in plan([route], _goal(order, route, routes)))
    return Draft(snapshot, config, routes, flips, _edited(world, snapshot, flips) if flips else snapshot.text, record=record)


def objections(order: Order, drafted: Draft, entries: Iterable[Entry]) -> tuple[str, ...]:
    """What stands against the way up: holds and cutovers, whatever is forced, and the guard."""
    found = [*held(drafted.climbing, entries), *cutovers(drafted.climbing, drafted.routes, drafted.record.moved)]
    if not order.force:
        found += unmet(drafted.climbing, drafted.judgements)
    return tuple(found)


def held(flips: Sequence[Flip], entries: Iterable[Entry]) -> Iterator[str]:
    """The holds that flips would cross, in words."""
    holds = journal.holds(entries)
    for flip in flips:
        hold = holds.get(flip.route)
        if hold is not None:
            when = datetime.fromtimestamp(hold.at).astimezone().isoformat(" ", "minutes")
            why = f", because: {hold.reason}" if hold.reason else ""
            yield f"{flip.route}: held by {hold.actor} since {when}{why}: `strangler resume {flip.route}` first"


def unmet(flips: Sequence[Flip], judgements: Mapping[str, Judgement]) -> Iterator[str]:
    """What the guard misses, one line for each condition."""
    for flip in flips:
        judgement = judgements.get(flip.route)
        if judgement is None or not judgement.findings:
            yield f"{flip.route}: guard: {Verdict.NOT_ENOUGH}: nothing is known of it"
        else:
            for finding in judgement.unmet:
                yield f"{flip.route}: {finding.condition}: {finding.verdict}: {finding.words}"


def cutovers(flips: Sequence[Flip], routes: Iterable[Route], moved: Collection[str] = ()) -> Iterator[str]:
    """Flips that would move writes without the data that they are written to: there would be two masters.

    Args:
        moved: mappings that modern owns.
    """
    named = {route.name: route for route in routes}
    for flip in flips:
        route = named[flip.route]
        stays = [name for name in route.data if (name in moved) is not flip.up]
        past = flip.after.stage.rung > Stage.CANARY.rung >= flip.before.stage.rung
        home = flip.after.stage.rung < Stage.CANARY.rung
        if not stays or not route.match.takes_unsafe or not (past if flip.up else home):
            continue
        back = "" if flip.up else " --back"
        advice = "; reads can go alone as a route with `methods: [GET, HEAD]`" if flip.up else ""
        name = f"@{route.group}" if route.group else route.name
        command = f"`strangler cutover {name}{back}`{advice}"
        yield f"{flip.route}: its writes move the ownership of {', '.join(stays)}: that is {command}"


def under_way(flips: Sequence[Flip], record: Record) -> Iterator[str]:
    """Flips of routes that are just being cut over."""
    if record.move is not None:
        for flip in flips:
            if flip.route in record.held:
                yield f"{flip.route}: a cutover of {record.move.name} is under way: `strangler status` shows how far it is"


def _goal(order: Order, route: Route, routes: Sequence[Route]) -> Place:
    if order.rollback:
        return descend(route, order.stage)
    assert order.stage is not None
    return asked(routes, order.stage, order.weight)


def _edited(world: World, snapshot: Snapshot, flips: Sequence[Flip]) -> str:
    """The text with the flips made. It is read as the workers will read it, so that nobody is promised what they refuse."""
    try:
        text = world.edited(snapshot, flips, edited)
        config = world.config(text.encode("utf-8"))
    except ConfigError as error:
        raise UsageError("\n".join(("the flip would make a file with problems:", str(error)))) from None
    places = {route.name: place_of(route) for route in config.routes}
    assert all(places[flip.route] == flip.after for flip in flips)
    return text


def edited(snapshot: Snapshot, flips: Sequence[Flip]) -> str:
    """The text with the flips made. Raises UsageError if it cannot be edited."""
    try:
        return edit(snapshot.text, [change(flip.route, flip.after) for flip in flips])
    except (EditError, DocumentError) as error:
        raise UsageError(f"{snapshot.path}: {error}") from None


def change(route: str, place: Place) -> Change:
    """What has to be written for a route to stand at a place."""
    return Change(route, place.stage, place.weight if place.stage is Stage.CANARY else None)
