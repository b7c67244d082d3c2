"""Where every route stands, as `strangler status` says it. To find out takes a moment, so one look serves all who ask meanwhile.

Nobody waits for long: who asks gets the last look while the next one is under way, and where there is none that is recent, what
can be told without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock, Thread

from strangler.control.standings import Overview

FRESH = 1.0  # seconds
STALE = 30.0  # seconds, after which it is not told any more
PATIENCE = 0.05  # seconds that somebody waits for a look: with a dozen routes it takes less

Look = Callable[[], Overview]


class LastLook:
    """The last look. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._over: Event | None = None  # of the look that is under way
        self._last: tuple[float, Overview] | None = None
        self._error: Exception | None = None

    def latest(self, look: Look, meanwhile: Look, patience: float | None = None) -> Overview:
        """One that is not older than STALE seconds; else what `meanwhile` can tell. Raises what the look has raised.

        Args:
            patience: seconds; PATIENCE if it is not given.
        """
        last = self._younger_than(FRESH)
        if last is None:
            over = self._begin(look)
            last = self._younger_than(STALE)
            if last is None and over.wait(PATIENCE if patience is None else patience):
                last = self._younger_than(STALE)
                if last is None and self._error is not None:
                    raise self._error
        return last or meanwhile()

    def _younger_than(self, seconds: float) -> Overview | None:
        found = self._last
        return found[1] if found is not None and self._clock() - found[0] < seconds else None

    def _begin(self, look: Look) -> Event:
        with self._lock:
            if self._over is None:
                self._over = Event()
                Thread(target=self._renew, args=(look, self._over), daemon=True).start()
            return self._over

    def _renew(self, look: Look, over: Event) -> None:
        last, error = self._last, None
        try:
            last = self._clock(), look()
        except Exception as found:  # whoever waits hears it
            error = found
        with self._lock:  # whoever sees the new one begins another, too
            self._last, self._error, self._over = last, error, None
        over.set()
