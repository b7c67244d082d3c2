"""What is kept of one request for its shadow request: the request and control's answer, as they pass.

Nothing here slows them down: pieces of bodies are kept as they are, up to the route's `shadow.max_body`, and what is larger
is digested piece by piece. What all copies of a worker hold together is bounded. It decides which answers of control leave
nothing to compare, and every copy in the ledger ends once: by a skip or by a pair.
"""

from __future__ import annotations

from hashlib import blake2b
from time import perf_counter, time
from typing import TYPE_CHECKING

from strangler.core.decide import Forward
from strangler.core.model import SAFE_METHODS, Route, Side
from strangler.core.observation import Observation, Pair
from strangler.proxy import reasons
from strangler.proxy.framing import CHUNKED, CLOSE
from strangler.proxy.inbound import Inbound
from strangler.proxy.reasons import Reason
from strangler.proxy.response import Response
from strangler.proxy.shadow_head import conditional

if TYPE_CHECKING:
    from strangler.proxy.proxy import Routing
    from strangler.proxy.shadowing import Shadowing

MOST_DIGESTED = 64 * 2**20  # bytes of one body: some 0.1 s of a core, and no download pays for more than that
COPY_BYTES = 4096  # that a copy takes besides its bodies, roughly: the objects, the heads
PIECE_BYTES = 64  # that a piece takes besides what it holds: a body that comes byte by byte is not small

_PARTIAL = frozenset({304, 206})
_UNMET = frozenset({412, 416})
_NO_LEGS = (b"", b"")
_STREAMS = (b"text/event-stream", b"multipart/x-mixed-replace")


class Budget:
    """Bytes that a worker holds for shadow requests."""

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.held = 0
        self.most = most


class Body:
    """A body as it passes.

    Attributes:
        pieces: none once it is larger than `most`; size: of all of it.
    """

    __slots__ = ("_hash", "_most", "pieces", "size")

    def __init__(self, most: int) -> None:
        self.pieces: list[bytes] = []
        self.size = 0
        self._most = most
        self._hash: blake2b | None = None

    def add(self, pieces: list[bytes], size: int) -> int:
        """Take the next pieces, with which the body has `size` bytes; how many bytes more, or less, are held now."""
        before, self.size = self.size, size
        if self._hash is None and size <= self._most:
            self.pieces += pieces
            return size - before + PIECE_BYTES * len(pieces)
        released = 0
        if self._hash is None:
            self._hash = blake2b(digest_size=16)
            released = before + PIECE_BYTES * len(self.pieces)
            pieces, self.pieces = self.pieces + pieces, []
        for piece in pieces:
            self._hash.update(piece)
        return -released

    def announce(self, size: int) -> None:
        """Nothing has come of it, and nothing will be taken: it would have `size` bytes, too many to be worth it."""
        self.size = size
        self._hash = blake2b(digest_size=16)

    @property
    def too_large(self) -> bool:
        return self._hash is not None

    @property
    def kept(self) -> bytes:
        """All of it; b"" if it was too large."""
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)

    @property
    def digest(self) -> bytes:
        """Of all of it; b"" unless it was too large."""
        return self._hash.digest() if self._hash is not None else b""


class Whole:
    """A whole answer: most are equal, and then there need be no `Observation` of them."""

    __slots__ = ("body", "digest", "duration", "first_byte", "headers", "size", "status")

    def __init__(self, response: Response, body: Body, first_byte: float, duration: float) -> None:
        self.status = response.status
        self.headers = response.head.headers
        self.body = body.kept
        self.size = body.size
        self.digest = body.digest
        self.first_byte = first_byte
        self.duration = duration

    def observed(self) -> Observation:
        headers = tuple(self.headers)
        return Observation(self.status, headers, self.body, self.size, self.digest, "", self.first_byte, self.duration)


