"""The comparators: a few processes to which pairs are dealt, each with a cap on the time for one pair.

A comparator works on one pair at a time and has a few more before it, so that it need not wait for control in between. One
that takes too long over a pair is killed, and another starts; only that pair is given up, the others are dealt again.
Nothing here waits for anything: whatever they do, control answers.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from strangler.control.child import python
from strangler.control.frames import FrameError, Frames, Head, encode

CAP = 2.0  # seconds for one pair
_START = 30.0  # seconds until a comparator says that it is ready
_AHEAD = 8  # pairs that one comparator has
_AHEAD_BYTES = 2**20
_QUEUE, _QUEUE_BYTES = 512, 8 * 2**20  # pairs and bytes that wait for a comparator before the links are told to wait
_SLOWEST = 10.0  # seconds between two starts of what dies at once
_MODULE = "strangler.control.gathering.comparator"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A pair to be compared.

    Attributes:
        frame: as `pairs.pack` makes it.
        looked: whether this is the second look.
    """

    incarnation: str
    route: str
    again: bool
    frame: bytes
    looked: bool = False


@dataclass(slots=True, eq=False)
class _Seat(asyncio.Protocol):
    """A place for one comparator process, and whoever sits there now."""

    pool: Comparators
    jobs: deque[Job] = field(default_factory=deque)
    ready: bool = False
    overdue: Job | None = None
    process: subprocess.Popen[bytes] | None = None
    _frames: Frames = field(default_factory=Frames)
    _transport: asyncio.Transport | None = None
    _timer: asyncio.TimerHandle | None = None
    _ended: asyncio.Future[None] | None = None

    async def live(self) -> None:
        """One process after another."""
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            await self._one()
            deaths = 0 if loop.time() - began > _SLOWEST else deaths + 1
            if deaths > 1:
                await asyncio.sleep(min(2.0 ** (deaths - 4), _SLOWEST))

    @property
    def has_room(self) -> bool:
        if not self.ready or self.overdue or len(self.jobs) >= _AHEAD:
            return False
        return not self.jobs or sum(len(job.frame) for job in self.jobs) < _AHEAD_BYTES

    def give(self, job: Job) -> None:
        """One pair more for this comparator, which `has_room`."""
        self.jobs.append(job)
        self.send({"do": "compare"}, job.frame)
        if len(self.jobs) == 1:
            self._watch(self.pool.cap)

    def send(self, head: Head, body: bytes = b"") -> None:
        if self._transport is not None:
            self._transport.write(encode(head, body))

    def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def _one(self) -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            settings = json.dumps({"parent": os.getpid(), "link": theirs.fileno()})
            command = [*python(), "-m", _MODULE, "comparator", settings]
            try:
                # In this thread: what a thread started dies with it (PR_SET_PDEATHSIG, prctl(2)).
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])
            except OSError:
                ours.close()
                return
        self._frames, self._ended = Frames(), loop.create_future()
        try:
            await loop.create_unix_connection(lambda: self, sock=ours)
            await self._ended
        finally:
            self.kill()
            await asyncio.to_thread(self.process.wait)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.send({"do": "begin"}, self.pool.key)
        self.send({"do": "serve"}, self.pool.body)
        self._watch(_START)

    def data_received(self, data: bytes) -> None:
        with suppress(FrameError):
            for head, _ in self._frames.feed(data):
                self._heard(head)
            return
        self.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        self._transport, self.ready = None, False
        jobs, overdue = list(self.jobs), self.overdue
        self.jobs.clear()
        self.overdue = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)
        self.pool.abandoned(jobs, overdue)

    # What the process does.

    def _heard(self, head: Head) -> None:
        self._unwatch()
        self.ready = True
        job = self.jobs.popleft() if head["is"] == "found" and self.jobs else None
        if self.jobs:
            self._watch(self.pool.cap)
        if job is not None:
            self.pool.found(job, head)
        self.pool.deal()

    def _watch(self, seconds: float) -> None:
        self._unwatch()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self.overdue = self.jobs[0] if self.jobs else None
        self.kill()


class Comparators:
    """The pool. Its processes are started when there is a first pair.

    Args:
        size: processes.
        key: by which they redact.
        body: the configuration, pickled.
        found: called with a pair and what the comparator says of it.
        gave_up: called with a pair for which there will be no answer, and whether that took too long.
        room: called when there is room again after there was none.
        cap: seconds for one pair.
    """

    def __init__(
        self,
        size: int,
        key: bytes,
        body: bytes,
        *,
        found: Callable[[Job, Head], None],
        gave_up: Callable[[Job, bool], None],
        room: Callable[[], None],
        cap: float = CAP,
    ) -> None:
        self.key, self.body, self.cap = key, body, cap
        self.found, self._gave_up, self._room = found, gave_up, room
        self._queue: deque[Job] = deque()
        self._bytes = 0
        self._seats = [_Seat(self) for _ in range(size)]
        self._lives: list[asyncio.Task[None]] = []

    @property
    def full(self) -> bool:
        return len(self._queue) >= _QUEUE or self._bytes >= _QUEUE_BYTES

    @property
    def busy(self) -> bool:
        """Whether there is a pair that has no answer."""
        return bool(self._queue) or any(seat.jobs for seat in self._seats)

    @property
    def pids(self) -> list[int]:
        return [seat.process.pid for seat in self._seats if seat.process is not None]

    def use(self, body: bytes) -> None:
        """Compare by another configuration, from the next pair on."""
        self.body = body
        for seat in self._seats:
            seat.send({"do": "serve"}, body)

    def put(self, job: Job) -> None:
        """Have a pair compared. It is taken even if the pool is `full`: whoever brings it should not bring more."""
        self._queue.append(job)
        self._bytes += len(job.frame)
        if not self._lives:
            self._lives = [asyncio.create_task(seat.live()) for seat in self._seats]
        self.deal()

    def deal(self) -> None:
        """Give what waits to who has room."""
        was_full = self.full
        while self._queue:
            seat = min((seat for seat in self._seats if seat.has_room), key=lambda seat: len(seat.jobs), default=None)
            if seat is None:
                break
            job = self._queue.popleft()
            self._bytes -= len(job.frame)
            seat.give(job)
        if was_full and not self.full:
            self._room()

    def abandoned(self, jobs: list[Job], overdue: Job | None) -> None:
        """A comparator has died, over the first of its pairs: that one is not tried again.

        One that was killed may have answered in that moment; then there is nothing to be held against the next pair.
        """
        if jobs and overdue in (None, jobs[0]):
            self._gave_up(jobs[0], overdue is not None)
            jobs = jobs[1:]
        for job in reversed(jobs):
            self._queue.appendleft(job)
            self._bytes += len(job.frame)
        self.deal()

    async def close(self) -> list[Job]:
        """End all processes; the pairs that have no answer."""
        left = [*self._queue, *(job for seat in self._seats for job in seat.jobs)]
        self._queue.clear()
        for seat in self._seats:
            seat.jobs.clear()
            seat.ready = False
        for life in self._lives:
            life.cancel()
        await asyncio.gather(*self._lives, return_exceptions=True)
        return left
