"""Carrying letters to a sink: one lane beside the other, or the next letters of many lanes in one call."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from reconcile.outbox.health import Health
from reconcile.outbox.judgement import Course
from reconcile.outbox.lanes import Lane
from reconcile.outbox.mail import Letter
from reconcile.outbox.scales import Scales
from reconcile.relaying.patience import Patience
from reconcile.sinks.event import Event
from reconcile.sinks.sink import BEHIND, Delivered, Failed, Outcome, Refused, Sink, Unavailable
from strangler.core.errors import DatabaseError

_CUT_OFF = "the relay was stopped while it was sent"
_NAMES = {Delivered: "delivered", Failed: "failed", Refused: "refused", Unavailable: "unavailable"}


@dataclass(slots=True, eq=False)
class Trip:
    """A lane under way. `until`: nothing of it is sent later, for it may be somebody else's by then (on the relay's clock)."""

    course: Course
    letters: deque[Letter]
    until: float

    @property
    def lane(self) -> Lane:
        return self.course.lane

    @property
    def is_over(self) -> bool:
        return self.course.over or not self.letters


@dataclass(slots=True)
class Post:
    """What every carrier of a sink needs.

    Attributes:
        load: gives payloads by sequence.
        through: is told of a lane that is to be settled.
        counts: outcomes so far, by name.
    """

    sink: Sink
    patience: Patience
    health: Health
    load: Callable[[Sequence[int]], Awaitable[dict[int, bytes]]]
    through: Callable[[Trip], None]
    draw: Callable[[], float]
    clock: Callable[[], float]
    scales: Scales
    counts: Counter[str] = field(default_factory=Counter)
    stopping: bool = False

    def objection(self, trip: Trip) -> str:
        """Why nothing more of a lane may be sent now; "" if it may."""
        if self.stopping:
            return "the relay was stopped"
        instant = self.clock()
        if instant >= trip.until:
            return "its lease could not be renewed"
        return self.health.why if instant < self.health.resumes_at else ""

    def prepare(self, trip: Trip) -> None:
        """See to letters that are not to be sent, up to the first one that is."""
        while not trip.is_over and (trip.letters[0].void or trip.letters[0].broken):
            letter = trip.letters.popleft()
            self.counts["refused"] += bool(letter.broken)
            outcome = Refused(letter.broken) if letter.broken else Delivered()
            trip.course.take([(letter.event.sequence, outcome)], self.patience, self.draw())
        if not trip.is_over and (why := self.objection(trip)):
            trip.course.put_off(why)

    async def send(self, parcel: Sequence[tuple[Trip, Letter]]) -> None:
        """Send these in one call, and write down on each lane's course what became of them."""
        letters = [letter for _, letter in parcel]
        async with self.scales.carrying(sum(letter.size for letter in letters if not letter.here)):
            try:
                events = await self._whole(letters)
            except DatabaseError as error:
                for trip, _ in parcel:
                    trip.course.put_off(str(error))
                return
            outcomes = await self._outcomes(events)
        self._judge(parcel, outcomes)

    async def _whole(self, letters: Sequence[Letter]) -> list[Event]:
        missing = [letter.event.sequence for letter in letters if not letter.here]
        found = await self.load(missing) if missing else {}
        return [
            letter.event if letter.here else replace(letter.event, payload=found[letter.event.sequence]) for letter in letters
        ]

    async def _outcomes(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """A sink should raise nothing; one that does has failed."""
        try:
            outcomes = await self.sink.send(events)
        except Exception as error:
            return [Failed(f"the sink broke: {type(error).__name__}: {error}")] * len(events)
        if len(outcomes) != len(events):
            return [Failed(f"the sink gave {len(outcomes)} outcomes for {len(events)} events")] * len(events)
        return outcomes

    def _judge(self, parcel: Sequence[tuple[Trip, Letter]], outcomes: Sequence[Outcome]) -> None:
        counted = self._note(parcel, outcomes)
        found: dict[Trip, list[tuple[int, Outcome]]] = {}
        for (trip, letter), outcome in zip(parcel, outcomes, strict=True):
            found.setdefault(trip, []).append((letter.event.sequence, outcome))
        for trip, some in found.items():
            trip.course.take(some, self.patience, self.draw(), counts=counted)

    def _note(self, parcel: Sequence[tuple[Trip, Letter]], outcomes: Sequence[Outcome]) -> bool:
        """What the outcomes say of the sink; whether what failed is to be held against its lane."""
        tried = [(trip, outcome) for (trip, _), outcome in zip(parcel, outcomes, strict=True) if outcome != BEHIND]
        self.counts.update(_NAMES[type(outcome)] for _, outcome in tried)
        self.counts["known"] += sum(isinstance(outcome, Delivered) and outcome.known for _, outcome in tried)
        answers = any(isinstance(outcome, Delivered | Refused) for _, outcome in tried)
        if answers:
            self.health.delivered()
        for _, outcome in tried:
            if isinstance(outcome, Unavailable):
                self.health.away(outcome.why, outcome.after, self.clock(), self.draw())
        failed = {trip.lane.key: outcome.why for trip, outcome in tried if isinstance(outcome, Failed)}
        if not failed or answers:
            return True
        return self.health.failed(failed, next(iter(failed.values())), self.clock(), self.draw())


class Carrier(Protocol):
    """Carries lanes until they are through, which it tells `Post.through`."""

    def take(self, trip: Trip) -> None: ...

    def stop(self) -> None:
        """No more than what is being sent; what waits is put off."""

    async def end(self, seconds: float) -> None:
        """Wait for what is being sent, and cut it off after so many seconds. Raises what went wrong here, if anything did."""


class Singly:
    """Each lane by itself, at the same time: for sinks that take one event in a call."""

    def __init__(self, post: Post) -> None:
        self._post, self._tasks = post, set[asyncio.Task[None]]()

    def take(self, trip: Trip) -> None:
        task = asyncio.create_task(self._carry(trip))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self) -> None:
        """Each lane looks before it sends."""

    async def end(self, seconds: float) -> None:
        await _ended(self._tasks, seconds)

    async def _carry(self, trip: Trip) -> None:
        try:
            while not trip.is_over:
                self._post.prepare(trip)
                if not trip.is_over:
                    await self._post.send([(trip, trip.letters.popleft())])
        except asyncio.CancelledError:
            trip.course.put_off(_CUT_OFF)
            raise
        finally:
            self._post.through(trip)


