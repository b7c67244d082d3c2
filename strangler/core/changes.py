"""When what a credential stands for may have changed: by logging in or out, or by anything else that a write can do.

One memory for all workers: a table of times, of which each credential has one by its hash. Credentials that meet in one
place only make each other be asked about once more. Nothing is ever deleted; a time that is old has no effect.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableSequence

PLACES = 65_536


class Changes:
    """The table. `times` are nanoseconds on the machine's monotonic clock, 0 at first; each is written as a whole."""

    def __init__(self, times: MutableSequence[int] | memoryview) -> None:
        self._times = times

    def places(self, marks: Iterable[bytes]) -> tuple[int, ...]:
        """Where the times of these hashes stand."""
        return tuple(int.from_bytes(mark[:8], "big") % len(self._times) for mark in marks)

    def note(self, places: Iterable[int], now: int) -> None:
        """They may stand for something else from now on."""
        for place in places:
            self._times[place] = now

    def since(self, places: Iterable[int], then: int) -> bool:
        """Whether anything has changed at or after `then`."""
        times = self._times
        return any(times[place] >= then for place in places)
