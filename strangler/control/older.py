"""Arms from before the recent minutes, added up and kept between two looks: they change no more, and there are thousands."""

from __future__ import annotations

from dataclasses import dataclass

from strangler.store.adding import summed
from strangler.store.rows import ArmRow
from strangler.store.store import Store

FRESH = 61  # minutes that are read at every look: all that anybody calls recent
FOR = 3600.0  # seconds after which all is added up anew: what could not be stored for a while is stored late


@dataclass(frozen=True, slots=True)
class _Kept:
    since: float
    until: int  # minute
    at: float
    rows: list[ArmRow]


class Older:
    """What is kept, by route."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    def arms(self, store: Store, route: str, since: float, now: float) -> list[ArmRow]:
        """The arms of a route as the store has them; those that are older than what is recent come as sums. Times are seconds
        since 1970."""
        kept = self._kept.get(route)
        if kept is not None and kept.since == since and kept.at <= now < kept.at + FOR:
            return [*kept.rows, *store.arms(route, kept.until * 60.0)]
        until = int(now // 60) - FRESH
        rows = store.arms(route, since)
        old = _added_up([row for row in rows if row.minute < until], until)
        self._kept[route] = _Kept(since, max(until, int(since // 60)), now, old)
        return [*old, *(row for row in rows if row.minute >= until)]


def _added_up(rows: list[ArmRow], until: int) -> list[ArmRow]:
    """One row of each kind. Rows of another width were written by another version, and are kept apart."""
    sums: dict[tuple[str, str, str, str, int], list[int]] = {}
    for row in rows:
        key = (row.route, row.stage, row.version, row.side, len(row.cells))
        sums[key] = summed(sums.get(key, []), list(row.cells))
    return [
        ArmRow(until - 1, route, stage, version, side, tuple(cells)) for (route, stage, version, side, _), cells in sums.items()
    ]
