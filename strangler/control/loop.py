"""The supervisor's loop: sockets, timers and signals call functions, one after another.

The standard library's loop would double the memory of a process that does so little.
"""

from __future__ import annotations

import heapq
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from itertools import count

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Timer:
    """A call that will be made later, unless it is cancelled."""

    __slots__ = ("_call", "cancelled")

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def ring(self) -> None:
        if not self.cancelled:
            self.cancelled = True
            self._call()


class Loop:
    """Calls back until told to stop. What a callback raises ends `run`."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._numbers = count()
        self._signals: dict[int, Callable[[], None]] = {}
        self._before: dict[int, object] = {}
        self._bell, ringer = socket.socketpair()
        self._ringer = ringer
        for end in (self._bell, ringer):
            end.setblocking(False)
        self._selector.register(self._bell, _READ, (self._rung, None))

    @property
    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def watch(self, sock: socket.socket, read: Callable[[], None], write: Callable[[], None] | None = None) -> None:
        """Call `read` when there is something to read or accept, `write` when there is room; replaces what was watched."""
        events = _READ | (_WRITE if write else 0)
        if sock in self._selector.get_map():
            self._selector.modify(sock, events, (read, write))
        else:
            self._selector.register(sock, events, (read, write))

    def forget(self, sock: socket.socket) -> None:
        """Watch a socket no more."""
        if sock.fileno() >= 0 and sock in self._selector.get_map():
            self._selector.unregister(sock)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call once, in so many seconds."""
        timer = Timer(call)
        heapq.heappush(self._timers, (self.now + seconds, next(self._numbers), timer))
        return timer

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Call when the signal comes, between two other callbacks."""
        if not self._signals:
            signal.set_wakeup_fd(self._ringer.fileno(), warn_on_full_buffer=False)
        self._signals[number] = call
        before = signal.signal(number, lambda *_: None)
        self._before.setdefault(number, before)

    def run(self, until: Callable[[], bool]) -> None:
        """Go on until `until` says so; it is asked after every round."""
        while not until():
            self._round()

    def close(self) -> None:
        """Give signals back to whom they belonged."""
        if self._signals:
            signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._selector.close()
        self._bell.close()
        self._ringer.close()

    def _round(self) -> None:
        wait = max(self._timers[0][0] - self.now, 0) if self._timers else None
        for key, events in self._selector.select(wait):
            read, write = key.data
            if write is not None and events & _WRITE:
                write()
            if events & _READ and self._selector.get_map().get(key.fd) is not None:
                read()
        while self._timers and self._timers[0][0] <= self.now:
            heapq.heappop(self._timers)[2].ring()

    def _rung(self) -> None:
        for number in os.read(self._bell.fileno(), 4096):
            if number in self._signals:
                self._signals[number]()
