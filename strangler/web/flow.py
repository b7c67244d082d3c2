"""Traffic as it is now: what the workers have counted between two looks, over the same time that `strangler top` takes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from threading import Lock

from strangler.control.standings import Traffic, split
from strangler.control.tally import BUCKETS
from strangler.control.totals import Totals
from strangler.core.model import Route

WINDOW = 10.0  # seconds of traffic that a rate is of
LEAST = 0.5  # seconds between two readings that a rate can be told from

_Requests = Mapping[tuple[str, str], int]  # by route and upstream


class Flow:
    """The last readings. Safe in threads."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, _Requests]] = deque()
        self._lock = Lock()

    def read(self, totals: Totals, routes: Sequence[Route], now: float) -> Mapping[str, Traffic]:
        """Take a reading, and give the rates since one that is about a window old; nothing if there is none yet.

        Args:
            now: seconds, that only go forward.
        """
        requests = _requests(totals)
        with self._lock:
            self._readings.append((now, requests))
            while len(self._readings) > 2 and self._readings[1][0] <= now - WINDOW:
                self._readings.popleft()
            then, before = self._readings[0]
        if now - then < LEAST:
            return {}
        served = {route.name: Counter[str]() for route in routes}
        for (route, upstream), number in requests.items():
            if route in served:
                served[route][upstream] += max(0, number - before.get((route, upstream), 0))
        return {route.name: split(route, served[route.name], now - then) for route in routes}


def _requests(totals: Totals) -> _Requests:
    """Finished, at whatever stage."""
    found: Counter[tuple[str, str]] = Counter()
    for (kind, *names), cells in totals.rows.items():
        if kind == "route":
            found[names[0], names[2]] += sum(cells[:BUCKETS])
    return found
