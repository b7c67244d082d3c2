"""Where every route stands, as `strangler status` says it. To find out takes a moment, so one look serves all who ask meanwhile.

Who asks gets the last look at once, while the next one is under way; only one that is too old is waited for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock, Thread

from strangler.control.standings import Overview
from strangler.core.errors import StranglerError

FRESH = 1.0  # seconds
STALE = 30.0  # seconds, after which it is waited for


class LastLook:
    """The last look. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: Overview | None = None
        self._at = 0.0
        self._looking = Lock()

    def latest(self, look: Callable[[], Overview]) -> Overview:
        """One that is not older than STALE seconds; may take as long as a look does."""
        last, age = self._last, self._clock() - self._at
        if last is not None and age < FRESH:
            return last
        if last is not None and age < STALE:
            if self._looking.acquire(blocking=False):
                Thread(target=self._again, args=[look], daemon=True).start()
            return last
        with self._looking:
            if self._last is None or self._clock() - self._at >= FRESH:  # nobody has looked while we waited
                self._renew(look)
            assert self._last is not None
            return self._last

    def _again(self, look: Callable[[], Overview]) -> None:
        try:
            self._renew(look)
        except StranglerError:  # whoever asks when the last look is too old hears why
            return
        finally:
            self._looking.release()

    def _renew(self, look: Callable[[], Overview]) -> None:
        self._last = look()
        self._at = self._clock()
