"""One shadow request on its way: the copy, sent on the candidate's own pool for shadows, and the answer that nobody gets.

Whatever the candidate does is an observation: a failure too. It has one deadline as a whole. Redirects are not followed,
nothing is asked twice, except on a pooled connection that the candidate had closed; no fallback, no cookies kept.
"""

from __future__ import annotations

from random import getrandbits
from time import perf_counter
from typing import TYPE_CHECKING

from strangler.core.model import SAFE_METHODS, Side
from strangler.core.observation import Observation
from strangler.proxy import reasons
from strangler.proxy.framing import CHUNKED, LENGTH, as_chunk, last_chunk
from strangler.proxy.headers import REQUEST_NAMES
from strangler.proxy.heads import hop_lines, request_bytes, trailer_lines
from strangler.proxy.identities import Outcome
from strangler.proxy.reasons import Reason
from strangler.proxy.response import Response
from strangler.proxy.shadow_copy import Body, Copy, Whole
from strangler.proxy.shadow_head import MARKED_END, otherwise
from strangler.proxy.upstream import UpstreamConnection, write

if TYPE_CHECKING:
    from strangler.proxy.adapt import Adapter
    from strangler.proxy.pool import Pool
    from strangler.proxy.shadowing import Lane, Shadowing


class Leg:
    """One shadow request.

    Args:
        side: whose upstream is asked.
        again: it is control's own upstream, asked a second time to learn noise.

    Attributes:
        over: whether it has ended, one way or another.
        deadline: when it is given up, on the loop's clock.
    """

    __slots__ = (
        "_again",
        "_answer",
        "_connection",
        "_copy",
        "_first_byte",
        "_head",
        "_introducing",
        "_lane",
        "_pool",
        "_shadowing",
        "_side",
        "_started",
        "_target",
        "_user",
        "deadline",
        "over",
    )

    def __init__(self, shadowing: Shadowing, copy: Copy, lane: Lane, pool: Pool, target: bytes, side: Side, again: bool) -> None:
        self.over = False
        self.deadline = shadowing.loop.time() + copy.route.shadow.timeout  # not the last tick's: it may be short
        self._shadowing = shadowing
        self._copy = copy
        self._lane = lane
        self._pool = pool
        self._target = target
        self._side = side
        self._again = again
        self._connection: UpstreamConnection | None = None
        self._user: bytes | None = None
        self._introducing = False
        self._head = b""
        self._started = perf_counter()
        self._first_byte = 0.0
        self._answer = Body(copy.route.shadow.max_body)

    def begin(self) -> None:
        """Ask who the user is, if the candidate wants to know, and send."""
        copy = self._copy
        copy.hold()
        self._shadowing.enter(self, self._lane)
        identities = copy.routing.identities.get(self._pool.name)
        if identities is None:
            self._send(fresh=False)
        else:
            inbound = copy.inbound
            self._introducing = True
            identities.introduce(self, inbound.head.headers, inbound.host or b"", copy.about, copy.request_id)

    def introduced(self, outcome: Outcome) -> None:
        """It is known who the user is, or that it cannot be known: then the candidate is not asked."""
        if self.over:
            return
        self._introducing = False
        if isinstance(outcome, Reason):
            self.skip("identity")
        else:
            self._user = outcome
            self._started = perf_counter()
            self._send(fresh=False)

    def _send(self, fresh: bool) -> None:
        connection = None if fresh else self._pool.take(self._copy.inbound.method in SAFE_METHODS)
        if connection is None:
            self._pool.connect(self)
        else:
            self.carry(connection)

    # What the pool and the connection call.

    def carry(self, connection: UpstreamConnection) -> None:
        """The upstream can be written to."""
        self._connection = connection
        inbound = self._copy.inbound
        connection.begin(self, inbound.method)
        self._head = self._request_head()
        pieces = [self._head]
        body = self._copy.body.pieces
        if inbound.framing is CHUNKED:
            pieces += as_chunk(body) if body else ()
            pieces.append(last_chunk(trailer_lines(inbound.trailers, REQUEST_NAMES, self._copy.routing.claimed)))
        else:
            pieces += body
        if len(pieces) == 1:
            write(connection.transport, pieces)
        else:
            connection.write(pieces)

    def _request_head(self) -> bytes:
        copy = self._copy
        inbound = copy.inbound
        head = inbound.head
        control_pool = copy.routing.pools[copy.decision.upstream]
        same_host = inbound.host is not None and self._pool.preserves_host and control_pool.preserves_host
        if same_host and not (copy.routing.extras or head.once_at or head.expects_at or head.overrides_at):
            return copy.control_head[:-2] + MARKED_END  # nothing but the marker is different
        return self._other_head()

    def _other_head(self) -> bytes:
        copy, pool = self._copy, self._pool
        inbound = copy.inbound
        head, host = inbound.head, inbound.host
        left_out, ours = otherwise(head, getrandbits)
        ours.append(copy.about)
        if head.request_ids != [copy.request_id]:
            left_out += head.request_ids_at
            ours.append(b"X-Request-Id: " + copy.request_id)
        if inbound.framing is CHUNKED:
            ours.append(b"Transfer-Encoding: chunked")
        if head.trailers_wanted:
            ours += hop_lines(True, b"")
        if self._side is Side.MODERN:
            left_out += head.overrides_at
            adapter: Adapter | None = copy.routing.adapters.get(copy.route.index)
            if adapter is not None:
                left_out += adapter.left_out(head)
                ours += adapter.lines
        if self._user is not None:
            ours.append(copy.routing.identities[pool.name].line(self._user))
        if host is None or not pool.preserves_host:
            host = pool.host
        return request_bytes(inbound.method.encode(), self._target, head, host, left_out, ours)

    def receive(self) -> None:
        """The upstream has sent something."""
        connection = self._connection
        assert connection is not None
        reader = connection.reader
        if reader.interim:
            reader.interim = []
        response = reader.response
        if response is None:
            if reader.broken:
                self._fail(reasons.BAD_RESPONSE)
            return
        if not self._first_byte:
            self._first_byte = perf_counter()
            self._pool.answered += 1
            if response.framing is LENGTH and self._too_large(int(response.head.lengths[0])):
                return
        if reader.body and not self._keep(reader.take_body(), reader.received):
            return
        if reader.broken or response.status == 101:
            self._fail(reasons.BAD_RESPONSE)
        elif reader.complete:
            self._connection = None
            if reader.clean and connection.writable:
                self._pool.put(connection)
            else:
                connection.close()
            self._answered(response)

    def _too_large(self, announced: int) -> bool:
        """Whether the answer will be larger than is worth reading; then it ends here, and nothing of it is read."""
        if announced > self._copy.worth:
            self._answer.announce(announced)
            self._cut()
        return self.over

    def _cut(self) -> None:
        """The answer is larger than control's and than what is kept: it differs, whatever still comes. Reading on would cost
        clients time."""
        connection = self._connection
        assert connection is not None
        response = connection.reader.response
        assert response is not None
        self._answered(response)

    def _answered(self, response: Response) -> None:
        now = perf_counter()
        self._end(Whole(response, self._answer, self._first_byte - self._started, now - self._started))

    def _keep(self, pieces: list[bytes], size: int) -> bool:
        """Take pieces of the answer's body, of which `size` bytes have come; False if that was the end of it."""
        answer = self._answer
        if not self._copy.charge(answer.add(pieces, size)):
            self.skip("budget")
        elif answer.size > self._copy.worth:
            self._cut()
        return not self.over

    def unreachable(self, reason: Reason) -> None:
        """No connection could be made."""
        if not self.over:
            self._fail(reason)

    def upstream_gone(self, reason: Reason) -> None:
        """The connection ended before the answer was complete."""
        connection, self._connection = self._connection, None
        if self.over or connection is None:
            return
        stale = connection.reused and reason is reasons.RESET and not connection.reader.started
        if stale and self._copy.inbound.method in SAFE_METHODS:
            self._send(fresh=True)  # and not a third time: that connection is not a pooled one
        else:
            self._fail(reasons.TRUNCATED if self._first_byte and reason is reasons.RESET else reason, stale)

    def break_off(self) -> None:
        """An error of ours."""
        self.skip("engine_error")

    def regulate(self) -> None:
        """A shadow request is written at once; what the candidate does not take waits, within the budget."""

    def expire(self) -> None:
        """The deadline has passed."""
        if self._introducing:
            self.skip("identity")
        else:
            self._fail(reasons.RESPONSE_TIMEOUT if self._connection is not None else reasons.CONNECT_TIMEOUT)

    # The end.

    def skip(self, reason: str) -> None:
        """There will be nothing to compare, and it is not the candidate's fault."""
        if self.over:
            return
        self._leave()
        if not self._again:
            self._copy.skip(reason)
        self._copy.leave()

    def _fail(self, reason: Reason, stale: bool = False) -> None:
        """The candidate gave no whole answer; `stale` says that only a pooled connection has ended."""
        if not self._first_byte and not stale:
            self._pool.gate.fail(self._started)
        first_byte = self._first_byte - self._started if self._first_byte else 0.0
        self._end(Observation(0, failure=reason.label, first_byte=first_byte, duration=perf_counter() - self._started))

    def _end(self, candidate: Whole | Observation) -> None:
        if self.over:
            return
        self._leave()
        try:
            self._copy.pair(candidate, self._again, self._head)
        except Exception as error:
            self._pool.proxy.fault(error)
            if not self._again:
                self._copy.skip("engine_error")
        self._copy.leave()

    def _leave(self) -> None:
        self.over = True
        self._shadowing.leave(self, self._lane)
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
