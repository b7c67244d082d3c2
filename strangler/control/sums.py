"""Cells of arms added up: how long answers took, how many failed, what an upstream served. Knows the cells, and no store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from strangler.control import tally
from strangler.control.gathering.witnessed import ARM_CELLS, BOUNDS, COMPARABLE, ERRORS, FAILURES, MICROSECONDS, SERVED
from strangler.core.guard.evidence import Failures, Latency
from strangler.core.guard.latency import Histogram
from strangler.core.model import Route, Side
from strangler.store.rows import ArmRow


def latency(rows: Iterable[ArmRow]) -> Latency | None:
    """How long both sides took over the same requests; None if nothing was timed."""
    found = list(rows)
    legacy, modern = (Histogram(BOUNDS, _of_side(found, side)[:MICROSECONDS]) for side in (Side.LEGACY, Side.MODERN))
    return Latency(legacy, modern) if legacy.total or modern.total else None


def failures(rows: Iterable[ArmRow]) -> Failures:
    """How many of the same requests each side failed."""
    found = list(rows)
    legacy, modern = (_of_side(found, side) for side in (Side.LEGACY, Side.MODERN))
    total = max(sum(cells[:MICROSECONDS]) + cells[FAILURES] for cells in (legacy, modern))
    return Failures(total, *(cells[FAILURES] + cells[ERRORS] for cells in (legacy, modern)))


def comparable(rows: Iterable[ArmRow]) -> dict[str, int]:
    """How many requests of each method were meant to be compared."""
    found: dict[str, int] = {}
    for row in rows:
        if row.side.startswith(COMPARABLE):
            method = row.side.removeprefix(COMPARABLE)
            found[method] = found.get(method, 0) + row.cells[0]
    return found


@dataclass(frozen=True, slots=True)
class Served:
    """What one upstream was to answer of a route.

    Attributes:
        failed: with a 5xx, with no whole answer, or so that another upstream answered instead.
        rescued: answered here because modern had failed.
    """

    total: int = 0
    failed: int = 0
    rescued: int = 0

    @property
    def rate(self) -> float:
        return self.failed / self.total if self.total else 0.0


def served(rows: Iterable[ArmRow], upstream: str) -> Served:
    """What an upstream answered, or did not."""
    cells = _sum([row for row in rows if row.side == f"{SERVED}{upstream}"], tally.CELLS)
    classes = dict(zip(tally.CLASSES, cells, strict=False))
    return Served(sum(classes.values()), max(classes["5xx"], cells[tally.UNANSWERED]), cells[tally.FELL_BACK])


def served_by_modern(recent: Iterable[ArmRow], always: Iterable[ArmRow], route: Route) -> Failures:
    """How modern did where clients relied on it, beside what legacy's usual share of failures comes to."""
    lately = list(recent)
    modern, rescued = served(lately, route.modern), served(lately, route.legacy).rescued
    total, usual = modern.total + rescued, served(always, route.legacy).rate
    return Failures(total, legacy=min(ceil(total * usual), total), modern=min(modern.failed + rescued, total))


def _of_side(rows: Iterable[ArmRow], side: Side) -> tuple[int, ...]:
    return _sum([row for row in rows if row.side == side], ARM_CELLS)


def _sum(rows: Iterable[ArmRow], width: int) -> tuple[int, ...]:
    """Cell by cell. Rows of another width were written by another version, and say nothing."""
    sums = [0] * width
    for row in rows:
        if len(row.cells) == width:
            sums = [a + b for a, b in zip(sums, row.cells, strict=True)]
    return tuple(sums)
