"""The automatic ladder: looks at every route in turn, and carries out what `core.climbing` decides, by the path of every flip.

What cannot be known moves nothing up. Down needs what the guard sees, and nothing else: neither the journal nor the answer of
the last look. Whatever is worth a person's time is told once, until the route has moved on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from strangler.control import probe
from strangler.control.evidence_for import Look, Probe
from strangler.control.flipping.flip import flip
from strangler.control.flipping.order import Done, Effect, Order
from strangler.control.flipping.world import World
from strangler.control.older import Older
from strangler.core import journal as core
from strangler.core.climbing import Decision, Move, Unit, ascent, descent, patience, units, weakest
from strangler.core.cutover import Record
from strangler.core.errors import Refusal, StranglerError
from strangler.core.flip import descend, place_of
from strangler.core.guard.evidence import Evidence
from strangler.core.guard.judge import Step, judge, step, watch
from strangler.core.guard.verdict import Judgement, Verdict
from strangler.core.journal import LADDER, Entry, Kind
from strangler.core.model import Config, Route, Stage

EVERY = 30.0  # seconds between two looks
AGAIN = 86400.0  # seconds after which what was told may be told again
SHARE = 10  # of the time at most one part is spent looking

Tell = Callable[[Mapping[str, Any]], None]
"""Calls a person: takes something JSON-able, and returns at once."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last look has shown, for metrics and pages.

    Attributes:
        verdicts: on each route that was judged: where modern answers clients, on staying there; else on the next step.
        decisions: on each unit.
        would: routes that would be rolled back if they were the ladder's to move.
        holds: reason by route.
        flips: how many went live, by actor.
    """

    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    would: frozenset[str] = frozenset()
    holds: Mapping[str, str] = field(default_factory=dict)
    flips: Mapping[str, int] = field(default_factory=dict)


class Ladder:
    """One for each control process.

    Args:
        world: of the configuration; its guard judges once more before anything climbs.
        tell: calls a person.
        complain: writes to the log.
        ask: whether an upstream answers its health check.

    Attributes:
        seen: what the last look has shown; replaced as a whole.
    """

    def __init__(self, world: World, tell: Tell, complain: Callable[[str], None], ask: Probe = probe.well) -> None:
        self._world, self._tell, self._complain, self._ask = world, tell, complain, ask
        self._here: dict[str, tuple[object, float]] = {}  # unit -> where it was first seen to stand, and when
        self._told: dict[str, tuple[object, float]] = {}
        self._older = Older()
        self._lost = ""
        self._spent = self._rested = self._acting = 0.0
        self.seen = Seen()

    def look(self, config: Config) -> None:
        """Look once, and act. Does not raise; looking that took long is paid for by leaving some looks out, acting is not."""
        began = time.monotonic()
        if began - self._rested < self._spent * (SHARE - 1):
            return
        self._acting = 0.0
        try:
            self._look(config, self._world.now())
        except Exception as error:  # the next look may be luckier, and rollbacks must not end with this one
            self._complain(f"the ladder could not look: {_brief(error)}")
        self._rested = time.monotonic()
        self._spent = self._rested - began - self._acting

    def _look(self, config: Config, now: float) -> None:
        entries = self._entries(config)
        verdicts: dict[str, Verdict] = {}
        decisions: dict[str, Decision] = {}
        with Look(config, now, self._ask, self._older) as look:
            judging = _Judging(look, verdicts)
            for unit in units(config):
                known = self._known(unit, entries, now)
                try:
                    decisions[unit.name] = self._decide(known, judging, now)
                    self._act(known, decisions[unit.name], now)
                except Exception as error:  # whatever is wrong with one, the next one may have to go down
                    self._complain(f"the ladder could not look at {unit.name}: {_brief(error)}")
        self.seen = _seen(config, verdicts, decisions, entries, self.seen)

    def _entries(self, config: Config) -> list[Entry] | None:
        """The journal; None if it cannot be read: then nobody knows what is held."""
        try:
            entries = self._world.journal(config, self._world.read().real).entries()
        except StranglerError as error:
            if str(error) != self._lost:
                self._complain(f"nothing climbs by itself: {error}")
            self._lost = str(error)
            return None
        self._lost = ""
        return entries

    def _known(self, unit: Unit, entries: Sequence[Entry] | None, now: float) -> Unit:
        """With what the journal knows of it."""
        place, first = tuple(map(place_of, unit.routes)), now
        known = self._here.get(unit.name)
        if known is not None and known[0] == place:
            first = known[1]
        self._here[unit.name] = (place, first)
        if entries is None:
            return replace(unit, since=first, held="the journal cannot be read, so it is not known what is held")
        names = {route.name for route in unit.routes}
        record = self._world.record(self._world.read().real) if any(route.data for route in unit.routes) else Record()
        moved = any(record.moved.intersection(route.data) for route in unit.routes if route.match.takes_unsafe)
        holds = [entry for name, entry in core.holds(entries).items() if name in names]
        since = [found for name in names if (found := core.since(entries, name)) is not None]
        pending = any(entry.route in names for entry in core.unsettled(entries)) or not names.isdisjoint(record.held)
        held = f"held by {holds[0].actor}: `strangler resume {unit.name}`" if holds else ""
        return replace(unit, since=max(since, default=first), held=held, pending=pending, moved=moved)

    def _decide(self, unit: Unit, judging: _Judging, now: float) -> Decision:
        if unit.relied_on and (down := descent(unit, judging.staying(unit))) is not None:
            return down
        waits = patience(unit, now)
        if waits is not None:
            judging.glance(unit)
            return waits
        return ascent(unit, judging.climbing(unit))

    def _act(self, unit: Unit, decision: Decision, now: float) -> None:
        began = time.monotonic()
        try:
            self._do(unit, decision, now)
        finally:
            self._acting += time.monotonic() - began

    def _do(self, unit: Unit, decision: Decision, now: float) -> None:
        match decision.move:
            case Move.DESCEND:
                self._order(unit, decision, Order(unit.name, LADDER, rollback=True, reason=decision.why), now)
            case Move.CLIMB if decision.to is not None:
                weight = decision.to.weight or None
                order = Order(unit.name, LADDER, decision.to.stage, weight, reason=decision.why)
                self._order(unit, decision, order, now)
            case _ if decision.told:
                self._say(unit, decision, "needs a person" if decision.move is Move.CALL else "fails", now)

    def _order(self, unit: Unit, decision: Decision, order: Order, now: float) -> None:
        try:
            done = flip(order, self._world)
        except StranglerError as error:
            if not order.rollback and isinstance(error, Refusal):
                return  # the guard, or a hold, between our look and the flip: the next look says why
            what = "could not be rolled back" if order.rollback else "could not be moved"
            why = "; ".join(str(error).splitlines())
            self._say(unit, replace(decision, why=f"{why} ({decision.why})"), what, now)
            return
        if done.effect is not Effect.NOTHING:
            self._told.pop(unit.name, None)
            self._tell(_event(unit, decision, "rolled back" if order.rollback else "climbed", now, done))

    def _say(self, unit: Unit, decision: Decision, event: str, now: float) -> None:
        """Once for each thing to say of a place."""
        key = (event, unit.place)
        told = self._told.get(unit.name)
        if told is not None and told[0] == key and now - told[1] < AGAIN:
            return
        self._told[unit.name] = (key, now)
        self._complain(f"{unit.name} {event}: {decision.why}")
        self._tell(_event(unit, decision, event, now))


class _Judging:
    """Judgements of one look, and the verdicts they come to."""

    def __init__(self, look: Look, verdicts: dict[str, Verdict]) -> None:
        self._look, self._verdicts = look, verdicts
        self._found: dict[str, Evidence] = {}

    def staying(self, unit: Unit) -> Judgement:
        """On all members where they stand."""
        judged = {route.name: watch(self._evidence(route), route.guard) for route in unit.routes}
        return self._noted(judged)

    def climbing(self, unit: Unit) -> Judgement:
        """On the next step of all members."""
        judged = {}
        for route in unit.routes:
            assert unit.next is not None
            kind = step(route.stage, route.weight, unit.next.stage, unit.next.weight)
            evidence = self._look.evidence(route, kind) if kind is Step.SHADOW else self._evidence(route)
            judged[route.name] = judge(kind, evidence, route.guard)
        return weakest(judged) if unit.relied_on else self._noted(judged)

    def glance(self, unit: Unit) -> None:
        """On the next step, for those who only want to know."""
        if not unit.relied_on and unit.next is not None and unit.next.stage is not Stage.SHADOW:
            self.climbing(unit)

    def _evidence(self, route: Route) -> Evidence:
        if route.name not in self._found:
            self._found[route.name] = self._look.evidence(route)
        return self._found[route.name]

    def _noted(self, judged: Mapping[str, Judgement]) -> Judgement:
        self._verdicts.update((name, judgement.verdict) for name, judgement in judged.items())
        return weakest(judged)


def interval(config: Config) -> float:
    """Seconds between two looks: half of the shortest stay, if that is short."""
    stays = [route.ladder.dwell / 2 for route in config.routes if route.ladder.auto]
    return min(EVERY, max(min(stays, default=EVERY), 1.0))


def _seen(
    config: Config,
    verdicts: Mapping[str, Verdict],
    decisions: Mapping[str, Decision],
    entries: Sequence[Entry] | None,
    before: Seen,
) -> Seen:
    called = {name for name, found in decisions.items() if found.move is Move.CALL and found.verdict is Verdict.FAIL}
    would = frozenset(route.name for unit in units(config) if unit.name in called for route in unit.routes)
    if entries is None:  # what was known of the journal goes on
        return replace(before, verdicts=verdicts, decisions=decisions, would=would)
    flips = Counter(recorded.entry.actor for recorded in core.history(entries) if recorded.state is Kind.LIVE)
    holds = {name: entry.reason for name, entry in core.holds(entries).items()}
    return Seen(verdicts, decisions, would, holds, flips)


def _brief(error: Exception) -> str:
    """Ours is made for people; another's text could hold anything."""
    return str(error) if isinstance(error, StranglerError) else type(error).__name__


def _event(unit: Unit, decision: Decision, event: str, now: float, done: Done | None = None) -> dict[str, Any]:
    """What a person is told, JSON-able."""
    now_at = unit.place
    to = decision.to
    if done is not None and done.flips:
        now_at, to = done.flips[0].before, done.flips[0].after
    elif decision.move is Move.DESCEND:
        to = descend(unit.routes[0])
    return {
        "event": event,
        "route": unit.name,
        "routes": [route.name for route in unit.routes],
        "from": str(now_at),
        "to": str(to) if to is not None else None,
        "verdict": str(decision.verdict) if decision.verdict is not None else None,
        "reason": decision.why,
        "at": now,
    }