class Copy:
    """One request that may be sent a second time.

    Args:
        counted: whether it is in the ledger, where it needs an end; else it is copied only to learn noise.

    Attributes:
        counted: whether the ledger still waits for its end.
        learns: whether control is asked a second time, too.
        over: whether nothing more is to be kept.
        body: of the request.
        control_head: as it was sent.
        done: when control's answer was complete, on `perf_counter`.
    """

    __slots__ = (
        "_answer",
        "_charged",
        "_clock",
        "_control",
        "_holders",
        "_response",
        "_shadowing",
        "_started",
        "about",
        "body",
        "control_head",
        "counted",
        "decision",
        "done",
        "inbound",
        "learns",
        "over",
        "request_id",
        "route",
        "routing",
    )

    def __init__(
        self,
        shadowing: Shadowing,
        routing: Routing,
        decision: Forward,
        route: Route,
        inbound: Inbound,
        counted: bool,
        learns: bool,
    ) -> None:
        self.routing = routing
        self.decision = decision
        self.route = route
        self.inbound = inbound
        self.counted = counted
        self.learns = learns
        self.over = False
        self.body = Body(route.shadow.max_body)
        self.done = 0.0
        self.control_head = self.about = self.request_id = b""
        self._shadowing = shadowing
        self._answer = Body(route.shadow.max_body)
        self._response: Response | None = None
        self._control: Whole | None = None
        self._started = self._clock = perf_counter()
        self._holders = 1  # the passage, later the queue; and every leg
        self._charged = 0
        if not self.charge(COPY_BYTES):
            self.skip("budget")

    # What the passage calls.

    def asks(self, head: bytes, about: bytes, request_id: bytes) -> None:
        """Control gets this head; `about` are the lines that say where the request came from."""
        self.control_head = head
        self.about = about
        self.request_id = request_id

    def sends(self, pieces: list[bytes]) -> None:
        """Pieces of the request's body go to control; the time until its answer counts from the last."""
        if self.over:
            return
        self._clock = perf_counter()
        change = self.body.add(pieces, self.inbound.received)
        if self.body.too_large or self.inbound.length > self.route.shadow.max_body:
            self.skip("request_body")
        elif not self.charge(change):
            self.skip("budget")

    def answered(self, response: Response) -> None:
        """Control's answer begins, as it came or, if it was translated for the client, as that."""
        if self.over:
            return
        self._response = response
        status, framing = response.status, response.framing
        if status in _PARTIAL or (status in _UNMET and conditional(self.inbound.head.headers)):
            self.skip("conditional")
        elif (framing is CHUNKED or framing is CLOSE) and _streams(response):
            self.skip("stream")

    def passes(self, pieces: list[bytes], size: int) -> None:
        """Pieces of its body, of which `size` bytes have come, go to the client."""
        if self.over:
            return
        if not self.charge(self._answer.add(pieces, size)):
            self.skip("budget")
        elif self._answer.size > MOST_DIGESTED:
            self.skip("body_cap")

    def end(self, reason: Reason | None, first_byte: float) -> None:
        """The client has control's whole answer, which began at `first_byte` on `perf_counter`: this is the next that may be
        sent a second time. Or it has not, for this reason."""
        response = self._response
        if self.over:
            return
        if reason is not None or response is None:
            self.skip("client_gone" if reason is reasons.CLIENT_GONE else "control_failed")
            return
        if not self.inbound.complete:  # control did not want all of it
            self.skip("request_body")
            return
        self.over = True
        self.done = perf_counter()
        clock = self._clock
        self._control = Whole(response, self._answer, max(first_byte - clock, 0.0), max(self.done - clock, 0.0))
        self._answer.pieces = []
        self._shadowing.put(self)

    @property
    def worth(self) -> int:
        """Bytes of a candidate's answer beyond which it is neither kept nor equal to control's."""
        assert self._control is not None
        return max(int(self.route.shadow.max_body), self._control.size)

    # What everybody calls.

    def skip(self, reason: str) -> None:
        """It will not be compared: tell, once, and keep nothing more."""
        if self.counted:
            self.counted = False
            self._shadowing.skipped(self.route, reason, self.inbound.method)
        if not self.over:
            self.over = True
            self.leave()

    # What the queue and the legs call.

    def charge(self, change: int) -> bool:
        """So many bytes more, or less, are held; whether the worker may hold as many."""
        self._charged += change
        budget = self._shadowing.budget
        budget.held += change
        return change <= 0 or budget.held <= budget.most

    def hold(self) -> None:
        """One more needs what is kept."""
        self._holders += 1

    def leave(self) -> None:
        """One needs it no longer; the last gives it back."""
        self._holders -= 1
        if not self._holders:
            self._shadowing.budget.held -= self._charged
            self._charged = 0
            self.body.pieces = []
            self._answer.pieces = []
            self._control = None

    def pair(self, candidate: Whole | Observation, again: bool, head: bytes) -> None:
        """There is a second answer, to a request with this head: tell, once."""
        control, route, inbound, decision = self._control, self.route, self.inbound, self.decision
        assert control is not None
        at = time() - (perf_counter() - self._started)
        lane = self._shadowing.lane(route, self.routing)
        method, failed = inbound.method, isinstance(candidate, Observation)
        modern = control.headers if again or decision.side is Side.MODERN else candidate.headers
        version = lane.version_of(modern)
        repeated = not again and lane.repeats(method, inbound.target, at, version, failed)
        if isinstance(candidate, Whole):
            about = (route.name, route.stage, lane.rules, decision.side, version, method, control.status)
            if not again and self._shadowing.alike(about, repeated, control, candidate):
                self.counted = False
                return
            candidate = candidate.observed()
        asked_again = route.data and method in SAFE_METHODS
        pair = Pair(  # in the order of its fields: naming them costs every request a microsecond
            route.name,
            route.stage,
            lane.rules,
            decision.side,
            method,
            inbound.target.decode("latin-1"),
            control.observed(),
            candidate,
            again,
            at,
            self.request_id.decode("ascii"),
            tuple(inbound.head.headers),
            self.body.kept,
            version,
            repeated,
            (self.control_head, head) if asked_again else _NO_LEGS,
        )
        if not again:
            self.counted = False
        self._shadowing.paired(pair, route)


def _streams(response: Response) -> bool:
    """Whether an answer goes on for as long as anybody listens."""
    return any(
        name.lower() == b"content-type" and value.strip(b" \t").lower().startswith(_STREAMS)
        for name, value in response.head.headers
    )
