"""One request's way through: decided, sent to an upstream, its answer sent back; or answered here.

This is the only place that knows both sides. It decides when a request may be sent a second time, what a failure becomes,
and whether the client's connection lives on. Bytes are read by the readers, written by the connections.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import random
from time import perf_counter
from typing import TYPE_CHECKING

from strangler.core.decide import Decision, Forward, Refuse
from strangler.core.ladder import OnFailure
from strangler.core.model import SAFE_METHODS, Side
from strangler.core.request import Request
from strangler.proxy import answers, reasons, request_id
from strangler.proxy.adapt import Adapter, Holding
from strangler.proxy.exchange import Exchange
from strangler.proxy.forwarded import client_address, set_lines
from strangler.proxy.framing import CHUNKED, CLOSE, NO_BODY, as_chunk, last_chunk
from strangler.proxy.headers import REQUEST_NAMES
from strangler.proxy.heads import ResponseHead, hop_lines, request_bytes, response_bytes, trailer_lines
from strangler.proxy.identities import Outcome
from strangler.proxy.inbound import Inbound
from strangler.proxy.reasons import Reason
from strangler.proxy.response import Response, ResponseReader
from strangler.proxy.shadow_copy import Copy
from strangler.proxy.tape import Tape
from strangler.proxy.tunnel import Tunnel
from strangler.proxy.upstream import UpstreamConnection, write

if TYPE_CHECKING:
    from strangler.proxy.client import ClientConnection
    from strangler.proxy.pool import Pool

_MODERN, _LEGACY = Side.MODERN, Side.LEGACY


class Passage:
    """One request and what becomes of it.

    Attributes:
        connection: the upstream's, while it carries this request.
        copy: what is kept of it for its shadow request; None for most.
        tape: what is kept of it for whoever records; None for most.
        over: whether the request has ended; nothing more happens then.
        waiting: whether it waits to be decided again (`holding`).
    """

    __slots__ = (
        "_adapter",
        "_address",
        "_body_sent",
        "_chunked_out",
        "_decision",
        "_delimited",
        "_fell_back",
        "_first_byte",
        "_head_sent",
        "_holding",
        "_keep",
        "_offered",
        "_reason",
        "_request_ended",
        "_request_id",
        "_response_bytes",
        "_retried",
        "_routing",
        "_side",
        "_started",
        "_status",
        "_target",
        "_upstream",
        "_user",
        "client",
        "connection",
        "copy",
        "inbound",
        "over",
        "tape",
        "waiting",
    )

    def __init__(self, client: ClientConnection, inbound: Inbound) -> None:
        self.client = client
        self.inbound = inbound
        self.connection: UpstreamConnection | None = None
        self.copy: Copy | None = None
        self.tape: Tape | None = None
        self.over = False
        self.waiting = False
        self._routing = client.proxy.routing
        self._started = perf_counter()
        self._first_byte = 0.0
        self._decision: Forward | None = None
        self._side = _LEGACY
        self._upstream = ""
        self._address = ""
        self._request_id = b""
        self._user: bytes | None = None
        self._adapter: Adapter | None = None
        self._holding: Holding | None = None
        self._target = inbound.target
        self._offered = b""  # the protocol that the upstream was asked to switch to
        self._fell_back = self._retried = False
        self._body_sent = self._request_ended = False
        self._head_sent = self._chunked_out = self._delimited = self._keep = False
        self._status = 0
        self._reason: Reason | None = None
        self._response_bytes = 0

    # The request.

    def begin(self) -> None:
        """Decide, and ask an upstream or answer."""
        inbound, claimed = self.inbound, self._routing.claimed
        if not self._request_id:
            self._request_id = request_id.chosen(ids) if (ids := inbound.head.request_ids) else request_id.new()
        if claimed and inbound.head.cleared is not claimed:
            inbound.head.clear(claimed)
        if inbound.refused is not None:
            self.answer(inbound.refused)
            return
        decision = self._decide()
        if isinstance(decision, Refuse):
            if decision.waits:
                self._wait()
            else:
                self.answer(reasons.of(decision))
            return
        self._decision = decision
        if decision.counted and (shadowing := self.client.proxy.shadowing) is not None:
            self.copy = shadowing.take(self._routing, decision, inbound)
        if (taping := self.client.proxy.taping) is not None:
            self.tape = taping.take(decision, inbound)
        self._ask(decision.upstream, decision.side)

    def _wait(self) -> None:
        self.waiting = self.client.proxy.holding.wait(self)
        if not self.waiting:
            self.answer(reasons.HELD)

    def go_on(self) -> None:
        """It need not wait any more; the time that it waited is nobody's answer."""
        self.waiting = False
        self._routing = self.client.proxy.routing
        self._started = perf_counter()
        self.begin()

    def writes(self, names: Collection[str]) -> bool:
        """Whether it is a write of one of these routes that was sent on its way."""
        route = self._decision.route if self._decision is not None else None
        return not self.over and route is not None and route.name in names and self.inbound.method not in SAFE_METHODS

    def more(self) -> None:
        """More of the request has arrived."""
        if self.inbound.refused is not None:
            self.refuse(self.inbound.refused)
        elif self.connection is not None:
            pieces: list[bytes] = []
            self._add_body(pieces)
            if pieces:
                self.connection.write(pieces)
            self._set_due(self.connection)

    def refuse(self, reason: Reason) -> None:
        """The rest of the request is not wanted."""
        if self._head_sent:
            self._cut_short(reason)
        else:
            self.answer(reason)

    def client_gone(self) -> None:
        """Nobody waits for the answer any more."""
        self._drop_upstream()
        self._settle(reasons.CLIENT_GONE)

    def regulate(self) -> None:
        """The upstream takes more, or less, than before."""
        self.client.regulate()

    @property
    def awaits_client(self) -> bool:
        """Whether the next move is the client's: it has not sent all, and the upstream takes it."""
        if self.inbound.complete or self.connection is None or not self.connection.writable:
            return False
        return self.inbound.received > 0 or not self.inbound.head.expects_at

    def _decide(self) -> Decision:
        inbound, client = self.inbound, self.client
        self._address = client.peer.address
        table = self._routing.table
        try:
            if inbound.head.claims:
                self._address = client_address(client.peer, inbound.head.claims, client.door.networks)
            path, _, query = inbound.target.decode("latin-1").partition("?")
            headers = inbound.head.headers
            request = Request(inbound.method, path, query, inbound.host_name, self._address, headers)
            decision = table.decide(request, random())
        except Exception as error:
            client.proxy.fault(error)
            return table.on_error()
        if client.proxy.glance is not None:
            try:
                client.proxy.glance(request, decision)
            except Exception as error:
                client.proxy.fault(error)
        return decision

    def _ask(self, upstream: str, side: Side) -> None:
        """Have an upstream serve the request: translated for it, and saying who the user is, if it wants that."""
        self._upstream, self._side = upstream, side
        routing = self._routing
        pool = routing.pools[upstream]
        if pool.shut:
            refusal = pool.gate.refusal()
            if refusal is not None:
                self._fail(refusal, stale=False)
                return
        if routing.extras:
            self._adapter = self._holding = self._user = None
            if side is _MODERN and not self._adapt():
                self.answer(reasons.ADAPT_PATH)
                return
            identities = routing.identities.get(upstream)
            if identities is not None:
                about = self._about()
                identities.introduce(self, self.inbound.head.headers, self.inbound.host or b"", about, self._request_id)
                return
        self._send(pool)

    def _adapt(self) -> bool:
        """Take up the route's translation, if it has one; whether the path can be translated."""
        route = self._decision.route if self._decision else None
        self._adapter = self._routing.adapters.get(route.index) if route else None
        target = self._adapter.target(self.inbound.target) if self._adapter else self.inbound.target
        self._target = target or b""
        return target is not None

    def introduced(self, outcome: Outcome) -> None:
        """It is known who the user is, or that it cannot be known: then modern is not asked."""
        if self.over:
            return
        if isinstance(outcome, Reason):
            self._upstream = ""  # it was not asked
            self._fail(outcome, stale=False)
        else:
            self._user = outcome
            self._send(self._routing.pools[self._upstream])

    def _send(self, pool: Pool, fresh: bool = False) -> None:
        """Send the request, on a new connection if need be or if `fresh`."""
        connection = None if fresh else pool.take(self.inbound.method in SAFE_METHODS)
        if connection is None:
            pool.connect(self)
        else:
            self.carry(connection)

    def carry(self, connection: UpstreamConnection) -> None:
        """The upstream can be written to."""
        inbound = self.inbound
        self.connection = connection
        self._request_ended = False
        connection.begin(self, inbound.method)
        head = self._request_head(connection.pool)
        if self.copy is not None:
            self.copy.asks(head, self._about(), self._request_id)
        if inbound.complete and inbound.framing is NO_BODY:
            self._request_ended = True
            write(connection.transport, [head])
            return
        pieces = [head]
        self._add_body(pieces)
        connection.write(pieces)
        if not inbound.complete:
            self._set_due(connection)
            self.client.regulate()

    def _set_due(self, connection: UpstreamConnection) -> None:
        """While the client is at work the upstream is not late, and the other way round."""
        if not self._head_sent:
            if self.awaits_client:
                connection.request_due()
            else:
                connection.request_sent()

    def _add_body(self, pieces: list[bytes]) -> None:
        """Add what has arrived of the body since the last time, and its end."""
        inbound = self.inbound
        if inbound.body:
            self._body_sent = True
            body = inbound.take_body()
            if self.copy is not None:
                self.copy.sends(body)
            if self.tape is not None:
                self.tape.sends(body)
            pieces += as_chunk(body) if inbound.framing is CHUNKED else body
        if inbound.complete and not self._request_ended:
            self._request_ended = True
            if inbound.framing is CHUNKED:
                pieces.append(last_chunk(trailer_lines(inbound.trailers, REQUEST_NAMES, self._routing.claimed)))

    def _request_head(self, pool: Pool) -> bytes:
        inbound = self.inbound
        head, host, target = inbound.head, inbound.host, inbound.target
        left_out: Sequence[int] = head.overrides_at if self._side is _MODERN else ()
        ours = [self._about()]
        if head.request_ids != [self._request_id]:
            head.blank(head.request_ids_at)
            ours.append(b"X-Request-Id: " + self._request_id)
        if inbound.framing is CHUNKED:
            ours.append(b"Transfer-Encoding: chunked")
        if head.trailers_wanted or inbound.upgrade:
            ours += self._connection_lines()
        if host is None or not pool.preserves_host:
            host = pool.host
        if self._adapter is not None:
            target = self._target
            left_out = [*left_out, *self._adapter.left_out(head)]
            ours += self._adapter.lines
        if self._user is not None:
            ours.append(self._routing.identities[self._upstream].line(self._user))
        return request_bytes(inbound.method.encode(), target, head, host, left_out, ours)

    def _about(self) -> bytes:
        """The lines that tell an upstream where the request came from."""
        inbound, client = self.inbound, self.client
        return set_lines(client.peer, inbound.head.claims, inbound.host or b"", client.scheme)

    def _connection_lines(self) -> list[bytes]:
        """What holds for one hop, and is offered anew: protocols only if the route allows them."""
        route = self._decision.route if self._decision else None
        allowed = route.upgrades if route else ("websocket",)
        self._offered = next((name for name in self.inbound.upgrade if name.decode("latin-1").lower() in allowed), b"")
        return hop_lines(self.inbound.head.trailers_wanted, self._offered)

    # The answer.

    def receive(self) -> None:
        """The upstream has sent something."""
        connection = self.connection
        assert connection is not None
        reader = connection.reader
        if reader.interim:
            self._send_interim(reader)
        response = reader.response
        if response is None or (reader.broken and not self._head_sent):
            if reader.broken:
                connection.pool.gate.fail(self._started)
                self.answer(reasons.BAD_RESPONSE)
            return
        if response.status == 101:
            self._switch(connection, response)
            return
        if self._adapter is not None and not self._head_sent and self._adapter.translates:
            self._hold(connection, response, self._adapter)
            return
        pieces = []
        if not self._head_sent:
            connection.pool.answered += 1
            pieces.append(self._response_head(response))
        self._response_bytes = reader.received
        if self.copy is not None and reader.body:
            self.copy.passes(reader.body, reader.received)
        if self.tape is not None and reader.body:
            self.tape.passes(reader.body, reader.received)
        if self._chunked_out:
            pieces += reader.take_chunks()
        elif reader.body:
            pieces += reader.take_body()
        if pieces:
            write(self.client.transport, pieces)
        if reader.complete:
            self._finish(connection)
        elif reader.broken:
            self._cut_short(reasons.BAD_RESPONSE)

    def _hold(self, connection: UpstreamConnection, response: Response, adapter: Adapter) -> None:
        """Keep the answer back until it is whole, and have it translated then."""
        reader, holding = connection.reader, self._holding
        if holding is None:
            fate = adapter.fate(response)
            if fate is False:
                self._adapter = None
                self.receive()
                return
            connection.pool.answered += 1
            if isinstance(fate, Reason):
                self._give_up(fate)
                return
            holding = self._holding = Holding(response)
        if not holding.add(reader):
            self._give_up(reasons.ADAPT_TOO_LARGE)
        elif reader.broken:
            self._give_up(reasons.BAD_RESPONSE)
        elif reader.complete:
            self._release(connection)
            adapter.translate(response, holding.body, self.client.proxy.hooks, self._translated)

    def _translated(self, outcome: Response | Reason, body: bytes) -> None:
        """The answer was translated, or cannot be. Does not raise."""
        if self.over:
            return
        try:
            if isinstance(outcome, Reason):
                self._give_up(outcome)
                return
            head = self._response_head(outcome)
            self._response_bytes = len(body)
            if self.copy is not None and body:
                self.copy.passes([body], len(body))
            if self.tape is not None and body:
                self.tape.passes([body], len(body))
            write(self.client.transport, [head, body] if body else [head])
            self._settle(None)
            self.client.finished(self.inbound, self._keep)
        except Exception as error:
            self.client.proxy.fault(error)
            self.break_off()

    def _give_up(self, reason: Reason) -> None:
        """Modern has answered, but not one byte of it can go on."""
        self._drop_upstream()
        self.client.proxy.counters.untranslated[reason.label] += 1
        self._fail(reason, stale=False)

    def _send_interim(self, reader: ResponseReader) -> None:
        """Pass 1xx on, except to a client that would take it for the answer (RFC 9110 section 15.2)."""
        interim, reader.interim = reader.interim, []
        if not self.inbound.old_version:
            heads = [response_bytes(one.status, one.phrase, one.head) for one in interim]
            write(self.client.transport, heads)

    def _response_head(self, response: Response) -> bytes:
        self._head_sent = True
        self._status = response.status
        self._first_byte = perf_counter()
        inbound, head = self.inbound, response.head
        if self.copy is not None:
            self.copy.answered(response)
        if self.tape is not None:
            self.tape.answered(response)
        if self._routing.identities:
            self._note_changes(head)
        old = inbound.old_version
        unsized = response.framing is CHUNKED or response.framing is CLOSE
        self._delimited = not (unsized and old)
        self._chunked_out = unsized and not old
        self._keep = inbound.keep_alive and inbound.complete and self._delimited and not self.client.proxy.stopping
        if head.trailers_at and not self._chunked_out:
            head.blank(head.trailers_at)
        if head.locations_at or head.cookies_at:
            self._routing.origins.translate(head, self.client.scheme, inbound.host)
        ours = []
        if self._chunked_out or (response.coded and not old):
            ours.append(b"Transfer-Encoding: chunked")
        if not self._keep:
            ours.append(b"Connection: close")
        elif old:
            ours.append(b"Connection: keep-alive")
        return response_bytes(response.status, response.phrase, head, ours)

    def _note_changes(self, head: ResponseHead | None) -> None:
        """What was known of this user may not be true any more; before the client hears of it, and once all is over."""
        for identities in self._routing.identities.values():
            identities.heard(self.inbound.method, self.inbound.head.headers, self._upstream, head)

    def _release(self, connection: UpstreamConnection) -> None:
        """The upstream has said all: the next request may have its connection."""
        self.connection = None
        if connection.reader.clean and self._request_ended and connection.writable:
            connection.pool.put(connection)
        else:
            connection.close()

    def _finish(self, connection: UpstreamConnection) -> None:
        """The answer is complete."""
        self._release(connection)
        self._settle(None)
        self.client.finished(self.inbound, self._keep)

    def _switch(self, connection: UpstreamConnection, response: Response) -> None:
        """101: from here on both sides are bytes (RFC 9110 section 7.8)."""
        early = connection.reader.tunnel
        switched_to = [name.lower() for name in response.head.upgrades]
        if early is None or not self._offered or switched_to != [self._offered.lower()]:
            self.answer(reasons.BAD_RESPONSE)
            return
        connection.pool.answered += 1
        if self.copy is not None:
            self.copy.skip("upgrade")
        if self.tape is not None:
            self.tape.drop("upgrade")
        self._head_sent = True
        self._status = 101
        self._first_byte = perf_counter()
        ours = [b"Connection: Upgrade", b"Upgrade: " + response.head.upgrades[0]]
        write(self.client.transport, [response_bytes(101, response.phrase, response.head, ours)])
        self.connection = None
        Tunnel(self, self.client, connection, early)

    def tunnel_closed(self, sent: int, received: int) -> None:
        """The tunnel that this request became has ended, after so many bytes each way."""
        self.inbound.received = sent
        self._response_bytes = received
        self._settle(None)

    # What goes wrong.

    def unreachable(self, reason: Reason) -> None:
        """No connection to the upstream could be made."""
        if not self.over:
            self._routing.pools[self._upstream].gate.fail(self._started)
            self._fail(reason, stale=False)

    def upstream_gone(self, reason: Reason) -> None:
        """The upstream's connection ended, or was ended, before the answer was complete."""
        connection, self.connection = self.connection, None
        if self.over or connection is None:
            return
        if self._head_sent:
            self._cut_short(reasons.TRUNCATED)
            return
        stale = connection.reused and reason is reasons.RESET and not connection.reader.started
        if not stale:
            connection.pool.gate.fail(self._started)
        if connection.reader.started and self._holding is None:
            self.answer(reason)
        else:
            self._fail(reason, stale)

    def break_off(self) -> None:
        """An error of ours. Must not raise."""
        if self.over:
            return
        try:
            self.refuse(reasons.ENGINE_ERROR)
        except Exception as error:
            self.over = True
            self.client.proxy.fault(error)
            if self.copy is not None:
                self.copy.skip("engine_error")
            self._drop_upstream()
            self.client.abort()

    def _fail(self, reason: Reason, stale: bool) -> None:
        """Not one byte of an answer: ask again, ask the fallback, or give up.

        Only a safe request is asked again, and only if nothing of its body has gone. `stale` says that the upstream closed
        a pooled connection, which tells nothing about the upstream.
        """
        decision = self._decision
        assert decision is not None
        repeatable = self.inbound.method in SAFE_METHODS and not self._body_sent
        if stale and repeatable and not self._retried:
            self._retried = True
            self.client.proxy.counters.retries += 1
            self._send(self._routing.pools[self._upstream], fresh=True)
        elif decision.fallback and repeatable and not self._fell_back:
            self._fell_back, self._retried = True, False
            if self.copy is not None:
                self.copy.skip("control_failed")  # who answers now is the candidate
            self.client.proxy.counters.fallbacks += 1
            self._ask(decision.fallback, _LEGACY)
        elif decision.on_failure is OnFailure.UNAVAILABLE and not reason.later:
            self.answer(reasons.UNAVAILABLE)
        else:
            self.answer(reason)

    def answer(self, reason: Reason) -> None:
        """Answer the request here."""
        self._drop_upstream()
        inbound, client = self.inbound, self.client
        keep = not reason.closes and inbound.complete and inbound.keep_alive and not client.proxy.stopping
        self._status = reason.status
        route = self._decision.route if self._decision else None
        data = answers.render(
            reason,
            request_id=self._request_id.decode("ascii"),
            route=route.name if route else "",
            accepts=[value.decode("latin-1") for name, value in inbound.head.headers if name.lower() == b"accept"],
            to_head=inbound.method == "HEAD",
            close=not keep,
            retry_after=self._rest() if reason.later else 0,
        )
        write(client.transport, [data])
        self._settle(reason)
        client.finished(inbound, keep)

    def _rest(self) -> int:
        """Seconds after which it may be worth asking again."""
        return self._routing.pools[self._upstream].gate.rest() if self._upstream else self.client.proxy.holding.rest()

    def _cut_short(self, reason: Reason) -> None:
        """The answer cannot be completed: the client must not take what it has for all of it."""
        self._drop_upstream()
        self._settle(reason)
        self.client.cut_short(self._delimited)

    def _drop_upstream(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    # The end.

    def _settle(self, reason: Reason | None) -> None:
        """Count, and tell whoever observes. Once."""
        if self.over:
            return
        self.over = True
        self._reason = reason
        if self.copy is not None:
            self.copy.end(reason, self._first_byte)
        if self.tape is not None:
            self._hand_over(self.tape, reason)
        if self._routing.identities and self._upstream:
            self._note_changes(None)
        proxy = self.client.proxy
        if reason is not None:
            proxy.counters.refusals[reason.label] += 1
            route = self._decision.route if self._decision is not None else None
            if route is not None and route.data and self.inbound.method not in SAFE_METHODS:
                proxy.holding.leave(route.name)
        if proxy.observe is not None:
            try:
                proxy.observe(self._record())
            except Exception as error:
                proxy.fault(error)

    def _hand_over(self, tape: Tape, reason: Reason | None) -> None:
        """To whoever records. Does not raise."""
        try:
            side = self._side if self._upstream else ""
            tape.end(reason, side, self._address or self.client.peer.address, self.client.scheme)
        except Exception as error:
            self.client.proxy.fault(error)

    def _record(self) -> Exchange:
        """What happened, in the order of the record's fields: naming them costs every request a microsecond."""
        inbound, now = self.inbound, perf_counter()
        route = self._decision.route if self._decision else None
        return Exchange(
            inbound.method,
            inbound.target.decode("latin-1"),
            self._address or self.client.peer.address,
            route.name if route else "",
            route.stage if route else "",
            self._side if self._upstream else "",
            self._upstream,
            self._status,
            self._reason.label if self._reason else "",
            self._request_id.decode("ascii"),
            self._fell_back,
            self._retried,
            self._started,
            (self._first_byte or now) - self._started,
            now - self._started,
            inbound.received,
            self._response_bytes,
        )
