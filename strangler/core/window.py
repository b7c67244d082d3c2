"""How many requests failed lately. Time is passed in, in seconds on any clock that only goes forward."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

BUCKETS = 10


@dataclass(slots=True)
class Bucket:
    """One stretch of time: when it began, how many requests had been answered by then, how many failed in it."""

    start: float
    answered: int
    failures: int = 0


class Window:
    """Requests of the last `seconds`, to within a tenth: what is old is forgotten bucket by bucket.

    Whoever answers requests counts them in a number of its own, which only grows, and passes that number in: a request that
    goes well costs one addition, and no look at a clock.

    Attributes:
        width: seconds of a bucket; `roll` should be called about as often.
    """

    __slots__ = ("_buckets", "_seconds", "width")

    def __init__(self, seconds: float, now: float, answered: int = 0) -> None:
        self.width = seconds / BUCKETS
        self._seconds = seconds
        self._buckets = deque([Bucket(now, answered)])

    def roll(self, now: float, answered: int) -> None:
        """Begin a new bucket if it is time, and forget those that have left the window."""
        buckets = self._buckets
        if now - buckets[-1].start >= self.width:
            buckets.append(Bucket(now, answered))
        while len(buckets) > 1 and buckets[1].start <= now - self._seconds:
            buckets.popleft()

    def fail(self) -> None:
        """A request has failed."""
        self._buckets[-1].failures += 1

    def counts(self, answered: int) -> tuple[int, int]:
        """Requests in the window, and the failures among them."""
        failures = sum(bucket.failures for bucket in self._buckets)
        return answered - self._buckets[0].answered + failures, failures
