"""A courier: claims one sink's lanes as room gets free, has them carried there in order, and settles those that are through.

Each sink has one in a relay, which knows of no other: however slow or dead a sink is, only its own events wait. Nothing is done
in rounds: a lane that waits for an answer keeps no other from being claimed, sent or settled.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from reconcile.outbox.carrying import Carrier, Post, Singly, Together, Trip
from reconcile.outbox.desk import Desk
from reconcile.outbox.health import Health
from reconcile.outbox.judgement import Course
from reconcile.outbox.model import Route
from reconcile.outbox.scales import Scales
from reconcile.relaying.patience import Patience, backoff, idle_pause
from reconcile.sinks.sink import Sink
from strangler.core.errors import DatabaseError

T = TypeVar("T")

BYTES = 32 * 2**20  # of large payloads in memory, for each sink
_GATHER = 0.005  # seconds in which more may get through, to be settled together
_LONGEST_TURN = 0.05  # seconds
_LONGEST_IDLE = 0.25  # seconds between two looks of one who has nothing to do, and whom nobody tells
_LAST = 6.0  # seconds that what is being sent gets at the end
_FENCE = 0.9  # of a lease: so long after it began, nothing more is sent by it
_DATABASE = Patience(pause=0.2, longest_pause=10.0)  # seconds between two tries


class Courier:
    """Use `run`. `trouble` is what keeps it from its database, if anything does."""

    def __init__(
        self,
        route: Route,
        sink: Sink,
        desk: Desk,
        *,
        draw: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
        bytes_: int = BYTES,
    ) -> None:
        self._route, self._sink, self._desk, self._draw, self._clock = route, sink, desk, draw, clock
        self._most = route.concurrency if sink.batch == 1 else max(route.concurrency, 2 * sink.batch)
        self._hand: dict[tuple[str, str], Trip] = {}
        self._through: list[Trip] = []  # to be settled
        self._wake, self._threads = asyncio.Event(), ThreadPoolExecutor(3, f"outbox {route.name}")
        self._between = 0.0  # seconds
        self.health, self.trouble = Health(), ""
        load = partial(self._in_thread, desk.payloads)
        patience = replace(desk.patience, attempts=route.attempts)
        self._post = Post(sink, patience, self.health, load, self._is_through, draw, clock, Scales(bytes_))
        self.counts = self._post.counts
        self._carrier: Carrier = Singly(self._post) if sink.batch == 1 else Together(self._post)

    def poke(self) -> None:
        """There may be something to do."""
        self._wake.set()

    def stop(self) -> None:
        """What is being sent is finished, and everything else given back."""
        self._post.stopping = True
        self._carrier.stop()
        self._wake.set()

    async def run(self) -> None:
        """Until told to stop; what is being sent then gets a few seconds."""
        renewing = asyncio.create_task(self._renew())
        try:
            await self._attend()
        finally:
            self.stop()
            await self._carrier.end(_LAST)
            renewing.cancel()
            await self._give_back()
            self._threads.shutdown(wait=False)
            await self._sink.close()

    async def _attend(self) -> None:
        pause, likely, troubles = 0.0, True, 0
        while not self._post.stopping:
            room = self.health.room(self._most, len(self._hand), self._clock())
            try:
                looks = room > 0 and (likely or await self._in_thread(self._desk.is_due))
                if self._through or looks:
                    likely, pause = await self._turn(room if looks else 0), 0.0
                    await asyncio.sleep(self._between)
                else:
                    likely, pause = False, idle_pause(pause, longest=_LONGEST_IDLE)
                    await self._rest(pause)
                self.trouble, troubles = "", 0
            except DatabaseError as error:
                self.trouble, troubles = str(error), troubles + 1
                await self._rest(backoff(_DATABASE, troubles, self._draw()))

    async def _turn(self, room: int) -> bool:
        """Settle and claim; whether anything was claimed."""
        trips, self._through = self._through, []
        began = self._clock()
        try:
            given = await self._in_thread(self._desk.turn, [trip.course.turn for trip in trips], room)
        except BaseException:
            self._through = trips + self._through
            raise
        for trip in trips:
            del self._hand[trip.lane.token, trip.lane.key]
        self.counts["lost"] += given.lost
        for lane, letters in given.claimed:
            course = Course(lane, self._route.after_dead == "pass", over=not letters, empty=not letters)
            trip = Trip(course, deque(letters), began + _FENCE * self._desk.patience.lease)
            self._hand[lane.token, lane.key] = trip
            self._carrier.take(trip)
        # SQLite has one writer at a time: the application must get its turn.
        self._between = min(_LONGEST_TURN, self._clock() - began) if self._desk.database.dialect == "sqlite" else _GATHER
        return bool(given.claimed)

    def _is_through(self, trip: Trip) -> None:
        self._through.append(trip)
        self._wake.set()

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def _renew(self) -> None:
        """Keep what is under way. What cannot be kept is not sent any more when its time is over."""
        while True:
            await asyncio.sleep(self._desk.patience.lease / 3)
            began, trips = self._clock(), list(self._hand.values())
            with suppress(DatabaseError):
                await self._in_thread(self._desk.renew, {trip.lane.token for trip in trips})
                for trip in trips:
                    trip.until = began + _FENCE * self._desk.patience.lease

    async def _give_back(self) -> None:
        """At the end. What the database does not let us say is found out by whoever claims it when its lease is over."""
        for trip in self._hand.values():
            if trip not in self._through:
                trip.course.put_off("the relay was stopped")
                self._through.append(trip)
        with suppress(DatabaseError):
            if self._through:
                await self._turn(0)

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *arguments))
