"""Heads of messages: the headers that arrived, sorted by what becomes of them, and the bytes of the head that goes on.

Each header becomes one line; a line that must not go on, or not as it is, is empty. Order, case and duplicates of all
others are kept. Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from strangler.proxy.forwarded import MERGED
from strangler.proxy.headers import REQUEST_NAMES, RESPONSE_NAMES, Action, Names, allowed_in_trailer, removable

Header = tuple[bytes, bytes]


class Head:
    """The headers of one message, sorted.

    Attributes:
        lines: ``Name: value`` with CRLF, or b"", one for each header.
        lengths, codings: values of Content-Length, whose lines stand at lengths_at, and of Transfer-Encoding.
        options: what Connection names, in lower case.
        upgrades: what Upgrade offers.
        trailers_at: where Trailer lines stand.
    """

    __slots__ = ("codings", "headers", "lengths", "lengths_at", "lines", "options", "trailers_at", "upgrades")

    def __init__(self, headers: list[Header]) -> None:
        self.headers = headers
        self.lines: list[bytes] = []
        self.lengths: list[bytes] = []
        self.lengths_at: list[int] = []
        self.codings: list[bytes] = []
        self.options: list[bytes] = []
        self.upgrades: list[bytes] = []
        self.trailers_at: list[int] = []

    def remove_named(self) -> None:
        """Drop the headers that Connection names, so that neither routing nor the other side sees them."""
        named = {option for option in self.options if option not in _USUAL_OPTIONS and removable(option)}
        if not named:
            return
        for at, (name, _) in enumerate(self.headers):
            if name.lower() in named:
                self.lines[at] = b""
        self.headers = [header for header in self.headers if header[0].lower() not in named]

    def blank(self, places: Sequence[int]) -> None:
        """Drop the lines at these places."""
        for at in places:
            self.lines[at] = b""


class RequestHead(Head):
    """The headers of a request.

    Attributes:
        hosts: values of Host; host_at: where the first stands, or -1.
        claims: what the headers say about the client, by lower-case name.
        request_ids: values of X-Request-Id; their lines are at request_id_at.
        overrides: where the lines stand that do not go to modern.
        trailers_wanted: whether TE asks for trailers.
        expects_at: where Expect lines stand.
    """

    __slots__ = (
        "claims",
        "expects_at",
        "host_at",
        "hosts",
        "overrides",
        "request_id_at",
        "request_ids",
        "trailers_wanted",
        "trusted",
    )

    def __init__(self, headers: list[Header], trusted: bool) -> None:
        super().__init__(headers)
        self.trusted = trusted
        self.hosts: list[bytes] = []
        self.host_at = -1
        self.claims: dict[bytes, list[bytes]] = {}
        self.request_ids: list[bytes] = []
        self.request_id_at: list[int] = []
        self.overrides: list[int] = []
        self.trailers_wanted = False
        self.expects_at: list[int] = []
        lines = self.lines
        actions = REQUEST_NAMES
        for name, value in headers:
            action = actions[name]
            lines.append(b"%b: %b\r\n" % (name, value) if not action else b"")
            if action > Action.DROP:
                _SORT_REQUEST[action](self, name, value)


class ResponseHead(Head):
    """The headers of a response, with where Location and Set-Cookie stand."""

    __slots__ = ("cookies", "locations")

    def __init__(self, headers: list[Header]) -> None:
        super().__init__(headers)
        self.locations: list[int] = []
        self.cookies: list[int] = []
        lines = self.lines
        actions = RESPONSE_NAMES
        for name, value in headers:
            action = actions[name]
            lines.append(b"%b: %b\r\n" % (name, value) if not action else b"")
            if action > Action.DROP:
                _SORT_RESPONSE[action](self, name, value)


def request_bytes(method: bytes, target: bytes, head: RequestHead, host: bytes, to_modern: bool, ours: Sequence[bytes]) -> bytes:
    """The head that goes to an upstream.

    Args:
        target: origin-form, as it arrived.
        host: value of the Host header.
        to_modern: whether the headers that override the routing are left out.
        ours: whole lines that the proxy adds.
    """
    lines = head.lines
    if to_modern and head.overrides:
        lines = list(lines)
        for at in head.overrides:
            lines[at] = b""
    host_line = b"Host: %b\r\n" % host
    if head.host_at < 0:
        return b"".join((method, b" ", target, b" HTTP/1.1\r\n", host_line, *lines, *ours, b"\r\n"))
    before, after = lines[: head.host_at], lines[head.host_at + 1 :]
    return b"".join((method, b" ", target, b" HTTP/1.1\r\n", *before, host_line, *after, *ours, b"\r\n"))


def response_bytes(status: int, phrase: bytes, head: ResponseHead, ours: Sequence[bytes] = ()) -> bytes:
    """The head that goes to the client; `ours` are whole lines that the proxy adds."""
    return b"".join((status_line(status, phrase), *head.lines, *ours, b"\r\n"))


@lru_cache(maxsize=1024)
def status_line(status: int, phrase: bytes) -> bytes:
    """The first line of a response (RFC 9112 section 4)."""
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase)


def trailer_lines(trailers: Sequence[Header], actions: Names) -> list[bytes]:
    """The lines of the trailers that may go on."""
    return [b"%b: %b\r\n" % (name, value) for name, value in trailers if allowed_in_trailer(name, actions)]


_USUAL_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade", b"te", b"http2-settings"})
_MAX_OPTIONS = 256


def _tokens(value: bytes) -> list[bytes]:
    return [token for part in value.split(b",")[:_MAX_OPTIONS] if (token := part.strip(b" \t"))]


def _connection(head: Head, name: bytes, value: bytes) -> None:
    head.options += _tokens(value.lower())


def _upgrade(head: Head, name: bytes, value: bytes) -> None:
    head.upgrades += _tokens(value)


def _length(head: Head, name: bytes, value: bytes) -> None:
    head.lengths.append(value)
    head.lengths_at.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value.strip(b" \t").lstrip(b"0") or b"0")  # 010 is octal to some


def _coding(head: Head, name: bytes, value: bytes) -> None:
    head.codings.append(value)


def _trailer(head: Head, name: bytes, value: bytes) -> None:
    head.trailers_at.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _host(head: RequestHead, name: bytes, value: bytes) -> None:
    head.hosts.append(value.strip(b" \t"))
    if head.host_at < 0:
        head.host_at = len(head.lines) - 1


def _te(head: RequestHead, name: bytes, value: bytes) -> None:
    head.trailers_wanted |= b"trailers" in _tokens(value.lower())


def _expect(head: RequestHead, name: bytes, value: bytes) -> None:
    head.expects_at.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _claim(head: RequestHead, name: bytes, value: bytes) -> None:
    if not head.trusted:
        return
    lower = name.lower()
    if lower in MERGED:
        head.claims.setdefault(lower, []).append(value)
    else:
        head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _request_id(head: RequestHead, name: bytes, value: bytes) -> None:
    head.request_ids.append(value)
    head.request_id_at.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _override(head: RequestHead, name: bytes, value: bytes) -> None:
    head.overrides.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _location(head: ResponseHead, name: bytes, value: bytes) -> None:
    head.locations.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


def _cookie(head: ResponseHead, name: bytes, value: bytes) -> None:
    head.cookies.append(len(head.lines) - 1)
    head.lines[-1] = b"%b: %b\r\n" % (name, value)


_SORT: dict[Action, Callable[[Head, bytes, bytes], None]] = {
    Action.CONNECTION: _connection,
    Action.UPGRADE: _upgrade,
    Action.LENGTH: _length,
    Action.CODING: _coding,
    Action.TRAILER: _trailer,
}
_SORT_REQUEST: dict[Action, Callable[[RequestHead, bytes, bytes], None]] = {
    **_SORT,
    Action.HOST: _host,
    Action.TE: _te,
    Action.EXPECT: _expect,
    Action.CLAIM: _claim,
    Action.REQUEST_ID: _request_id,
    Action.OVERRIDE: _override,
}
_SORT_RESPONSE: dict[Action, Callable[[ResponseHead, bytes, bytes], None]] = {
    **_SORT,
    Action.LOCATION: _location,
    Action.COOKIE: _cookie,
}
