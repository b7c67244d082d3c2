"""How a route, or all of them, went over time: agreement, who answered, and how long it took, step by step, out of the store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from strangler.control import sums
from strangler.control.gathering.witnessed import SERVED
from strangler.control.tally import BUCKETS
from strangler.core.guard.latency import Histogram
from strangler.core.model import Route
from strangler.core.outcome import Outcome
from strangler.store.rows import ArmRow, Point
from strangler.store.store import Store

WHOLE = 3600.0  # seconds after which all is added up anew: what could not be stored for a while is stored late
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

    def __add__(self, other: Step) -> Step:
        """The same time on another route. How long answers took says nothing across routes."""
        return Step(
            self.at,
            self.agreed + other.agreed,
            self.compared + other.compared,
            self.legacy + other.legacy,
            self.modern + other.modern,
        )


def of_route(store: Store, route: Route, since: float, step: float, now: float) -> tuple[Step, ...]:
    """One route from `since` to `now` (seconds since 1970), in steps of so many seconds; empty ones are there, too."""
    rows = store.arms(route.name, since // step * step)
    points = store.series(route.name, since // step * step, step)
    return _steps(points, _served(rows, route, step), _latency(rows, step), since, step, now)


def together(routes: Iterable[Sequence[Step]]) -> tuple[Step, ...]:
    """Several routes as one, of the same steps."""
    return tuple(sum(steps[1:], steps[0]) for steps in zip(*routes, strict=True))


class Past:
    """What was added up before is kept: only what may have changed since is read again. For one thread at a time.

    Args:
        window, step: how far back, and how long a step is, in seconds.
    """

    def __init__(self, window: float, step: float) -> None:
        self._window, self._step = window, step
        self._kept: dict[str, dict[float, Step]] = {}
        self._whole_at = 0.0

    def read(self, store: Store, routes: Sequence[Route], now: float) -> Mapping[str, tuple[Step, ...]]:
        """Every route from so far back until `now` (seconds since 1970)."""
        if not self._whole_at <= now < self._whole_at + WHOLE:
            self._kept, self._whole_at = {}, now
        first = (now - self._window) // self._step * self._step
        self._kept = {route.name: self._of(store, route, first, now) for route in routes}
        return {name: tuple(steps[at] for at in sorted(steps)) for name, steps in self._kept.items()}

    def _of(self, store: Store, route: Route, first: float, now: float) -> dict[float, Step]:
        known = self._kept.get(route.name, {})
        since = max(first, max(known, default=first) - self._step)
        fresh = {step.at: step for step in of_route(store, route, since, self._step, now)}
        return {at: step for at, step in known.items() if at >= first} | fresh


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


def _served(rows: Iterable[ArmRow], route: Route, step: float) -> dict[float, tuple[int, int]]:
    """By step, what legacy and what modern answered."""
    found: dict[float, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in rows:
        if row.side.startswith(SERVED):
            at, number = _step(row, step), sum(row.cells[:BUCKETS])
            legacy, modern = found[at]
            by_modern = row.side == f"{SERVED}{route.modern}"
            found[at] = (legacy + number * (not by_modern), modern + number * by_modern)
    return found


def _latency(rows: Iterable[ArmRow], step: float) -> dict[float, _Sides]:
    by_step: dict[float, list[ArmRow]] = defaultdict(list)
    for row in rows:
        by_step[_step(row, step)].append(row)
    return {at: _percentiles(some) for at, some in by_step.items()}


def _percentiles(rows: list[ArmRow]) -> _Sides:
    seen = sums.latency(rows)
    if seen is None:
        return None, None
    return _percentile(seen.legacy), _percentile(seen.modern)


def _percentile(seen: Histogram) -> float | None:
    return seen.percentile if seen.total else None


def _step(row: ArmRow, step: float) -> float:
    return row.minute * 60.0 // step * step
