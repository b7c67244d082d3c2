"""A worker's way of handing pairs to control, without ever waiting for it.

Pairs wait here, within one budget of bytes, until the link takes them; beyond it they are refused. When control has gone they
wait for the next one. What has been given to a link is never sent again: each new link begins with how many pairs of each
route earlier links were given, and control knows what has become of them (see `accounts`).
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from strangler.control.frames import encode

BUDGET = 32 * 2**20  # bytes of pairs that may wait in one worker
_WRITES = 256 * 1024  # bytes given to the link ahead of what it has taken: lost with it if control dies
_SOONEST, _LATEST = 0.05, 2.0  # seconds between two attempts to connect


class Courier:
    """Connects when there is something to hand over, and stays connected.

    Args:
        path: of the Unix socket on which control takes pairs.
        incarnation: of this worker.
        budget: bytes that may wait.
    """

    def __init__(self, path: str, incarnation: str, budget: int = BUDGET) -> None:
        self._path, self._incarnation, self._budget = path, incarnation, budget
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._bytes = 0
        self._given: Counter[str] = Counter()
        self._link: _Link | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._closing = False
        self._empty = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def hand(self, route: str, frame: bytes) -> bool:
        """Take a frame on; whether there was room for it, which there is for any if nothing else waits.

        So a pair that is larger than the budget, as a large `shadow.max_body` allows, is not lost each time it comes.

        Args:
            route: that the ledger counts it for; "" for what is no part of the ledger.
        """
        size = len(frame)
        if self._waiting and self._bytes + size > self._budget:
            return False
        self._bytes += size
        self._waiting.append((route, frame))
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
        self._pour()
        return True

    async def close(self, seconds: float) -> None:
        """Hand over all that waits, for up to so many seconds, and then no more."""
        self._closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._waiting or (self._link is not None and self._link.open):
                    self._empty.clear()
                    self._pour()
                    await self._empty.wait()
        if self._connecting is not None:
            self._connecting.cancel()

    async def _connect(self) -> None:
        loop, pause = asyncio.get_running_loop(), _SOONEST
        while True:
            began = loop.time()
            with suppress(OSError):
                _, link = await loop.create_unix_connection(lambda: _Link(self._pour), self._path)
                self._begin(link)
                await link.ended
                self._link = None
                self._empty.set()
            pause = _SOONEST if loop.time() - began > _LATEST else min(2 * pause, _LATEST)
            await asyncio.sleep(pause)

    def _begin(self, link: _Link) -> None:
        given = {route: number for route, number in self._given.items() if route}
        link.write(encode({"is": "hello", "incarnation": self._incarnation, "given": given}))
        self._link = link
        self._pour()

    def _pour(self) -> None:
        """Give the link what it takes."""
        link = self._link
        if link is None:
            return
        while self._waiting and link.takes:
            route, frame = self._waiting.popleft()
            self._bytes -= len(frame)
            self._given[route] += 1
            link.write(frame)
        if self._closing and not self._waiting:
            link.close()


class _Link(asyncio.Protocol):
    """One connection to control.

    Args:
        pour: called when there is room again.

    Attributes:
        ended: done when there is no connection any more.
        takes: whether there is room.
        open: whether there is, or is still something on its way.
    """

    def __init__(self, pour: Callable[[], None]) -> None:
        self._pour = pour
        self._transport: asyncio.WriteTransport
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.takes = False
        self.open = True

    def write(self, frame: bytes) -> None:
        self._transport.write(frame)

    def close(self) -> None:
        """End once everything has been taken."""
        self.takes = False
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)
        self._transport.set_write_buffer_limits(high=_WRITES)
        self.takes = True

    def pause_writing(self) -> None:
        self.takes = False

    def resume_writing(self) -> None:
        self.takes = not self._transport.is_closing()
        self._pour()

    def connection_lost(self, exc: Exception | None) -> None:
        self.takes = self.open = False
        if not self.ended.done():
            self.ended.set_result(None)
