"""The outbox's relay: one fan-out and a courier for each sink, until told to stop. Any number of relays may run at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from secrets import token_hex
from threading import Event
from typing import TypeVar

from reconcile.databases.database import Database, opened
from reconcile.emitting.ferry import emissions
from reconcile.mapping.model import Plan
from reconcile.outbox import notes, tables
from reconcile.outbox.courier import Courier
from reconcile.outbox.desk import Desk
from reconcile.outbox.fanout import Fanout, Spread
from reconcile.outbox.health import FAILING
from reconcile.outbox.init import outbox_of
from reconcile.outbox.model import Route
from reconcile.outbox.notes import Note
from reconcile.outbox.prune import prune
from reconcile.outbox.shape import look
from reconcile.relaying.contention import outlast
from reconcile.relaying.patience import Patience, backoff
from reconcile.relaying.stations import bounded
from reconcile.sinks.opening import open_sink
from reconcile.sinks.settings import Settings
from reconcile.sinks.sink import Sink
from strangler.core.errors import DatabaseError, StranglerError

T = TypeVar("T")
Troubles = Mapping[str, str]
OpenSink = Callable[[str, Settings], Sink]

_NOTES = 1.0  # seconds between two notes
_PRUNES = 600.0  # seconds
_GLANCE = 0.05  # seconds between two looks at whether to stop
_SHORTEST_IDLE, _LONGEST_IDLE = 0.015, 0.2  # seconds between two looks into the table of events, if there was nothing
_SLOWING = 50  # so many times as long nothing has come: who waits for the first event in an hour can wait a moment more
_FEW = 200  # events: with fewer, more are waited for a moment
_MOMENT = 0.01  # seconds
_LONGEST_TURN = 0.05  # seconds
_REOPENS = Patience(pause=0.5, longest_pause=30.0)  # seconds between two tries to open a sink
_RETRIES = Patience(pause=0.1, longest_pause=10.0)  # seconds between two tries after the database failed


class OutboxRelay:
    """Relays a plan's outbox. `tell` is told of all troubles, by what they are about, whenever they change."""

    def __init__(
        self,
        plan: Plan,
        *,
        open_sink: OpenSink = open_sink,
        patience: Patience | None = None,
        draw: Callable[[], float] = random.random,
        token: Callable[[], str] = lambda: token_hex(16),
        clock: Callable[[], float] = time.monotonic,
        tell: Callable[[Troubles], None] = lambda troubles: None,
    ) -> None:
        self._plan, self._outbox, self._open_sink = plan, outbox_of(plan), open_sink
        self._patience, self._draw, self._token, self._clock = patience or Patience(), draw, token, clock
        self._tell, self._told = tell, dict[str, str]()
        self._couriers: dict[str, Courier] = {}
        self._broken: dict[str, str] = {}  # sinks that cannot be opened, and why
        self._trouble = ""  # with the fan-out
        self._noted: dict[str, Counter[str]] = {route.name: Counter() for route in self._outbox.sinks}

    def run(self, stop: Event) -> None:
        """Go on until told to stop; what is being sent is finished. Raises DatabaseError if there is no outbox to open."""
        name = self._outbox.database
        with opened({name: bounded(self._plan.databases[name])}, name) as (database,):
            tables.ensure(database)
            asyncio.run(self._run(database, stop))
            with suppress(DatabaseError):
                self._note(database)  # what the last second brought

    def stuck(self, tries: int) -> dict[str, str]:
        """Sinks that have taken nothing so many times in a row, or cannot even be opened, and why."""
        away = {name: each.health.why for name, each in self._couriers.items() if each.health.pauses >= tries}
        return away | dict(self._broken)

    async def _run(self, database: Database, stop: Event) -> None:
        async with asyncio.TaskGroup() as group:
            ends = asyncio.Event()
            for work in (self._fan_out(database, ends), self._take_notes(database, ends)):
                group.create_task(work)
            for route in self._outbox.sinks:
                group.create_task(self._serve(database, route, ends))
            while not stop.is_set():
                await asyncio.sleep(_GLANCE)
            ends.set()
            for courier in self._couriers.values():
                courier.stop()

    async def _serve(self, database: Database, route: Route, ends: asyncio.Event) -> None:
        """Open a sink, and see to it. One that cannot be opened is tried again, and keeps no other from its events."""
        tries = 0
        while not ends.is_set():
            try:
                sink = self._open_sink(route.name, route.settings)
            except StranglerError as error:
                tries += 1
                self._broken[route.name] = str(error)
                await _wait(ends, backoff(_REOPENS, tries, self._draw()))
                continue
            self._broken.pop(route.name, None)
            emitted = emissions(self._plan, database.name)  # its own: a desk is in another thread than the fan-out
            desk = Desk(database, route.name, self._outbox.source, self._patience, self._token, emitted)
            courier = self._couriers[route.name] = Courier(route, sink, desk, draw=self._draw, clock=self._clock)
            await courier.run()

    async def _fan_out(self, database: Database, ends: asyncio.Event) -> None:
        fanout: Fanout | None = None
        troubles, last = 0, self._clock()  # when something was taken over
        while not ends.is_set():
            began = self._clock()
            try:
                if fanout is None:
                    fanout = await asyncio.to_thread(self._opened, database)
                found = await asyncio.to_thread(outlast, fanout.step)
                self._trouble, troubles = fanout.trouble, 0
            except StranglerError as error:
                fanout, troubles, self._trouble = None, troubles + 1, str(error)
                await _wait(ends, backoff(_RETRIES, troubles, self._draw()))
                continue
            if found.made:
                for courier in self._couriers.values():
                    courier.poke()
            last = last if found.is_idle else self._clock()
            pause = min(_LONGEST_IDLE, _SHORTEST_IDLE + (began - last) / _SLOWING)
            await _wait(ends, pause if found.is_idle else self._between(database, found, self._clock() - began))

    def _opened(self, database: Database) -> Fanout:
        shape, emitted = look(database, self._outbox), emissions(self._plan, database.name)
        if emitted:
            emitted.prepare(database)
        return Fanout(database, self._outbox, shape, emitted=emitted, clock=self._clock)

    def _between(self, database: Database, found: Spread, took: float) -> float:
        """SQLite has one writer at a time: the application must get its turn."""
        if database.dialect == "sqlite":
            return min(_LONGEST_TURN, took)
        return _MOMENT if found.taken < _FEW else 0.0

    async def _take_notes(self, database: Database, ends: asyncio.Event) -> None:
        """Once a second how things stand, and now and then forget what nobody needs any more."""
        prunes_at = self._clock() + _PRUNES
        while not ends.is_set():
            await _wait(ends, _NOTES)
            self._tell_troubles()
            with suppress(DatabaseError):  # it is told of by whoever cannot work without it
                await asyncio.to_thread(self._note, database)
                if self._clock() >= prunes_at:
                    prunes_at = self._clock() + _PRUNES
                    await asyncio.to_thread(prune, database, self._outbox)

    def _note(self, database: Database) -> None:
        """Counts that could not be noted now are noted with the next."""
        counts = {name: Counter(courier.counts) for name, courier in self._couriers.items()}
        found = {route.name: self._state(route.name, counts.get(route.name, Counter())) for route in self._outbox.sinks}
        for name in outlast(partial(notes.write, database, found)):
            self._noted[name] = counts.get(name, Counter())

    def _state(self, name: str, counts: Counter[str]) -> Note:
        if name in self._broken:
            return Note(FAILING, self._broken[name], 0.0, {})
        health = self._couriers[name].health if name in self._couriers else None
        since = {count: many - self._noted[name][count] for count, many in counts.items()}
        if health is None:
            return Note("starting", "", 0.0, since)
        return Note(health.state, health.why, max(0.0, health.resumes_at - self._clock()), since)

    def _tell_troubles(self) -> None:
        found = {f"sink {name}": why for name, why in self._broken.items()}
        found |= {f"sink {name}": each.health.why for name, each in self._couriers.items() if each.health.why}
        trouble = self._trouble or next((each.trouble for each in self._couriers.values() if each.trouble), "")
        found |= {f"database {self._outbox.database}": trouble} if trouble else {}
        if found != self._told:
            self._told = found
            self._tell(found)


async def _wait(ends: asyncio.Event, seconds: float) -> None:
    """Not longer than until it ends."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ends.wait(), seconds)
