"""Mismatches that replication lag may explain: they wait as long as the relay may take, and both sides are asked again.

Only so many at a time, and so many a second: asking again is a load that nobody asked for. One that finds no place stays the
mismatch that it was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from strangler.control.gathering import pairs
from strangler.control.gathering.comparators import Job
from strangler.core.model import Config, Route, Upstream
from strangler.core.observation import Pair
from strangler.evidence.finding import Finding
from strangler.evidence.second_look import settled

MOST = 32  # at once, those that wait included
PER_SECOND = 20

Ask = Callable[[Pair, Route, Mapping[str, Upstream]], Awaitable[Pair | None]]


class SecondLooks:
    """All that are under way.

    Args:
        ask: asks both sides again; None if it cannot be done.
        compare: called with a pair that has been asked again.
        settle: called with the pair as it was first, and what is to be counted.
    """

    def __init__(self, ask: Ask, compare: Callable[[Job], None], settle: Callable[[Job, Finding], None]) -> None:
        self._ask, self._compare, self._settle = ask, compare, settle
        self._upstreams: Mapping[str, Upstream] = {}
        self._routes: dict[str, Route] = {}
        self._under_way: dict[Job, tuple[Finding, asyncio.Task[None]]] = {}
        self._firsts: dict[Job, Job] = {}
        self._begun: deque[float] = deque(maxlen=PER_SECOND)

    @property
    def busy(self) -> bool:
        return bool(self._under_way)

    def use(self, config: Config) -> None:
        """A configuration has come into force."""
        self._upstreams = config.upstreams
        self._routes = {route.name: route for route in config.routes}

    def take(self, job: Job, finding: Finding) -> bool:
        """Look at a mismatch again, later; whether there is a place for it."""
        loop = asyncio.get_running_loop()
        route = self._routes.get(job.route)
        crowded = len(self._begun) == PER_SECOND and loop.time() - self._begun[0] < 1.0
        if route is None or route.rules != finding.stratum.rules or len(self._under_way) >= MOST or crowded:
            return False
        self._begun.append(loop.time())
        self._under_way[job] = finding, asyncio.create_task(self._look(job, route))
        return True

    def answered(self, job: Job, finding: Finding | None) -> None:
        """The second comparison: equal now means that it was lag; anything else, that the first one stands."""
        first = self._firsts.pop(job)
        if first in self._under_way:
            self._end(first, finding)

    def close(self) -> None:
        """Look no more: what was found first stands."""
        for job in list(self._under_way):
            self._end(job, None)

    async def _look(self, job: Job, route: Route) -> None:
        await asyncio.sleep(route.guard.max_lag)
        try:
            again = await self._ask(pairs.unpack(job.frame), route, self._upstreams)
        except Exception:  # whatever it is: there was a mismatch, and it stands
            again = None
        if again is None:
            self._end(job, None)
            return
        second = Job(job.incarnation, job.route, False, pairs.pack(again), looked=True)
        self._firsts[second] = job
        self._compare(second)

    def _end(self, job: Job, second: Finding | None) -> None:
        first, task = self._under_way.pop(job)
        if task is not asyncio.current_task():
            task.cancel()
        self._settle(job, settled(first, second))
