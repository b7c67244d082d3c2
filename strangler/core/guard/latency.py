"""How modern's 95th percentile stands to legacy's, from two histograms of the same requests.

Where a percentile lies is asked as shares are: the percentile is below t if the share of durations up to t is above 95 %
(quantile confidence sequences by inversion: Howard, Ramdas, "Sequential estimation of quantiles with applications to A/B
testing and best-arm identification", 2022). Between two bounds of a histogram durations are taken to be spread evenly on a
logarithmic scale.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf

from strangler.core.guard.sequence import above, below

PERCENTILE = 0.95
_TIMES = tuple(2**power for power in range(1, 13))


@dataclass(frozen=True, slots=True)
class Histogram:
    """Durations.

    Attributes:
        bounds: upper bounds of the buckets, in seconds, ascending; the last bucket has none.
        counts: by bucket, one more than there are bounds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)

    def at(self, rank: float) -> float:
        """The duration in seconds that `rank` requests do not exceed; infinite if it is beyond the last bound."""
        sums = list(accumulate(self.counts))
        place = bisect_left(sums, rank)
        if place >= len(self.bounds):
            return inf
        before = sums[place - 1] if place else 0
        top, bottom = self.bounds[place], self.bounds[place - 1] if place else self.bounds[0] / 2
        part = (rank - before) / self.counts[place] if self.counts[place] else 1.0
        return float(bottom * (top / bottom) ** part)

    def grown(self, times: int) -> Histogram:
        """So many times the same."""
        return Histogram(self.bounds, tuple(count * times for count in self.counts))

    @property
    def percentile(self) -> float:
        """The 95th percentile in seconds, as far as the buckets tell."""
        return self.at(PERCENTILE * self.total)

    def range(self, error: float) -> tuple[float, float] | None:
        """Between which durations the 95th percentile lies; None if there are too few samples to tell."""
        total = self.total
        high = _least(total, lambda rank: above(rank, total - rank, PERCENTILE, error))
        low = _least(total, lambda rank: not below(rank, total - rank, PERCENTILE, error)) - 1
        return (self.at(low), self.at(high)) if high <= total and low >= 0 else None


def ratio(modern: Histogram, legacy: Histogram, error: float) -> tuple[float, float] | None:
    """Between which values modern's percentile, divided by legacy's, lies; None if there are too few samples to tell.

    Wrong with a probability of at most 4 × `error`, over all looks together.
    """
    ours, theirs = modern.range(error), legacy.range(error)
    if ours is None or theirs is None:
        return None
    if inf in (ours[0], theirs[0]):  # more than one in twenty takes longer than anything that was told apart
        return 0.0 if ours[0] < inf else inf, inf
    return ours[0] / theirs[1], ours[1] / theirs[0]


def samples_needed(modern: Histogram, legacy: Histogram, allowed: float, error: float) -> int | None:
    """How many more requests show the ratio to be at most `allowed`, to the next power of two times what was seen, if their
    durations go as those seen did; None if no number that anybody waits for does."""
    for times in _TIMES:
        found = ratio(modern.grown(times), legacy.grown(times), error)
        if found is not None and found[1] <= allowed:
            more: int = modern.total * (times - 1)
            return more
    return None


def _least(total: int, holds: Callable[[int], bool]) -> int:
    """The least rank up to `total` at which something holds that holds above it too; total + 1 if there is none."""
    ranks: Sequence[int] = range(total + 1)
    return bisect_left(ranks, True, key=holds)
