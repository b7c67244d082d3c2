"""What takes a moment to find out, such as where every route stands: one look serves all who ask meanwhile.

Nobody waits for long: who asks gets the last look while the next one is under way, and where there is none that is recent, what
can be told without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

FRESH = 1.0  # seconds
STALE = 30.0  # seconds, after which it is not told any more
PATIENCE = 0.05  # seconds that somebody waits for a look: with a dozen routes it takes less

T = TypeVar("T")


class LastLook(Generic[T]):
    """The last look. Safe in threads.

    Args:
        fresh, stale: seconds in which nobody looks again, and after which it is not told any more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, fresh: float = FRESH, stale: float = STALE) -> None:
        self._clock, self._fresh, self._stale = clock, fresh, stale
        self._lock = Lock()
        self._over: Event | None = None  # of the look that is under way
        self._last: tuple[float, T] | None = None
        self._error: Exception | None = None

    def latest(self, look: Callable[[], T], meanwhile: Callable[[], T], patience: float | None = None) -> T:
        """One that is not stale; else what `meanwhile` can tell. Raises what the look has raised.

        Args:
            patience: seconds; PATIENCE if it is not given.
        """
        last = self._younger_than(self._fresh)
        if last is None:
            over = self._begin(look)
            last = self._younger_than(self._stale)
            if last is None and over.wait(PATIENCE if patience is None else patience):
                last = self._younger_than(self._stale)
                if last is None and self._error is not None:
                    raise self._error
        return last or meanwhile()

    def _younger_than(self, seconds: float) -> T | None:
        found = self._last
        return found[1] if found is not None and self._clock() - found[0] < seconds else None

    def _begin(self, look: Callable[[], T]) -> Event:
        with self._lock:
            if self._over is None:
                self._over = Event()
                Thread(target=self._renew, args=(look, self._over), daemon=True).start()
            return self._over

    def _renew(self, look: Callable[[], T], over: Event) -> None:
        last, error = self._last, None
        try:
            last = self._clock(), look()
        except Exception as found:  # whoever waits hears it
            error = found
        with self._lock:  # whoever sees the new one begins another, too
            self._last, self._error, self._over = last, error, None
        over.set()
