"""Whether a share reaches its bar, by counts that anybody may look at as often as they like.

People look every hour for weeks, and a test that is made for one look would then pass by luck sooner or later. So the
evidence here is a test martingale: a bet against "the share is below the bar" that starts with 1 and, if that is true, cannot
be expected to grow. By Ville's inequality it ever reaches 1/α with a probability of at most α, however often one looks
(Ville 1939; mixtures of such bets: Robbins, "Statistical methods related to the law of the iterated logarithm", 1970;
Howard, Ramdas, McAuliffe, Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021). The bets here
are likelihood ratios against a handful of alternatives on the other side of the bar, with equal stakes. Each of them is
monotone in the true share, so the bound holds for every share below the bar, not only for the bar itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import exp, inf, log, log1p

# Alternatives, as multiples of the share of failures that the bar allows. Few enough to cost little, wide enough that a route
# which is twice as good, or twice as bad, as the bar is told apart after some ten times the samples that 1/(1 - bar) is.
BETTER = (0.0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.7, 0.85)
WORSE = (1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
MOST_NEEDED = 10**9
_LEAST, _MOST = 1e-9, 1 - 1e-9
_HALVINGS = 50


def evidence_above(good: int, bad: int, bar: float) -> float:
    """How much speaks for a share above `bar`: the logarithm of the wealth of whoever bet on that.

    Args:
        good, bad: samples; bar: share of good ones, from 0 to 1.
    """
    allowed = _within(1 - bar)
    return _mixture(good, bad, allowed, [allowed * factor for factor in BETTER])


def evidence_below(good: int, bad: int, bar: float) -> float:
    """How much speaks for a share below `bar`."""
    allowed = _within(1 - bar)
    worse = [allowed * factor for factor in WORSE if allowed * factor < 1] or [(allowed + 1) / 2]
    return _mixture(good, bad, allowed, worse)


def above(good: int, bad: int, bar: float, error: float) -> bool:
    """Whether the share is above `bar`; wrong with a probability of at most `error`, over all looks together."""
    return evidence_above(good, bad, bar) >= -log(error)


def below(good: int, bad: int, bar: float, error: float) -> bool:
    """Whether the share is below `bar`; wrong with a probability of at most `error`, over all looks together."""
    return evidence_below(good, bad, bar) >= -log(error)


def bounds(good: int, bad: int, error: float) -> tuple[float, float]:
    """A confidence sequence for the share: it lies between these for all looks together, but for a probability of 2 × `error`."""
    low = _last(lambda bar: above(good, bad, bar, error)) if good else 0.0
    high = 1 - _last(lambda room: below(good, bad, 1 - room, error)) if bad else 1.0
    return min(low, high), high


def samples_needed(good: int, bad: int, bar: float, error: float) -> int | None:
    """How many more samples show the share to be above `bar`, if they are as good as those seen; None if they are not enough
    ever, or too few were seen to tell. Without a single sample: what a faultless route needs."""
    total = good + bad
    if total and bad / total >= 1 - bar:
        return None
    share = good / total if total else 1.0

    def enough(more: int) -> bool:
        return above(good + round(more * share), bad + round(more * (1 - share)), bar, error)

    return least_more(enough)


def least_more(enough: Callable[[int], bool]) -> int | None:
    """The least number of further samples that are `enough`, to about a thousandth; None if no number up to a billion is."""
    if enough(0):
        return 0
    more = 1
    while not enough(more):
        more *= 2
        if more > MOST_NEEDED:
            return None
    return _first(enough, more // 2, more)


def _mixture(good: int, bad: int, allowed: float, alternatives: Sequence[float]) -> float:
    """The logarithm of the mean likelihood ratio; a sum of exponentials is taken at its largest."""
    logs = [_ratio(good, bad, allowed, other) for other in alternatives]
    largest = max(logs)
    return largest + log(sum(exp(each - largest) for each in logs) / len(logs)) if largest > -inf else -inf


def _ratio(good: int, bad: int, allowed: float, other: float) -> float:
    failures = bad * log(other / allowed) if other and bad else (-inf if bad else 0.0)
    return failures + good * (log1p(-other) - log1p(-allowed))


def _within(share: float) -> float:
    return min(max(share, _LEAST), _MOST)


def _last(holds: Callable[[float], bool]) -> float:
    """The largest share at which something holds that holds below it too."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _first(holds: Callable[[int], bool], low: int, high: int) -> int:
    """The least number above `low` at which something holds that holds at `high`."""
    while high - low > max(1, high // 1000):  # nobody needs it more exactly
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high
