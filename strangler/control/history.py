"""How a route, or all of them, went over time: agreement, who answered, and how long it took, step by step, out of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from strangler.control import sums
from strangler.control.gathering.witnessed import SERVED
from strangler.control.tally import BUCKETS
from strangler.core.guard.latency import Histogram
from strangler.core.model import Route
from strangler.core.outcome import Outcome
from strangler.store.rows import ArmRow, Point, SumRow
from strangler.store.store import Store

_AGREE = (Outcome.MATCH, Outcome.IGNORED)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a chart.

    Attributes:
        at: its beginning, in seconds since 1970.
        agreed, compared: pairs, whatever the rules were then.
        legacy, modern: requests that each side answered.
        p95_legacy, p95_modern: seconds that 95 % of a side's answers to the same requests took at most; None if there were none.
    """

    at: float
    agreed: int = 0
    compared: int = 0
    legacy: int = 0
    modern: int = 0
    p95_legacy: float | None = None
    p95_modern: float | None = None

    @property
    def requests(self) -> int:
        return self.legacy + self.modern


def of_route(store: Store, route: Route, since: float, step: float, now: float) -> tuple[Step, ...]:
    """One route from `since` to `now` (seconds since 1970), in steps of so many seconds; empty ones are there, too."""
    rows = (row for row in store.sums(SERVED, BUCKETS, step, since) if row.route == route.name)
    served = _served(rows, {route.name: route.modern})
    latency = _latency(store.arms(route.name, since), step)
    return _steps(store.series(route.name, since, step), served, latency, since, step, now)


def of_all(store: Store, routes: Iterable[Route], since: float, step: float, now: float) -> tuple[Step, ...]:
    """All routes together; without durations, which say nothing across routes."""
    served = _served(store.sums(SERVED, BUCKETS, step, since), {route.name: route.modern for route in routes})
    return _steps(store.series(None, since, step), served, {}, since, step, now)


_Sides = tuple[float | None, float | None]


def _steps(
    points: Iterable[Point],
    served: dict[float, tuple[int, int]],
    latency: dict[float, _Sides],
    since: float,
    step: float,
    now: float,
) -> tuple[Step, ...]:
    outcomes = {point.at: point.outcomes for point in points}
    found, at = [], since // step * step
    while at <= now:
        seen = outcomes.get(at, {})
        agreed = sum(seen.get(outcome, 0) for outcome in _AGREE)
        found.append(Step(at, agreed, sum(seen.values()), *served.get(at, (0, 0)), *latency.get(at, (None, None))))
        at += step
    return tuple(found)


def _served(rows: Iterable[SumRow], modern: dict[str, str]) -> dict[float, tuple[int, int]]:
    found: dict[float, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        legacy, new = found[row.at]
        by_modern = row.side.removeprefix(SERVED) == modern.get(row.route)
        found[row.at] = (legacy + row.total * (not by_modern), new + row.total * by_modern)
    return found


def _latency(rows: Iterable[ArmRow], step: float) -> dict[float, _Sides]:
    by_step: dict[float, list[ArmRow]] = defaultdict(list)
    for row in rows:
        by_step[row.minute * 60.0 // step * step].append(row)
    return {at: _percentiles(some) for at, some in by_step.items()}


def _percentiles(rows: list[ArmRow]) -> _Sides:
    seen = sums.latency(rows)
    if seen is None:
        return None, None
    return _percentile(seen.legacy), _percentile(seen.modern)


def _percentile(seen: Histogram) -> float | None:
    return seen.percentile if seen.total else None
