"""Requests as they arrive on one connection: llhttp reads, this says what it lets through that we do not.

Pure: bytes in, requests out, no transport and no clock. A request is handed over as soon as its head is complete; its
body follows piece by piece.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import httptools

from strangler.core.model import Limits
from strangler.proxy import reasons
from strangler.proxy.authority import host_name, origin_form
from strangler.proxy.forwarded import Peer
from strangler.proxy.framing import CHUNKED, LENGTH, NO_BODY
from strangler.proxy.heads import Header, RequestHead
from strangler.proxy.reasons import Reason

_VERSIONS = {"1.1": False, "1.0": True}


class _Methods(dict[bytes, str]):
    """Text of the methods that llhttp knows, few enough to keep."""

    def __missing__(self, method: bytes) -> str:
        text = self[method] = method.decode("ascii")
        return text


METHODS = _Methods()
_SLASH = ord("/")


class Inbound:
    """One request as it arrives.

    Attributes:
        method: upper case; "" if the request was refused before it was known.
        target: origin-form, the bytes that arrived.
        host: authority asked for; None if the request names none (HTTP/1.0).
        host_name: of `host`, lower case, without port.
        upgrade: protocols offered that the connection could switch to now.
        body: pieces that nobody has taken yet; `buffered` bytes in all.
        received: bytes of body so far.
        complete: whether the end has arrived.
        refused: why it is not served, or not any further.
    """

    __slots__ = (
        "body",
        "buffered",
        "complete",
        "framing",
        "head",
        "host",
        "host_name",
        "keep_alive",
        "length",
        "method",
        "old_version",
        "received",
        "refused",
        "target",
        "trailers",
        "upgrade",
    )

    def __init__(self, head: RequestHead, method: str = "", target: bytes = b"") -> None:
        self.head = head
        self.method = method
        self.target = target
        self.host: bytes | None = None
        self.host_name = ""
        self.old_version = False
        self.keep_alive = False
        self.framing = NO_BODY
        self.length = 0
        self.upgrade: Sequence[bytes] = ()
        self.body: list[bytes] = []
        self.buffered = 0
        self.received = 0
        self.trailers: Sequence[Header] = ()
        self.complete = False
        self.refused: Reason | None = None

    def take_body(self) -> list[bytes]:
        """The pieces that have arrived since the last call."""
        body, self.body, self.buffered = self.body, [], 0
        return body


class _Stop(Exception):
    """Leaves the parser from within a callback; `RequestReader._stop` says why."""


class RequestReader:
    """Reads requests from the bytes of one connection.

    Attributes:
        requests: those that nobody has taken yet, in order.
        held: bytes after a request that may switch protocols; they wait until `release`.
        in_head: whether a head has begun and is not complete.
        dead: whether nothing more can be read from this connection.
    """

    __slots__ = (
        "_current",
        "_fresh",
        "_head",
        "_headers",
        "_last_headers",
        "_least",
        "_limits",
        "_most",
        "_parser",
        "_peer",
        "_size",
        "_skips_body",
        "_stop",
        "_target",
        "dead",
        "held",
        "holding",
        "in_head",
        "requests",
    )

    def __init__(self, limits: Limits, peer: Peer) -> None:
        self._limits = limits
        self._peer = peer
        self._parser = httptools.HttpRequestParser(self)
        self._headers: list[Header] = []
        self._head = RequestHead([], False)
        self._last_headers: list[Header] = []
        self._target = b""
        self._current: Inbound | None = None  # whose body is arriving
        # Bytes of an unfinished head or trailer section, at least and at most: a read may hold the end of something else.
        self._least = self._most = self._size = 0
        self._fresh = False
        self._stop: Reason | None = None
        self._skips_body = False  # llhttp believes that a request which offers an upgrade has no body
        self.requests: deque[Inbound] = deque()
        self.held = b""
        self.holding = False
        self.in_head = False
        self.dead = False

    def feed(self, data: bytes) -> None:
        """Read on. What cannot be served ends in a request whose `refused` is set."""
        if self.holding:
            self.held += data
            return
        while data and not self.dead:
            data = self._feed(data)

    def _feed(self, data: bytes) -> bytes:
        """Have llhttp read; what it left because a request offers an upgrade."""
        self._size = len(data)
        self._fresh = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return self._after_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserInvalidMethodError:
            self.refuse(reasons.BAD_METHOD)
        except httptools.HttpParserInvalidURLError:
            self.refuse(reasons.BAD_TARGET)
        except httptools.HttpParserCallbackError:
            if self._stop is None:
                raise
            self.refuse(self._stop)
        except httptools.HttpParserError:
            self.refuse(reasons.MALFORMED)
        else:
            if self._fresh:
                self._least, self._most = 0, self._size
            else:
                self._weigh()
        return b""

    def release(self) -> None:
        """The protocol was not switched: read on where the request ended."""
        held, self.held, self.holding = self.held, b"", False
        if held:
            self.feed(held)

    def refuse(self, reason: Reason) -> None:
        """Nothing more is read. The request that was being read is refused, or a nameless one is."""
        if self.dead:
            return
        self.dead = True
        self.in_head = False
        current, self._current = self._current, None
        if current is not None:
            current.refused = reason
        elif not (self.requests and self.requests[-1].refused):
            inbound = Inbound(RequestHead([], False))
            inbound.refused = reason
            self.requests.append(inbound)

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self._fresh = self.in_head = True
        self._target = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers = self._headers
        limits = self._limits
        if len(headers) > limits.headers or self._most + self._size > limits.header_bytes:
            self._check_size(headers)
        head = self._head
        if headers != self._last_headers:  # clients that keep a connection tend to repeat themselves
            head = self._head = RequestHead(headers, self._peer.trusted)
            self._last_headers = headers
        inbound = Inbound(head, METHODS[self._parser.get_method()], self._target)
        self.in_head = False
        reason = self._read_version(inbound) or _read_target(inbound)
        if reason is None and (head.lengths or head.codings):
            reason = _read_framing(inbound, limits.body)
        if reason is not None:
            inbound.refused = reason
            self.requests.append(inbound)
            raise self._stopped(reason)
        if head.expects_at and inbound.old_version:  # it cannot be told to continue (RFC 9110 section 10.1.1)
            head.blank(head.expects_at)
            self._last_headers = []  # the same lines in an HTTP/1.1 request mean something else
        if head.trailers_at and not head.codings:
            head.blank(head.trailers_at)
        if head.named:
            head.remove_named()
        if head.upgrades and self._parser.should_upgrade():
            self._offer_upgrade(inbound)
        if head.codings:
            self._headers = inbound.trailers = []
        self._current = inbound
        self._fresh = True
        self.requests.append(inbound)

    def on_body(self, piece: bytes) -> None:
        inbound = self._current
        assert inbound is not None
        inbound.body.append(piece)
        inbound.buffered += len(piece)
        inbound.received += len(piece)
        self._fresh = True
        limit = self._limits.body
        if limit is not None and inbound.received > limit:
            raise self._stopped(reasons.BODY_TOO_LARGE)

    def on_message_complete(self) -> None:
        if self._skips_body:
            return
        inbound = self._current
        assert inbound is not None
        if len(inbound.trailers) > self._limits.headers:
            raise self._stopped(reasons.TOO_MANY_HEADERS)
        inbound.complete = True
        self._current = None
        self.dead = not inbound.keep_alive  # what a client sends after its last request is nothing to us

    # Ours.

    def _stopped(self, reason: Reason) -> _Stop:
        self._stop = reason
        return _Stop()

    def _read_version(self, inbound: Inbound) -> Reason | None:
        inbound.keep_alive = self._parser.should_keep_alive()
        if inbound.keep_alive and not inbound.head.options:
            return None  # unasked, only HTTP/1.1 does (RFC 9112 section 9.3), and asking for the version costs
        old = _VERSIONS.get(self._parser.get_http_version())
        if old is None:
            return reasons.BAD_VERSION
        inbound.old_version = old
        return None

    def _check_size(self, headers: list[Header]) -> None:
        if len(headers) > self._limits.headers:
            raise self._stopped(reasons.TOO_MANY_HEADERS)
        exact = len(self._target) + sum(len(name) + len(value) + 4 for name, value in headers)
        if exact > self._limits.header_bytes:
            raise self._stopped(reasons.HEADERS_TOO_LARGE)

    def _weigh(self) -> None:
        """Bound what llhttp and we keep of a head, a trailer section or a chunk extension that does not end."""
        self._least += self._size
        self._most += self._size
        if self._least > self._limits.header_bytes and (self.in_head or self._current is not None):
            self.refuse(reasons.HEADERS_TOO_LARGE)

    def _offer_upgrade(self, inbound: Inbound) -> None:
        if inbound.framing is NO_BODY:
            if not inbound.old_version:
                inbound.upgrade = [name for name in inbound.head.upgrades if name.lower() != b"h2c"]
            return
        # A parser of its own reads the body, and the connection ends with this request.
        inbound.keep_alive = False
        self._skips_body = True

    def _after_upgrade(self, rest: bytes) -> bytes:
        """llhttp stopped where another protocol could begin: what of the rest is to be read as HTTP now."""
        if self._current is not None:
            self._skips_body = False
            self._parser = _BodyOnly(self, self._current).parser
        elif self.requests[-1].upgrade:
            self.held, self.holding = rest, True
            return b""
        return rest


class _BodyOnly:
    """Has llhttp read the body of a request whose head was read elsewhere: it gets a head with the same framing first."""

    def __init__(self, reader: RequestReader, inbound: Inbound) -> None:
        self._reader = reader
        self._armed = False
        self.parser = httptools.HttpRequestParser(self)
        framing = b"Transfer-Encoding: chunked" if inbound.framing is CHUNKED else b"Content-Length: %d" % inbound.length
        self.parser.feed_data(b"POST / HTTP/1.1\r\nConnection: close\r\n%b\r\n\r\n" % framing)
        self._armed = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._armed:
            self._reader.on_header(name, value)

    def on_body(self, piece: bytes) -> None:
        self._reader.on_body(piece)

    def on_message_complete(self) -> None:
        self._reader.on_message_complete()


def _read_target(inbound: Inbound) -> Reason | None:
    if inbound.method == "CONNECT":
        return reasons.CONNECT
    hosts = inbound.head.hosts
    if len(hosts) > 1:
        return reasons.REPEATED_HOST
    if not hosts and not inbound.old_version:
        return reasons.NO_HOST
    host = hosts[0] if hosts else None
    name = "" if host is None else host_name(host)
    if name is None:
        return reasons.BAD_HOST
    inbound.host, inbound.host_name = host, name
    if inbound.target[0] != _SLASH:
        found = origin_form(inbound.method, inbound.target, host)
        if isinstance(found, Reason):
            return found
        inbound.target, inbound.host = found
        inbound.host_name = (host_name(inbound.host) or "") if inbound.host else ""
    return None


def _read_framing(inbound: Inbound, limit: int | None) -> Reason | None:
    head = inbound.head
    if head.codings:
        if inbound.old_version:
            return reasons.CODING_ON_OLD_VERSION
        if head.lengths:
            return reasons.LENGTH_AND_CODING
        if len(head.codings) > 1 or head.codings[0].strip(b" \t").lower() != b"chunked":
            return reasons.BAD_CODING
        inbound.framing = CHUNKED
    elif head.lengths:
        if len(head.lengths) > 1:
            return reasons.REPEATED_LENGTH
        inbound.length = int(head.lengths[0])
        inbound.framing = LENGTH if inbound.length else NO_BODY
        if limit is not None and inbound.length > limit:
            return reasons.BODY_TOO_LARGE
    return None
