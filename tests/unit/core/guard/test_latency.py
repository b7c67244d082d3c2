"""Ratios of percentiles, from histograms."""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest

from strangler.core.guard.latency import Histogram, ratio

BOUNDS = tuple(0.0005 * 1.5**power for power in range(27))


def histogram(samples: int, median: float, seed: int = 1) -> Histogram:
    chance, counts = random.Random(seed), [0] * (len(BOUNDS) + 1)
    for _ in range(samples):
        counts[bisect_left(BOUNDS, median * chance.lognormvariate(0, 0.5))] += 1
    return Histogram(BOUNDS, tuple(counts))


def test_the_percentile_lies_near_the_true_one():
    assert histogram(100_000, 0.05).percentile == pytest.approx(
        0.05 * 2.276, rel=0.1
    )  # exp(1.645 × 0.5), within a bucket that is 1.5 wide


@pytest.mark.parametrize(("slower", "holds"), [(1.0, "within"), (1.2, "within"), (1.5, "open"), (2.0, "beyond"), (4.0, "beyond")])
def test_a_slower_side_is_told_from_an_equal_one(slower, holds):
    low, high = ratio(histogram(20_000, 0.05 * slower, 2), histogram(20_000, 0.05), 0.0125)
    assert low <= slower <= high
    assert {"within": high <= 1.5, "open": low <= 1.5 <= high, "beyond": low > 1.5}[holds]


@pytest.mark.parametrize("samples", [0, 1, 3, 50])
def test_too_few_tell_nothing(samples):
    assert ratio(histogram(samples, 0.05), histogram(samples, 0.05), 0.0125) is None


def test_what_is_slower_than_every_bound_is_never_within():
    beyond = Histogram(BOUNDS, (*[0] * len(BOUNDS), 1000))
    assert ratio(beyond, histogram(1000, 0.05), 0.0125) == (float("inf"), float("inf"))
    assert ratio(histogram(1000, 0.05), beyond, 0.0125) == (0.0, float("inf"))
    assert ratio(beyond, beyond, 0.0125)[1] == float("inf")