class Together:
    """The next letters of all lanes that are ready, in one call after the other: for sinks that take several."""

    def __init__(self, post: Post) -> None:
        self._post, self._ready, self._some = post, deque[Trip](), asyncio.Event()
        self._task = {asyncio.create_task(self._run())}

    def take(self, trip: Trip) -> None:
        self._ready.append(trip)
        self._some.set()

    def stop(self) -> None:
        self._some.set()

    async def end(self, seconds: float) -> None:
        await _ended(self._task, seconds)

    async def _run(self) -> None:
        while self._ready or not self._post.stopping:
            if not self._ready:
                self._some.clear()
                await self._some.wait()
            elif parcel := self._parcel():
                await self._carry(parcel)

    async def _carry(self, parcel: Sequence[tuple[Trip, Letter]]) -> None:
        trips = dict.fromkeys(trip for trip, _ in parcel)
        try:
            await self._post.send(parcel)
        except asyncio.CancelledError:
            for trip in trips:
                trip.course.put_off(_CUT_OFF)
            raise
        finally:
            self._ready.extendleft(trip for trip in reversed(trips) if not self._is_through(trip))

    def _parcel(self) -> list[tuple[Trip, Letter]]:
        """Letters for one call; lanes that have none to send are through."""
        found = list[tuple[Trip, Letter]]()
        for _ in range(len(self._ready)):
            if len(found) == self._post.sink.batch:
                break
            trip = self._ready.popleft()
            self._post.prepare(trip)
            if not self._is_through(trip):
                found += self._of(trip, self._post.sink.batch - len(found))
        return found

    def _of(self, trip: Trip, most: int) -> Iterable[tuple[Trip, Letter]]:
        """The next of one lane: several only where the sink keeps their order, and none that has to be seen to before it."""
        yield trip, trip.letters.popleft()
        while most > 1 and self._post.sink.keeps_order and trip.letters and not (trip.letters[0].void or trip.letters[0].broken):
            most -= 1
            yield trip, trip.letters.popleft()

    def _is_through(self, trip: Trip) -> bool:
        if trip.is_over:
            self._post.through(trip)
        return trip.is_over


async def _ended(tasks: set[asyncio.Task[None]], seconds: float) -> None:
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
