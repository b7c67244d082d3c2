"""The relay: round by round it collects what was captured, applies it, and settles it. Any number of them may run at once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from secrets import token_hex
from threading import Event
from types import TracebackType

from sqlalchemy import Connection, text

from reconcile.applying.applied import Applied, Parts
from reconcile.applying.applier import apply
from reconcile.applying.budget import WATCHED, Budget
from reconcile.capturing.heartbeat import beat
from reconcile.databases.chunk import Key
from reconcile.mapping.model import Plan
from reconcile.relaying import batch, lease, notes
from reconcile.relaying.contention import outlast
from reconcile.relaying.course import Course
from reconcile.relaying.lease import Claimed
from reconcile.relaying.patience import Fate, Patience, fail, idle_pause, resize
from reconcile.relaying.pending import Claim, Collected, collect_within
from reconcile.relaying.stations import Station, Stations
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError

_LARGEST = 1000  # keys in a batch
_AIM = 0.25  # seconds that a batch should take: short transactions, and nobody waits long behind it
_LONGEST_TURN = 0.05  # seconds
_NOTES = 1.0  # seconds between two notes, and two heartbeats
_PRUNES = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class Step:
    """What one round did. `troubles` are by mapping, or by ``database NAME``."""

    collected: int = 0
    claimed: int = 0
    done: int = 0
    counts: Counts = Counts()
    fates: dict[tuple[str, str], str] = field(default_factory=dict)
    troubles: dict[str, str] = field(default_factory=dict)

    def __add__(self, other: Step) -> Step:
        return Step(
            self.collected + other.collected,
            self.claimed + other.claimed,
            self.done + other.done,
            self.counts + other.counts,
            self.fates | other.fates,
            self.troubles | other.troubles,
        )

    @property
    def is_idle(self) -> bool:
        return not self.collected and not self.done


class Relay:
    """Relays the named mappings of a plan, or all. What others listen to is collected for them as well, and left to them.

    Databases are opened by the first step, and closed by `close`, or at the end of a `with`.
    """

    def __init__(
        self,
        plan: Plan,
        names: Collection[str] = (),
        *,
        patience: Patience | None = None,
        largest: int = _LARGEST,
        budget: Budget = WATCHED,
        draw: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: token_hex(16),
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], None] = time.sleep,
    ) -> None:
        self._names = {plan.mapping(name).name for name in names} or set(plan.names)
        self._patience = patience or Patience()
        self._stations = Stations(plan, largest, budget)
        self._largest, self._size = largest, min(largest, 200)
        self._draw, self._token, self._clock, self._rest = draw, token, clock, rest

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._stations.close()

    def run(self, stop: Event) -> None:
        """Go on until told to stop; the batch in hand is finished."""
        pause = 0.0
        while not stop.is_set():
            pause = idle_pause(pause) if self.step().is_idle else 0.0
            if pause:
                stop.wait(pause)

    def step(self) -> Step:
        """One round: of every captured database at most one batch. Raises nothing that a later round may not meet with."""
        found = Step()
        for station in self._stations.look(self._clock()):
            if self._clock() >= station.resumes_at:
                found += self._round(station)
        closed = {name: why for name, (_, why) in self._stations.troubles.items()}
        return found + Step(troubles=closed)

    def _round(self, station: Station) -> Step:
        try:
            self._note(station)
            found = self._relay(station)
        except DatabaseError as error:
            station.troubles += 1
            station.resumes_at = self._clock() + min(10.0, 0.1 * 2.0 ** min(station.troubles, 10))
            return Step(troubles={f"database {station.database.name}": str(error)})
        station.troubles = 0
        return found

    def _relay(self, station: Station) -> Step:
        self._finish(station)  # what could not be settled, before more is taken
        token, began = self._token(), self._clock()
        collected, claimed = outlast(partial(self._take, station, token))
        taking = self._clock() - began
        if not claimed:
            return Step(collected.rows)
        try:
            began = self._clock()
            works = batch.sort(station.courses, claimed)
            renew = partial(self._renew, station, token, began)
            outcome = batch.run(works, self._apply, renew, self._patience, self._draw)
            self._size = resize(self._size, self._clock() - began, aim=_AIM, largest=self._largest)
        except BaseException:
            lease.release(station.database, token, [course.name for course in station.courses])
            raise
        began = self._clock()
        settled = self._settle(station, token, claimed, outcome)
        if station.database.dialect == "sqlite":  # it has one writer at a time: the application must get its turn
            self._rest(min(_LONGEST_TURN, taking + self._clock() - began))
        return Step(collected.rows, len(claimed)) + settled

    def _take(self, station: Station, token: str) -> tuple[Collected, Sequence[Claimed]]:
        """Collect and claim in one transaction, unless an owner has moved: then everything is looked at anew first."""
        instant = self._clock()
        ready = {course.name: course.limit for course in station.courses if self._may(course, instant)}
        fresh = [name for name, limit in ready.items() if limit >= self._largest]
        database, patience = station.database, self._patience
        with database.writing() as connection:
            _hurry(connection)
            if moved := station.moved(connection):
                self._stations.forget(moved)
                return Collected(0), ()
            if lease.claim_orphans(database, connection, ready, self._size, token, patience):
                return Collected(0), lease.held(database, connection, token)
            claim = Claim(token, patience.lease, fresh)
            collected = collect_within(database, connection, station.listeners, self._size, claim)
            lease.claim_due(database, connection, ready, self._size, token, patience)
            return collected, lease.held(database, connection, token)

    def _may(self, course: Course, instant: float) -> bool:
        return course.name in self._names and course.is_ready(instant)

    def _apply(self, course: Course, keys: Sequence[Key], parts: Parts) -> Applied:
        return apply(course.pair, keys, course.allowance, parts=parts, origin="relay")

    def _renew(self, station: Station, token: str, began: float) -> None:
        if self._clock() - began > self._patience.lease / 3:
            lease.renew(station.database, token, self._patience.lease)

    def _settle(self, station: Station, token: str, claimed: Sequence[Claimed], outcome: batch.Outcome) -> Step:
        instant = self._clock()
        courses = {course.name: course for course in station.courses}
        for name in {each.mapping for each in claimed} - outcome.stopped.keys():
            courses[name].succeed()
        deadly = {name for name in outcome.lost if _answers(courses[name])}
        for name, (state, why) in outcome.stopped.items():
            pause = courses[name].stumble(state, why, instant)
            self._stations.refresh(courses[name])
            if name not in deadly:
                station.unsettled.append(partial(outlast, partial(lease.release, station.database, token, [name], pause=pause)))
        fates = {**outcome.fates, **{each.place: self._fate(each, outcome) for each in claimed if each.mapping in deadly}}
        places = [each.place for each in claimed if each.mapping in deadly or each.mapping not in outcome.stopped]
        station.unsettled.append(partial(outlast, partial(lease.settle, station.database, token, places, fates)))
        done = Counter(mapping for mapping, key in places if (mapping, key) not in fates)
        self._finish(station)
        station.applied.update(done)
        return Step(
            done=done.total(),
            counts=outcome.counts,
            fates={place: fate.state for place, fate in fates.items()},
            troubles={name: why for name, (_, why) in outcome.stopped.items()},
        )

    def _fate(self, each: Claimed, outcome: batch.Outcome) -> Fate:
        """Of a key that was alone when the connection was lost, while the database goes on answering: that was its own doing."""
        return fail(self._patience, each.attempts, outcome.stopped[each.mapping][1], self._draw())

    def _finish(self, station: Station) -> None:
        """Settle what has been applied. What a failing database does not let us say now is said as soon as it can be."""
        while station.unsettled:
            station.unsettled[0]()
            del station.unsettled[0]

    def _note(self, station: Station) -> None:
        """Once a second: a heartbeat, and how things stand; once an hour, what is long past is forgotten."""
        if self._clock() >= station.notes_at:
            station.notes_at = self._clock() + _NOTES
            if station.courses:
                beat(station.database)
            for name in outlast(partial(notes.write, station, self._stations.troubles)):
                del station.applied[name]
        if self._clock() >= station.prunes_at:
            station.prunes_at = self._clock() + _PRUNES
            outlast(partial(notes.prune, station.database))


def _answers(course: Course) -> bool:
    """Whether both databases of a course take a question."""
    try:
        for database in (course.pair.source.database, course.pair.target.database):
            with database.reading() as connection:
                connection.execute(text("SELECT 1"))
    except DatabaseError:
        return False
    return True


def _hurry(connection: Connection) -> None:
    """PostgreSQL need not wait for its disk here: what a crash takes back is a move within one database, and is done again."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit = off"))
