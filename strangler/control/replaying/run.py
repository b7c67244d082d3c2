"""One run: reads the recording an entry at a time, asks what is to be asked in time and in order, and counts all of it.

Order is what a client would have kept: its requests follow one another. A request that changes things waits for all before it,
and all behind it wait for its answer, so that what it makes is there when it is asked for. Where a system is gone, the run ends,
and says how much it did not reach; a system that merely fails goes on being asked.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter

from strangler.control.replaying.exchange import Exchange
from strangler.control.replaying.sending import Sender
from strangler.control.replaying.tally import Tally
from strangler.core.model import SAFE_METHODS, Route
from strangler.traffic.entry import Entry
from strangler.traffic.replay.pace import Pace
from strangler.traffic.replay.plan import Aside, Plan

_READ = 32  # entries at once, beside the loop
_AHEAD = 20  # of those that may be under way, how many more wait in their clients' order
_SILENT = 8  # answers in a row that did not come, before it is asked whether anybody is there
_LATE = 1.0  # seconds


@dataclass(slots=True)
class Settings:
    """How a recording is asked.

    Attributes:
        at_once: requests that may be under way.
        most: entries that are asked; 0 for all.
    """

    pace: Pace = field(default_factory=Pace)
    at_once: int = 8
    most: int = 0


class Run:
    """Asks all entries of a recording.

    Args:
        senders: whose systems must be there; the candidate's first.

    Attributes:
        gone: why the run ended early; "" if it did not.
        limited: whether entries were left unread, since enough were asked.
    """

    def __init__(self, plan: Plan, exchange: Exchange, senders: list[Sender], settings: Settings, tally: Tally) -> None:
        self._plan, self._exchange, self._senders = plan, exchange, senders
        self._settings, self._tally = settings, tally
        self._under_way: set[asyncio.Task[None]] = set()
        self._lanes: dict[str, deque[tuple[Entry, Route, float]]] = {}
        self._waiting = 0
        self._room = asyncio.Event()
        self._slots = asyncio.Semaphore(settings.at_once)
        self._sent = 0
        self._began = 0.0
        self._failed: BaseException | None = None
        self.gone = ""
        self.limited = False

    async def run(self, entries: Iterator[Entry]) -> None:
        """Until the recording ends, or somebody is gone."""
        self._began = perf_counter()
        try:
            async with aclosing(_read(entries)) as arriving:
                async for entry in arriving:
                    if self._settings.most and self._sent >= self._settings.most:
                        self.limited = True
                        break
                    await self._account(entry)
            await self._quiet()
        finally:
            await self._stop()

    def settle(self) -> None:
        """Count what was begun and not ended as not reached; once nothing goes on any more."""
        self._tally.not_reached += self._sent - self._exchange.settled

    async def _account(self, entry: Entry) -> None:
        self._tally.entries += 1
        if self.gone:
            self._tally.not_reached += 1
        else:
            await self._take(entry)

    async def _take(self, entry: Entry) -> None:
        route = self._plan.choose(entry)
        if isinstance(route, Aside):
            self._tally.put_aside(route)
            self._exchange.leave(entry)
            return
        due = self._settings.pace.due(entry, self._sent)
        self._sent += 1
        writes = entry.method not in SAFE_METHODS
        self._waiting += 1
        if writes:
            await self._quiet()
        await self._until(due)
        if writes:
            await self._ask(entry, route, due)
        else:
            self._enqueue(entry, route, due)
            await self._until_there_is_room()

    def _enqueue(self, entry: Entry, route: Route, due: float) -> None:
        """Behind the client's earlier requests; one of nobody in particular follows nobody."""
        client = self._exchange.follows(entry) or f"\0{self._sent}"
        lane = self._lanes.get(client)
        if lane is not None:
            lane.append((entry, route, due))
            return
        self._lanes[client] = deque([(entry, route, due)])
        task = asyncio.create_task(self._follow(client))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def _follow(self, client: str) -> None:
        lane = self._lanes[client]
        try:
            while lane:
                async with self._slots:
                    await self._ask(*lane.popleft())
        finally:
            del self._lanes[client]

    async def _ask(self, entry: Entry, route: Route, due: float) -> None:
        if self.gone:
            return
        if self._settings.pace.timed and self._now() > due + _LATE:
            self._tally.late += 1
        await self._exchange.ask(entry, route)
        self._waiting -= 1
        self._room.set()
        await self._look_who_is_there()

    async def _look_who_is_there(self) -> None:
        """After a row of failures: whether there is still somebody to ask."""
        for sender in self._senders:
            if sender.silent >= _SILENT and not self.gone:
                silent, sender.silent = sender.silent, 0
                why = await sender.reach()
                if not why and sender.hangs:
                    why = f"it takes connections, but has not answered {silent} requests in a row"
                self.gone = self.gone or (f"{sender.target} is gone: {why}" if why else "")

    async def _until(self, due: float) -> None:
        if due and (left := due - self._now()) > 0:
            await asyncio.sleep(left)
            self._raise_what_failed()

    async def _until_there_is_room(self) -> None:
        while self._waiting > self._settings.at_once * _AHEAD and not self.gone:
            self._room.clear()
            await self._room.wait()
            self._raise_what_failed()

    async def _quiet(self) -> None:
        """Until nothing is under way."""
        while self._under_way:
            await asyncio.wait(self._under_way)
        self._raise_what_failed()

    async def _stop(self) -> None:
        for task in tuple(self._under_way):
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._room.set()
        if not task.cancelled() and task.exception() is not None:
            self._failed = task.exception()

    def _raise_what_failed(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _now(self) -> float:
        return perf_counter() - self._began


async def _read(entries: Iterator[Entry]) -> AsyncGenerator[Entry, None]:
    """Entries, a few at a time, read beside the loop."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1, "recording") as reader:
        while some := await loop.run_in_executor(reader, lambda: list(islice(entries, _READ))):
            for entry in some:
                yield entry
