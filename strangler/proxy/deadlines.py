"""One coarse timer for all connections: none of them has a timer of its own.

A deadline is an attribute that its owner sets as often as it likes; all are looked at once a tick. Looking at 10,000
takes about half a millisecond.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol

TICK = 0.25  # seconds; a deadline may be seen this much late

NEVER = inf


class Timed(Protocol):
    """What can be late. `expire` must move the deadline, or leave."""

    deadline: float

    def expire(self) -> None: ...


class Deadlines:
    """The deadlines of one worker.

    Args:
        on_error: told when an `expire` raised.

    Attributes:
        now: seconds on the loop's clock, at the last tick.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, on_error: Callable[[Exception], None], tick: float = TICK) -> None:
        self._loop = loop
        self._on_error = on_error
        self._tick = tick
        self._timed: set[Timed] = set()
        self.now = loop.time()
        self._handle = loop.call_later(tick, self._look)

    def watch(self, timed: Timed) -> None:
        self._timed.add(timed)

    def forget(self, timed: Timed) -> None:
        self._timed.discard(timed)

    def time(self) -> float:
        """Now, not at the last tick."""
        return self._loop.time()

    def soon(self, call: Callable[[], None]) -> None:
        """Call when others have had their turn; what it raises is told like that of an `expire`."""
        self._loop.call_soon(self._call, call)

    def _call(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:
            self._on_error(error)

    def stop(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        now = self.now = self._loop.time()
        for timed in [timed for timed in self._timed if timed.deadline <= now]:
            try:
                timed.expire()
            except Exception as error:
                timed.deadline = NEVER
                self._on_error(error)
        self._handle = self._loop.call_later(self._tick, self._look)
