"""What is kept of a request that is recorded: its head and body and those of its answer, as they pass.

Nothing here slows anybody down: pieces of bodies are kept as they are, up to a size, and no more than a worker may hold. What is
larger, or too much, is counted and not kept. As long as nobody records, no request meets any of this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from random import random
from time import perf_counter, time
from typing import NamedTuple

from strangler.core.decide import Forward
from strangler.core.observation import Headers
from strangler.proxy.inbound import Inbound
from strangler.proxy.reasons import Reason
from strangler.proxy.response import Response

MOST_BYTES = 32 * 2**20  # held by one worker for requests that are on their way
TAPE_BYTES = 4096  # that a tape takes besides its bodies, roughly
PIECE_BYTES = 64  # that a piece takes besides what it holds


class Taped(NamedTuple):
    """One exchange, ended.

    Attributes:
        host: as the client wrote it.
        client: address.
        route: "" if none matched.
        side: who was asked last.
        at: seconds since 1970, when the request was taken up.
        status: 0 if there was no whole answer; `failure` says why then.
        request_body, response_body: without transfer coding, with content coding as it was sent; None if they were too large, or
            not all there.
    """

    method: str
    target: str
    host: str
    scheme: str
    client: str
    route: str
    side: str
    at: float
    duration: float
    status: int
    failure: str
    request_headers: Headers
    request_body: bytes | None
    request_size: int
    response_headers: Headers
    response_body: bytes | None
    response_size: int


class Taping:
    """What one worker records.

    Args:
        deliver: called with each exchange.
        routes: their names; None for every request, also those that no route matches.
        sample: the part of them that is recorded.
        max_body: bytes of a body beyond which it is not kept.

    Attributes:
        missed: exchanges that should have been recorded and were not, by the reason.
        held: bytes.
    """

    def __init__(
        self,
        deliver: Callable[[Taped], None],
        *,
        routes: Collection[str] | None = None,
        sample: float = 1.0,
        max_body: int = 2**20,
        most: int = MOST_BYTES,
    ) -> None:
        self.deliver, self.max_body = deliver, max_body
        self._routes, self._sample, self._most = routes, sample, most
        self.missed: Counter[str] = Counter()
        self.held = 0

    def take(self, decision: Forward, inbound: Inbound) -> Tape | None:
        """A request goes to an upstream: what is kept of it, if it is one to be recorded. ``OPTIONS *`` asks for nothing."""
        route = decision.route.name if decision.route is not None else ""
        if (self._routes is not None and route not in self._routes) or not inbound.target.startswith(b"/"):
            return None
        if self._sample < 1.0 and random() >= self._sample:
            return None
        if not self.charge(TAPE_BYTES):
            self.held -= TAPE_BYTES
            self.missed["budget"] += 1
            return None
        return Tape(self, route, inbound)

    def charge(self, size: int) -> bool:
        """So many bytes more are held; whether there may be as many."""
        self.held += size
        return self.held <= self._most


class Tape:
    """One request that is recorded."""

    __slots__ = ("_asked", "_charged", "_got", "_inbound", "_response", "_route", "_size", "_started", "_taping")

    def __init__(self, taping: Taping, route: str, inbound: Inbound) -> None:
        self._taping: Taping | None = taping
        self._route = route
        self._inbound = inbound
        self._started = perf_counter()
        self._response: Response | None = None
        self._asked: list[bytes] | None = []
        self._got: list[bytes] | None = []
        self._size = 0
        self._charged = TAPE_BYTES

    def sends(self, pieces: list[bytes]) -> None:
        """Pieces of the request's body go to the upstream."""
        self._asked = self._kept(self._asked, pieces, self._inbound.received)

    def answered(self, response: Response) -> None:
        """The answer begins, as the client gets it."""
        self._response = response

    def passes(self, pieces: list[bytes], size: int) -> None:
        """Pieces of its body, of which `size` bytes have come, go to the client."""
        self._size = size
        self._got = self._kept(self._got, pieces, size)

    def end(self, reason: Reason | None, side: str, client: str, scheme: bytes) -> None:
        """The client has the whole answer; or it has not, for this reason."""
        taping = self._taping
        if taping is None:
            return
        self._release()
        taping.deliver(self._taped(reason, side, client, scheme))

    def drop(self, reason: str) -> None:
        """It will not be recorded, and that is counted."""
        if self._taping is not None:
            self._taping.missed[reason] += 1
            self._release()
            self._asked = self._got = None

    def _kept(self, kept: list[bytes] | None, pieces: list[bytes], size: int) -> list[bytes] | None:
        """What is kept of a body with these pieces, too, with which it has `size` bytes; None if it is too large."""
        taping = self._taping
        if kept is None or taping is None or size > taping.max_body:
            return None
        kept += pieces
        more = sum(map(len, pieces)) + PIECE_BYTES * len(pieces)
        self._charged += more
        if not taping.charge(more):
            self.drop("budget")
            return None
        return kept

    def _release(self) -> None:
        if self._taping is not None:
            self._taping.held -= self._charged
            self._taping = None

    def _taped(self, reason: Reason | None, side: str, client: str, scheme: bytes) -> Taped:
        inbound, duration = self._inbound, perf_counter() - self._started
        response = self._response if reason is None else None
        asked, got = self._asked, self._got
        return Taped(
            inbound.method,
            inbound.target.decode("latin-1"),
            (inbound.host or b"").decode("latin-1"),
            scheme.decode(),
            client,
            self._route,
            side,
            time() - duration,
            duration,
            response.status if response is not None else 0,
            "" if response is not None else reason.label if reason is not None else "no_answer",
            tuple(inbound.head.headers),
            b"".join(asked) if asked is not None and inbound.complete else None,
            inbound.received,
            tuple(response.head.headers) if response is not None else (),
            b"".join(got) if got is not None and response is not None else None,
            self._size,
        )
