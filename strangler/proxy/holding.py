"""Writes that wait while their data changes hands: how many, for how long, and what becomes of them.

Which requests wait is the table's decision; a request that waits is decided again when it may go on, by whatever table is in
force then. Nothing of its body is read meanwhile beyond what had arrived with its head. It takes no thread and no upstream, so
the limits are for the clients' sake: who would wait for too long is told to come again.

Here is also what a cutover has to know before it goes on: how many writes of some routes are still at work. They are looked for
when somebody asks, among all connections, so that requests at other times are not counted for it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING

from strangler.proxy import reasons
from strangler.proxy.deadlines import NEVER

if TYPE_CHECKING:
    from strangler.proxy.passage import Passage
    from strangler.proxy.proxy import Proxy

MOST = 1000  # requests that wait in one worker
MOST_BYTES = 64 * 2**20  # of bodies that had arrived with their heads
SECONDS = 10.0  # that one waits, if nobody says otherwise
LEFT = 2.0  # seconds that a write counts as at work after its client, or we, gave it up: the upstream may not have noticed
AT_ONCE = 100  # that go on before others get their turn
_MOST_LEFT = 10_000


class Holding:
    """The waiting room of one worker.

    Attributes:
        seconds: that a request waits at most.
        deadline: when the first of them has waited for that long, on the loop's clock.
    """

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._waiting: deque[tuple[float, Passage]] = deque()
        self._going: deque[Passage] = deque()
        self._bytes = 0
        self._left: deque[tuple[float, str]] = deque(maxlen=_MOST_LEFT)
        self.seconds = SECONDS
        self.deadline = NEVER
        proxy.deadlines.watch(self)

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return sum(not passage.over for passage in (*self._going, *(passage for _, passage in self._waiting)))

    def rest(self) -> int:
        """Seconds after which it may be worth asking again, for Retry-After."""
        return max(ceil(self.seconds / 2), 1)

    def wait(self, passage: Passage) -> bool:
        """Have a request wait; whether there is room."""
        size = passage.inbound.buffered
        if len(self._waiting) >= MOST:
            self._forget_the_gone()
        if len(self._waiting) >= MOST or self._bytes + size > MOST_BYTES or self._proxy.stopping:
            return False
        self._bytes += size
        until = self._proxy.deadlines.time() + self.seconds
        self._waiting.append((until, passage))
        self.deadline = min(self.deadline, until)
        self._proxy.counters.held += 1
        return True

    def release(self) -> None:
        """All go on, in the order in which they came, as the table in force says then."""
        begun = bool(self._going)
        self._going.extend(passage for _, passage in self._waiting)
        self._waiting.clear()
        self._bytes, self.deadline = 0, NEVER
        if not begun:
            self._go_on()

    def _go_on(self) -> None:
        """Some of them, and the rest when others have had their turn."""
        for _ in range(min(AT_ONCE, len(self._going))):
            passage = self._going.popleft()
            if not passage.over:
                passage.client.go_on()
        if self._going:
            self._proxy.deadlines.soon(self._go_on)

    def give_up(self) -> None:
        """Nothing goes on here any more: all are told to come again."""
        self._waiting.extendleft((0.0, passage) for passage in reversed(self._going))
        self._going.clear()
        self._refuse_until(NEVER)

    def expire(self) -> None:
        """Somebody has waited for too long."""
        self._refuse_until(self._proxy.deadlines.now)

    def leave(self, route: str) -> None:
        """A write of a route ended without its whole answer: whoever works on it may still do so."""
        self._left.append((perf_counter(), route))

    def at_work(self, names: Collection[str]) -> int:
        """Writes of these routes that may still change something. Takes a millisecond with ten thousand connections."""
        since = perf_counter() - LEFT
        left = sum(at > since and route in names for at, route in self._left)
        return left + sum(client.passage is not None and client.passage.writes(names) for client in self._proxy.clients)

    def _refuse_until(self, now: float) -> None:
        waiting = self._waiting
        while waiting and (waiting[0][0] <= now or waiting[0][1].over):
            _, passage = waiting.popleft()
            self._bytes -= passage.inbound.buffered
            if not passage.over:
                passage.answer(reasons.HELD)
        self._bytes = max(self._bytes, 0) if waiting else 0
        self.deadline = waiting[0][0] if waiting else NEVER

    def _forget_the_gone(self) -> None:
        self._waiting = deque(each for each in self._waiting if not each[1].over)
