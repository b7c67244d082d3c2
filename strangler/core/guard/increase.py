"""Whether modern fails more often than legacy does, by more than is allowed, on the same requests.

The same kind of bet as in `sequence`, on the mean of a number between -1 and 1: 1 where only modern failed, -1 where only
legacy did, 0 where both or neither did (Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting",
2023). Only sums are kept, so a request at which both failed counts once for each side; that makes each bet poorer, never
richer: (1 + a)(1 + b) with a + b fixed is largest where they are equal.
"""

from __future__ import annotations

from math import exp, log, log1p

from strangler.core.guard.sequence import least_more

# Stakes, as shares of the largest that cannot lose everything. Small ones win slowly but surely when the rates are close.
STAKES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002)


def within(total: int, modern: int, legacy: int, allowed: float, error: float) -> bool:
    """Whether the increase is below `allowed`; wrong with a probability of at most `error`, over all looks together.

    Args:
        total: requests that both sides were asked.
        modern, legacy: how many of them that side failed.
        allowed: increase of the share of failures, 0.005 for half a percent.
    """
    return _wealth(total, modern, legacy, allowed, -1) >= -log(error)


def beyond(total: int, modern: int, legacy: int, allowed: float, error: float) -> bool:
    """Whether the increase is above `allowed`; wrong with a probability of at most `error`, over all looks together."""
    return _wealth(total, modern, legacy, allowed, 1) >= -log(error)


def samples_needed(total: int, modern: int, legacy: int, allowed: float, error: float) -> int | None:
    """How many more requests show the increase to be below `allowed`, if they go as those seen did; None if they never do."""
    return least_more(lambda more: within(total + more, *_grown(total, more, modern, legacy), allowed, error))


def _grown(total: int, more: int, modern: int, legacy: int) -> tuple[int, int]:
    grown = 1 + more / total if total else 1.0
    return round(modern * grown), round(legacy * grown)


def _wealth(total: int, modern: int, legacy: int, allowed: float, sign: int) -> float:
    """The logarithm of the mean wealth over all stakes, of whoever bets on more (sign 1) or on less (-1)."""
    largest_loss = 1 + sign * allowed
    neither = max(total - modern - legacy, 0)
    logs = []
    for part in STAKES:
        stake = sign * part / largest_loss
        won, lost = log1p(stake * (1 - allowed)), log1p(stake * (-1 - allowed))
        logs.append(modern * won + legacy * lost + neither * log1p(-stake * allowed))
    largest = max(logs)
    return largest + log(sum(exp(each - largest) for each in logs) / len(logs))
