"""A worker's part in a recording: has the engine keep what is asked for, and hands it to control without ever waiting for it.

What waits has a budget of its own, so that no recording takes the place of evidence. Told to end, or of another one, it hands
over what waits, for a moment, and forgets the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from strangler.control.frames import Head
from strangler.control.gathering.courier import Courier
from strangler.control.recording import parcel
from strangler.proxy.proxy import Proxy
from strangler.proxy.tape import Taped, Taping

BUDGET = 16 * 2**20  # bytes that may wait in one worker
PARTING = 1.0  # seconds to hand over what waits


class Taker:
    """At most one recording at a time.

    Args:
        incarnation: of this worker.
        say: takes what control is to know at once, however much waits.
    """

    def __init__(self, incarnation: str, say: Callable[[Head], None], budget: int = BUDGET) -> None:
        self._incarnation, self._say, self._budget = incarnation, say, budget
        self._order: Head = {}
        self._courier: Courier | None = None
        self._taping: Taping | None = None
        self._told: Head = {}
        self._handed = 0
        self._partings: set[asyncio.Task[None]] = set()

    def use(self, order: Head, proxy: Proxy) -> None:
        """Record by this order from now on; or no more, if it is empty."""
        if order.get("token") != self._order.get("token"):
            self._end()
            self._order = order
            if order:
                self._begin(order)
        proxy.taping = self._taping

    def tell(self) -> None:
        """Have control know how many exchanges there are, and how many are missing, if that has changed."""
        if self._taping is None:
            return
        sums = {"handed": self._handed, "missed": dict(self._taping.missed)}
        if sums != self._told:
            self._told = sums
            self._say({"is": "taken", "token": self._order["token"], "incarnation": self._incarnation, **sums})

    async def close(self) -> None:
        """The worker leaves."""
        self._end()
        await asyncio.gather(*self._partings)

    def _begin(self, order: Head) -> None:
        routes = None if order["routes"] is None else frozenset(order["routes"])
        self._courier = Courier(order["path"], self._incarnation, self._budget)
        self._taping = Taping(self._deliver, routes=routes, sample=order["sample"], max_body=order["max_body"])

    def _deliver(self, taped: Taped) -> None:
        courier, taping = self._courier, self._taping
        if courier is None or taping is None:
            return
        if courier.hand("", parcel.seal(taped)):
            self._handed += 1
        else:
            taping.missed["queue"] += 1

    def _end(self) -> None:
        self.tell()
        if self._courier is not None:
            parting = asyncio.create_task(self._courier.close(PARTING))
            self._partings.add(parting)
            parting.add_done_callback(self._partings.discard)
        self._courier = self._taping = None
        self._order, self._told, self._handed = {}, {}, 0
