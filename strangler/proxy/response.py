"""Responses as they arrive on one upstream connection: llhttp reads, this says what the next one may be.

Pure: bytes in, one response at a time out, no transport and no clock.
"""

from __future__ import annotations

from collections.abc import Sequence

import httptools

from strangler.proxy.framing import CHUNKED, CLOSE, LENGTH, NO_BODY, as_chunk, last_chunk
from strangler.proxy.headers import RESPONSE_NAMES
from strangler.proxy.heads import Header, ResponseHead, trailer_lines

MAX_HEAD_BYTES = 256 * 1024
MAX_HEADERS = 1024
_BODILESS = frozenset({204, 304})


class Response:
    """The head of one response.

    Attributes:
        phrase: reason phrase, as it arrived.
        framing: what ends the body; NONE for 1xx, 204, 304 and answers to HEAD.
        coded: whether Transfer-Encoding said chunked (an answer to HEAD says what GET would get).
        reusable: whether the connection may carry another exchange.
    """

    __slots__ = ("coded", "framing", "head", "phrase", "reusable", "status")

    def __init__(self, status: int, phrase: bytes, head: ResponseHead) -> None:
        self.status = status
        self.phrase = phrase
        self.head = head
        self.framing = NO_BODY
        self.coded = False
        self.reusable = False


class _Bad(Exception):
    """Leaves the parser from within a callback: the upstream's message cannot be trusted."""


class ResponseReader:
    """Reads responses from the bytes of one connection, one for each `expect`.

    Attributes:
        started: whether any byte has come since `expect`.
        interim: 1xx responses that nobody has taken yet.
        response: the final one, once its head is complete.
        body: pieces that nobody has taken yet.
        received: bytes of body so far.
        complete: whether the response has ended.
        broken: whether what came is not a response; nothing more is read.
        surplus: whether bytes came that belong to no response.
        tunnel: after a 101, the first bytes of the new protocol; None before.
    """

    __slots__ = (
        "_headers",
        "_least",
        "_parser",
        "_phrase",
        "_progress",
        "_spent",
        "_to_head",
        "body",
        "broken",
        "complete",
        "interim",
        "received",
        "response",
        "started",
        "surplus",
        "trailers",
        "tunnel",
    )

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._spent = False
        self._headers: list[Header] = []
        self._phrase = b""
        self.interim: list[Response] = []
        self.body: list[bytes] = []
        self.expect("GET")

    def expect(self, method: str) -> None:
        """The next bytes answer a request with this method."""
        if self._spent:
            self._parser = httptools.HttpResponseParser(self)
            self._spent = False
        self._to_head = method == "HEAD"
        self._least = 0
        self._progress = False
        self.started = False
        self.response: Response | None = None
        self.received = 0
        self.trailers: Sequence[Header] = ()
        self.complete = False
        self.broken = False
        self.surplus = False
        self.tunnel: bytes | None = None
        if self.interim or self.body:
            self.interim, self.body = [], []

    def feed(self, data: bytes) -> None:
        """Read on."""
        self.started = True
        if self.complete or self.broken:
            self.surplus = True
            return
        self._progress = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.tunnel = data[upgrade.args[0] :]
        except httptools.HttpParserCallbackError as error:
            if not isinstance(error.__context__, _Bad):
                raise
            self._break()
        except httptools.HttpParserError:
            self._break()
        else:
            if not self._progress:
                self._weigh(len(data))

    def end(self) -> None:
        """The upstream closed its side, cleanly."""
        if self.response is not None and self.response.framing is CLOSE and not self.broken:
            self.complete = True

    def take_body(self) -> list[bytes]:
        """The pieces that have arrived since the last call."""
        body, self.body = self.body, []
        return body

    def take_chunks(self) -> list[bytes]:
        """The same in the chunked coding, and the end once it has come."""
        pieces = as_chunk(self.take_body()) if self.body else []
        if self.complete:
            pieces.append(last_chunk(trailer_lines(self.trailers, RESPONSE_NAMES)))
        return pieces

    @property
    def clean(self) -> bool:
        """Whether the connection stands exactly between two responses."""
        response = self.response
        return self.complete and not self.surplus and not self.broken and response is not None and response.reusable

    # What llhttp calls.

    def on_message_begin(self) -> None:
        if self.complete:
            self.surplus = True
            raise _Bad
        self._headers = []
        self._phrase = b""

    def on_status(self, phrase: bytes) -> None:
        self._phrase += phrase

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.complete:  # a trailer of an answer to HEAD
            self.surplus = True
            return
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers, parser = self._headers, self._parser
        if len(headers) > MAX_HEADERS:
            raise _Bad
        response = Response(parser.get_status_code(), self._phrase, ResponseHead(headers))
        self._frame(response, parser.get_http_version())
        self._progress = True
        self._least = 0
        if response.head.named:
            response.head.remove_named()
        if response.status < 200 and response.status != 101:
            self.interim.append(response)
            return
        self.response = response
        if response.head.codings:
            self._headers = self.trailers = []
        if self._to_head:  # llhttp waits for a body now, so this parser is not used again
            self.complete = self._spent = True

    def on_body(self, piece: bytes) -> None:
        if self.complete or self.response is None:
            self.surplus = True
            return
        self._progress = True
        self._least = 0
        self.body.append(piece)
        self.received += len(piece)

    def on_message_complete(self) -> None:
        if self.response is not None and self.response.status != 101:
            self.complete = True

    # Ours.

    def _frame(self, response: Response, version: str) -> None:
        """Set how the body ends and whether the connection can outlive it; refuse what two readers could read differently."""
        head, status = response.head, response.status
        if version not in ("1.1", "1.0") or not 100 <= status <= 599 or len(head.lengths) > 1:
            raise _Bad
        if head.codings:
            if version == "1.0" or head.lengths or len(head.codings) > 1 or not _is_chunked(head.codings[0]):
                raise _Bad
            response.coded = True
        if status < 200:
            if _announces_body(response):
                raise _Bad
            return
        response.reusable = b"close" not in head.options if version == "1.1" else b"keep-alive" in head.options
        if self._to_head:
            return
        if status in _BODILESS:
            # One that announces a body may send it, and it would be taken for the next answer (a 304 may announce a length).
            response.reusable &= not (response.coded or (status == 204 and _announces_body(response)))
            if status == 204:
                response.coded = False
                head.blank(head.lengths_at)  # RFC 9110 section 8.6
        elif response.coded:
            response.framing = CHUNKED
        elif head.lengths:
            response.framing = LENGTH
        else:
            response.framing, response.reusable = CLOSE, False

    def _weigh(self, size: int) -> None:
        """Bound what is kept of a head, a trailer section or a chunk extension that does not end."""
        self._least += size
        if self._least > MAX_HEAD_BYTES or len(self._headers) > MAX_HEADERS:
            self._break()

    def _break(self) -> None:
        if self.complete:
            self.surplus = True
        else:
            self.broken = True


def _announces_body(response: Response) -> bool:
    return response.coded or any(int(length) for length in response.head.lengths)


def _is_chunked(coding: bytes) -> bool:
    return coding.strip(b" \t").lower() == b"chunked"
