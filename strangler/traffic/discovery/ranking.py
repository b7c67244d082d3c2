"""What to strangle first, and why. Pure: the same endpoints, the same order.

Each rule gives points for what makes an endpoint easy to move and to prove, or takes some away, and says so in words. The points
only make an order; whoever reads the reasons may have a better one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from strangler.core.figures import count, share
from strangler.traffic.discovery.endpoint import Endpoint

_PROOF = 3_800  # equal answers by which the guard, as it is by default, is content
_FEW_ANSWERS = 50
_MANY_PARAMETERS = 4
_SLOW = 1.0  # seconds
_TWICE = 3  # requests asked again, from which on their answers tell something


@dataclass(frozen=True, slots=True)
class Reason:
    """Points for an endpoint, and why."""

    points: float
    words: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """An endpoint in its place."""

    endpoint: Endpoint
    reasons: tuple[Reason, ...]

    @property
    def points(self) -> float:
        return round(sum(reason.points for reason in self.reasons), 3)


Rule = Callable[[Endpoint, float], Iterator[Reason]]
"""Given how many seconds the recording spans, or 0."""


def rank(endpoints: Iterable[Endpoint], seconds: float = 0.0) -> tuple[Ranked, ...]:
    """The endpoints, those first that are best to begin with; reasons that weigh most first."""
    ranked = [Ranked(one, tuple(sorted(_reasons(one, seconds), key=lambda reason: -abs(reason.points)))) for one in endpoints]
    return tuple(sorted(ranked, key=lambda one: (-one.points, -one.endpoint.requests, one.endpoint.name)))


def _reasons(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    for rule in RULES:
        yield from rule(endpoint, seconds)


def _reading(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if endpoint.safe and not endpoint.effects:
        yield Reason(40, "only reads, so it can be shadowed from the first day")
    elif endpoint.safe:
        yield Reason(5, f"reads, but {' and '.join(endpoint.effects)}: a copy would do that twice")
    else:
        yield Reason(-20, "writes: not copied unless asked for, and moves with its data by a cutover")


def _traffic(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if not endpoint.requests:
        yield Reason(-10, "documented, but nobody was seen to ask for it")
        return
    points = round(6 * math.log10(endpoint.requests + 1), 2)
    if endpoint.requests < _FEW_ANSWERS:
        yield Reason(points - 8, f"hardly asked for ({count(endpoint.requests, 'request')}), so proof takes long")
        return
    yield Reason(points, f"{_rate(endpoint.requests, seconds)}, so proof takes {_soon(endpoint.requests, seconds)}")


def _rate(requests: int, seconds: float) -> str:
    return f"{requests / seconds * 3600:,.0f} requests an hour" if seconds >= 60 else count(requests, "request")


def _soon(requests: int, seconds: float) -> str:
    if seconds < 60:
        return "little time"
    hours = _PROOF / (requests / seconds * 3600)
    if hours < 1:
        return "an hour at best"
    return f"{hours:,.0f} h at best" if hours < 48 else f"{hours / 24:,.0f} days at best"


def _stability(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    times, same, fields = endpoint.again
    if times < _TWICE:
        return
    if same == times:
        yield Reason(10, f"asked again, it answered the same ({times} of {times})")
    elif same >= 0.9 * times:
        yield Reason(5, f"asked again, it mostly answered the same ({same} of {times})")
    else:
        where = f": {', '.join(fields[:3])}" if fields else ""
        yield Reason(-8, f"asked again, it answered otherwise ({times - same} of {times}){where}")


def _data(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if endpoint.mappings:
        names = ", ".join(endpoint.mappings)
        points = -2.0 * len(endpoint.mappings)
        yield Reason(points, f"by its names it {'reads' if endpoint.safe else 'writes'} {names} (a guess)")


def _failures(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if endpoint.failed:
        part = endpoint.failed / endpoint.requests
        yield Reason(
            -round(min(20.0, 4 + 200 * part), 2), f"legacy fails {share(endpoint.failed, endpoint.requests)} of it today"
        )


def _asking(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    schemes = [name for name in endpoint.auth if name not in ("none", "cookie")]
    if schemes:
        yield Reason(-4, f"asked with credentials ({', '.join(schemes)}), which modern must know")


def _variants(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if len(endpoint.query) >= _MANY_PARAMETERS:
        yield Reason(-float(min(6, len(endpoint.query))), f"{len(endpoint.query)} parameters, so many variants to prove")
    if len(endpoint.kinds) > 1:
        yield Reason(-2, f"answers in {len(endpoint.kinds)} kinds ({', '.join(endpoint.kinds[:3])})")


def _lasting(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if endpoint.upgrades or endpoint.streams:
        yield Reason(-30, "a lasting connection, which nothing compares")


def _pace(endpoint: Endpoint, seconds: float) -> Iterator[Reason]:
    if endpoint.seconds and endpoint.seconds[1] >= _SLOW:
        yield Reason(2, f"slow today (95 % within {endpoint.seconds[1]:.1f} s), so there is something to win")


RULES: tuple[Rule, ...] = (_reading, _traffic, _stability, _data, _failures, _asking, _variants, _lasting, _pace)
