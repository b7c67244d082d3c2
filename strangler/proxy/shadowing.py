"""The shadow requests of one worker: which requests are copied, when a copy is sent, and how many are under way.

Clients come first. A copy is taken as the request passes and waits in a queue until control's answer is out; the queue is
served by the event loop between its other work, so that the next request on the same connection is read and answered
meanwhile. Where the loop is so late that clients wait for it, copies are dropped, and counted. Everything that a copy needs
is bounded: bytes by one budget, shadow requests by route and in all, connections by a pool of their own for each upstream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from random import random
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

from strangler.core.decide import Forward
from strangler.core.model import SAFE_METHODS, Route, Side
from strangler.core.observation import About, Answer, Pair
from strangler.proxy.inbound import Inbound
from strangler.proxy.pool import Pool
from strangler.proxy.shadow_copy import Budget, Copy
from strangler.proxy.shadow_gate import ShadowGate
from strangler.proxy.shadow_head import signed
from strangler.proxy.shadow_leg import Leg

if TYPE_CHECKING:
    from strangler.proxy.proxy import Proxy, Routing

MOST_BYTES = 64 * 2**20  # held for shadow requests by one worker: 64 at the usual max_body, or some 15,000 small ones
MOST_LEGS = 512  # under way in one worker, over all routes: each may have a connection, and descriptors are the clients'
FEW, AT_ONCE = 4, 64  # copies that are sent in one turn of the loop: each takes some 20 to 60 microseconds
LATE = 0.1  # seconds in the queue after which the loop is too busy with clients
MOST_KNOWN = 16_384  # requests of a route that are remembered in one window; about a megabyte
WINDOW = 3600.0  # seconds
PARTING = 1.0  # seconds that shadow requests under way get when the proxy stops


def sent_in_a_turn(waiting: int) -> int:
    """How many copies one turn of the loop sends. A part of them: requests that come together end together, and the next ones
    must not wait until all of those are copied; under load the part grows with the queue, so that it does not."""
    return min(waiting, max(FEW, min(waiting // 4, AT_ONCE)))


class Witness(Protocol):
    """Who keeps the ledger. Must be quick; what it raises is only counted."""

    def seen(self, route: Route) -> None:
        """A request was taken up that will end in one of the following."""
        ...

    def skipped(self, route: Route, reason: str, method: str) -> None:
        """It will not be compared, for a reason from `core.outcome.SKIPS`."""
        ...

    def alike(self, about: About, repeated: bool, control: Answer, candidate: Answer) -> bool:
        """Whether its two answers are equal for sure, and that is all there is to tell of them; else they come as a pair.

        `about` and `repeated` are what they would be of the pair.
        """
        ...

    def paired(self, pair: Pair, route: Route) -> None:
        """It has two answers. With `pair.again` it is none that was seen: control was asked twice."""
        ...


class Lane:
    """What a worker knows of one route between its requests.

    Attributes:
        route: as it was when the lane was last asked for.
        rules: digest of its rules.
        under_way: shadow requests.
    """

    __slots__ = ("_known", "_version", "_window", "route", "rules", "under_way")

    def __init__(self) -> None:
        self.route: Route | None = None
        self.rules = ""
        self.under_way = 0
        self._version = b""
        self._known: set[int] = set()
        self._window = 0.0

    def use(self, route: Route, version: str) -> None:
        """The route is this one now, and this header of its modern upstream names the build."""
        rules = route.rules
        if rules != self.rules:
            self._known.clear()
        self.route, self.rules = route, rules
        self._version = version.removeprefix("header:").lower().encode("latin-1")

    def version_of(self, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """The build of modern that gave an answer with these headers; "" if it does not say."""
        wanted = self._version
        if wanted:
            for name, value in headers:
                if name.lower() == wanted:
                    return value.strip(b" \t").decode("latin-1")
        return ""

    def repeats(self, method: str, target: bytes, at: float, version: str = "", failed: bool = False) -> bool:
        """Whether a request was seen in this window already, under these rules and with this build of modern, of which nothing
        is known before it was asked itself; one that the candidate failed, whether it did so already, or a
        candidate that fails all at once would not be noticed where the same is asked again and again. Where there is no room
        to know, it was: evidence that counts equal requests once must not count one twice."""
        window = at // WINDOW
        if window != self._window:
            self._window = window
            self._known.clear()
        key = hash((version, method, target, failed))
        if key in self._known or len(self._known) >= MOST_KNOWN:
            return True
        self._known.add(key)
        return False


class Shadowing:
    """Takes copies and sends them, for one worker.

    Attributes:
        budget: of bytes, for all copies.
        loop: whose clock counts.
    """

    def __init__(self, proxy: Proxy, witness: Witness) -> None:
        self.budget = Budget(MOST_BYTES)
        self._proxy = proxy
        self._witness = witness
        self.loop = asyncio.get_running_loop()
        self._queue: deque[Copy] = deque()
        self._serving = False
        self._legs: set[Leg] = set()
        self._lanes: dict[str, Lane] = {}
        self._quiet = asyncio.Event()
        self._stopped = False

    # What the proxy calls.

    def pools_for(self, pools: Mapping[str, Pool], old: Routing | None) -> Mapping[str, Pool]:
        """A pool beside each of these; those beside pools that have stayed stay too."""
        made = {}
        for name, main in pools.items():
            kept = old.shadow_pools[name] if old is not None and old.pools.get(name) is main else None
            made[name] = kept or self._pool_beside(main)
            made[name].context = main.context
        return made

    def use(self, routes: tuple[Route, ...]) -> None:
        """Forget what is known of routes that there are no longer."""
        names = {route.name for route in routes}
        self._lanes = {name: lane for name, lane in self._lanes.items() if name in names}

    async def stop(self, grace: float) -> None:
        """Give shadow requests under way up to `grace` seconds, then end them."""
        if grace > 0 and (self._queue or self._legs):
            self._quiet.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), grace)
        self._stopped = True
        while self._queue:
            self._drop(self._queue.popleft(), "stopping")
        for leg in list(self._legs):
            leg.skip("stopping")

    # What the passage calls.

    def take(self, routing: Routing, decision: Forward, inbound: Inbound) -> Copy | None:
        """A request of a route that copies is taken up: count it, and say what is to be told of it, if anything."""
        route = decision.route
        assert route is not None
        self._tell_seen(route)
        method, shadow, noise = inbound.method, route.shadow, route.noise
        if not decision.copies_to:
            self.skipped(route, "method", method)
            return None
        counted = True
        if shadow.sample < 1.0 and random() >= shadow.sample:
            reason = "sample"
        elif inbound.upgrade and any(name.decode("latin-1").lower() in route.upgrades for name in inbound.upgrade):
            reason = "upgrade"
        elif method not in SAFE_METHODS and signed(inbound.head.headers):
            reason = "signed"
        else:
            reason = ""
        if reason:
            self.skipped(route, reason, method)
            counted = False
        learns = noise.learn and method in SAFE_METHODS and reason in ("", "sample") and random() < noise.sample
        return Copy(self, routing, decision, route, inbound, counted, learns) if counted or learns else None

    # What the copies call.

    def skipped(self, route: Route, reason: str, method: str) -> None:
        try:
            self._witness.skipped(route, reason, method)
        except Exception as error:
            self._proxy.fault(error)

    def alike(self, about: About, repeated: bool, control: Answer, candidate: Answer) -> bool:
        try:
            return self._witness.alike(about, repeated, control, candidate)
        except Exception as error:
            self._proxy.fault(error)
            return False

    def paired(self, pair: Pair, route: Route) -> None:
        try:
            self._witness.paired(pair, route)
        except Exception as error:
            self._proxy.fault(error)

    def put(self, copy: Copy) -> None:
        """The copy may be sent, soon."""
        if self._stopped:
            self._drop(copy, "stopping")
            return
        self._queue.append(copy)
        if not self._serving:
            self._serving = True
            self.loop.call_soon(self._serve)

    def lane(self, route: Route, routing: Routing) -> Lane:
        """What is known of a route."""
        lane = self._lanes.get(route.name)
        if lane is None:
            lane = self._lanes[route.name] = Lane()
        if lane.route is not route:
            lane.use(route, routing.table.config.upstreams[route.modern].version)
        return lane

    # What the legs call.

    def enter(self, leg: Leg, lane: Lane) -> None:
        """A shadow request is under way."""
        lane.under_way += 1
        self._legs.add(leg)
        self._proxy.deadlines.watch(leg)

    def leave(self, leg: Leg, lane: Lane) -> None:
        """It has ended."""
        lane.under_way -= 1
        self._legs.discard(leg)
        self._proxy.deadlines.forget(leg)
        self._tell_quiet()

    # Ours.

    def _pool_beside(self, main: Pool) -> Pool:
        """A pool to the same upstream. The other one's health checks hold for both, so there are none."""
        pool = Pool(main.name, replace(main.upstream, health=None), self._proxy)
        pool.gate = ShadowGate(pool)
        return pool

    def _tell_seen(self, route: Route) -> None:
        try:
            self._witness.seen(route)
        except Exception as error:
            self._proxy.fault(error)

    def _tell_quiet(self) -> None:
        if not self._legs and not self._queue:
            self._quiet.set()

    def _serve(self) -> None:
        """Send what waits, but not so many at once that clients would notice. Does not raise."""
        self._serving = False
        late = perf_counter() - LATE
        for _ in range(sent_in_a_turn(len(self._queue))):
            copy = self._queue.popleft()
            if copy.done < late:
                self._drop(copy, "busy")
                continue
            try:
                self._send(copy)
            except Exception as error:
                self._proxy.fault(error)
                copy.skip("engine_error")
            copy.leave()
        if self._queue and not self._serving:
            self._serving = True
            self.loop.call_soon(self._serve)
        self._tell_quiet()

    def _drop(self, copy: Copy, reason: str) -> None:
        copy.skip(reason)
        copy.leave()

    def _send(self, copy: Copy) -> None:
        """Send a copy to the candidate, and if noise is learned to control again."""
        decision = copy.decision
        if copy.counted:
            side = Side.LEGACY if decision.side is Side.MODERN else Side.MODERN
            reason = self._begin(copy, decision.copies_to, side, again=False)
            if reason:
                copy.skip(reason)
        if copy.learns:
            self._begin(copy, decision.upstream, decision.side, again=True)

    def _begin(self, copy: Copy, upstream: str, side: Side, again: bool) -> str:
        """Send it to one upstream; or why not, as a label."""
        route, routing, target = copy.route, copy.routing, copy.inbound.target
        lane = self.lane(route, routing)
        if lane.under_way >= route.shadow.concurrency or len(self._legs) >= MOST_LEGS:
            return "concurrency"
        adapter = routing.adapters.get(route.index) if side is Side.MODERN else None
        if adapter is not None:
            adapted = adapter.target(target)
            if adapted is None:
                return "adapt_path"
            target = adapted
        pulse = routing.pools[upstream].gate.pulse
        if pulse is not None and not pulse.well:
            return "unhealthy"
        pool = routing.shadow_pools[upstream]
        if pool.shut and pool.gate.refusal() is not None:  # asked last: a breaker that tries again counts on being heeded
            return "breaker_open"
        leg = Leg(self, copy, lane, pool, target, side, again)
        try:
            leg.begin()
        except Exception as error:
            self._proxy.fault(error)
            leg.break_off()
        return ""
