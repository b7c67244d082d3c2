"""Heads of messages: the headers that arrived, sorted by what becomes of them, and the bytes of the head that goes on.

Each header becomes one line; a line that must not go on, or not as it is, is empty. Order, case and duplicates of all
others are kept. Pure: bytes in, bytes out.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import lru_cache

from strangler.proxy.forwarded import MERGED
from strangler.proxy.headers import (
    MAX_REMEMBERED,
    REQUEST_NAMES,
    RESPONSE_NAMES,
    Action,
    Names,
    allowed_in_trailer,
    plain_name,
    removable,
)

Header = tuple[bytes, bytes]

_WRITE = b": ".join


class Head:
    """The headers of one message, sorted.

    Attributes:
        lines: ``Name: value``, or b"" for what goes no further, one for each header.
        lengths, codings: values of Content-Length, whose lines stand at lengths_at, and of Transfer-Encoding.
        options: what Connection names, in lower case, and Proxy-Connection, which llhttp heeds as well; named: the headers
            among them that Connection may remove.
        upgrades: what Upgrade offers.
        trailers_at: where Trailer lines stand.
    """

    __slots__ = ("codings", "headers", "lengths", "lengths_at", "lines", "named", "options", "trailers_at", "upgrades")

    def __init__(self, headers: list[Header]) -> None:
        self.headers = headers
        self.lines = list(map(_WRITE, headers))
        # Tuples: nearly all stay empty, and the empty one costs nothing.
        self.lengths: tuple[bytes, ...] = ()
        self.lengths_at: tuple[int, ...] = ()
        self.codings: tuple[bytes, ...] = ()
        self.options: tuple[bytes, ...] = ()
        self.named: frozenset[bytes] = _NONE
        self.upgrades: tuple[bytes, ...] = ()
        self.trailers_at: tuple[int, ...] = ()

    def remove_named(self) -> None:
        """Drop the headers that Connection names, so that neither routing nor the other side sees them."""
        named = self.named
        for at, (name, _) in enumerate(self.headers):
            if name.lower() in named:
                self.lines[at] = b""
        self.headers = [header for header in self.headers if header[0].lower() not in named]

    def places(self, names: Container[bytes]) -> list[int]:
        """Where lines with these plain names stand, however they are spelled."""
        return [at for at, line in enumerate(self.lines) if line and plain_name(line.partition(b":")[0]) in names]

    def blank(self, places: Sequence[int]) -> None:
        """Drop the lines at these places."""
        for at in places:
            self.lines[at] = b""


class RequestHead(Head):
    """The headers of a request.

    Attributes:
        hosts: values of Host; host_at: where the first stands, or -1.
        claims: what the headers say about the client, by lower-case name.
        request_ids: values of X-Request-Id; their lines are at request_ids_at.
        overrides_at: where the lines stand that do not go to modern.
        trailers_wanted: whether TE asks for trailers.
        expects_at: where Expect lines stand; once_at: what a shadow request says otherwise.
        cleared: the names that `clear` has dropped.
    """

    __slots__ = (
        "claims",
        "cleared",
        "expects_at",
        "host_at",
        "hosts",
        "once_at",
        "overrides_at",
        "request_ids",
        "request_ids_at",
        "trailers_wanted",
        "trusted",
    )

    def __init__(self, headers: list[Header], trusted: bool) -> None:
        Head.__init__(self, headers)
        self.trusted = trusted
        self.hosts: list[bytes] = []
        self.host_at = -1
        self.claims: dict[bytes, list[bytes]] = {}
        self.request_ids: list[bytes] = []
        self.request_ids_at: list[int] = []
        self.overrides_at: list[int] = []
        self.trailers_wanted = False
        self.expects_at: list[int] = []
        self.once_at: tuple[int, ...] = ()
        self.cleared: Container[bytes] = ()
        actions = REQUEST_NAMES
        for at, header in enumerate(headers):
            action = actions[header[0]]
            if action:
                _SORT_REQUEST[action](self, at, header[0], header[1])

    def clear(self, names: Container[bytes]) -> None:
        """Drop what only the proxy says, by plain names, so that neither routing nor anybody else sees it."""
        self.cleared = names
        self.blank(self.places(names))
        self.headers = [header for header in self.headers if plain_name(header[0]) not in names]


class ResponseHead(Head):
    """The headers of a response, with where Location and Set-Cookie stand."""

    __slots__ = ("cookies_at", "locations_at")

    def __init__(self, headers: list[Header]) -> None:
        Head.__init__(self, headers)
        self.locations_at: tuple[int, ...] = ()
        self.cookies_at: tuple[int, ...] = ()
        actions = RESPONSE_NAMES
        for at, header in enumerate(headers):
            action = actions[header[0]]
            if action:
                _SORT_RESPONSE[action](self, at, header[0], header[1])


def request_bytes(
    method: bytes, target: bytes, head: RequestHead, host: bytes, left_out: Sequence[int], ours: Sequence[bytes]
) -> bytes:
    """The head that goes to an upstream.

    Args:
        target: origin-form, as it arrived.
        host: value of the Host header.
        left_out: places of lines that do not go to this upstream.
        ours: lines that the proxy adds.
    """
    lines = head.lines
    if left_out:
        lines = list(lines)
        for at in left_out:
            lines[at] = b""
    first = b"%b %b HTTP/1.1" % (method, target)
    if head.host_at < 0:
        return b"\r\n".join([first, b"Host: " + host, *filter(None, lines), *ours, b"", b""])
    lines[head.host_at] = b"Host: " + host
    return b"\r\n".join([first, *filter(None, lines), *ours, b"", b""])


def hop_lines(trailers_wanted: bool, offered: bytes) -> list[bytes]:
    """TE and Upgrade, which hold for one hop, and Connection, which says so (RFC 9110 sections 7.8 and 10.1.4).

    Args:
        offered: the protocol that may be switched to, or b"".
    """
    lines = [b"TE: trailers"] if trailers_wanted else []
    lines += [b"Upgrade: " + offered] if offered else []
    options = b", ".join(line.partition(b":")[0] for line in lines)
    return [*lines, b"Connection: " + options] if lines else []


def response_bytes(status: int, phrase: bytes, head: ResponseHead, ours: Sequence[bytes] = ()) -> bytes:
    """The head that goes to the client; `ours` are lines that the proxy adds."""
    return b"\r\n".join([b"HTTP/1.1 %d %b" % (status, phrase), *filter(None, head.lines), *ours, b"", b""])


def trailer_lines(trailers: Sequence[Header], actions: Names, refused: Container[bytes] = ()) -> list[bytes]:
    """The lines of the trailers that may go on; those with a `refused` plain name may not."""
    return [
        _WRITE(trailer)
        for trailer in trailers
        if allowed_in_trailer(trailer[0], actions) and not (refused and plain_name(trailer[0]) in refused)
    ]


_NONE: frozenset[bytes] = frozenset()
_USUAL_OPTIONS = frozenset({b"close", b"keep-alive", b"upgrade", b"te", b"http2-settings"})
_MAX_OPTIONS = 256


def _tokens(value: bytes) -> list[bytes]:
    return [token for part in value.split(b",")[:_MAX_OPTIONS] if (token := part.strip(b" \t"))]


def _options(value: bytes) -> tuple[tuple[bytes, ...], frozenset[bytes]]:
    """What a Connection header names, and the headers among it that it may remove."""
    options = tuple(_tokens(value.lower()))
    return options, frozenset(option for option in options if option not in _USUAL_OPTIONS and removable(option))


_remembered_options = lru_cache(maxsize=1024)(_options)


# What each kind of header needs; the line of one that goes no further is emptied.


def _drop(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""


def _connection(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    options, named = _remembered_options(value) if len(value) <= MAX_REMEMBERED else _options(value)
    head.options += options
    if named:
        head.named |= named


def _proxy_connection(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    head.options += tuple(_tokens(value.lower()))


def _upgrade(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    head.upgrades += tuple(_tokens(value))


def _length(head: Head, at: int, name: bytes, value: bytes) -> None:
    digits = value.strip(b" \t")
    if digits[:1] == b"0":  # 010 is octal to some, and thousands of zeros are too many for int()
        digits = digits.lstrip(b"0") or b"0"
    head.lengths += (digits,)
    head.lengths_at += (at,)
    if digits != value:
        head.lines[at] = name + b": " + digits


def _coding(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    head.codings += (value,)


def _trailer(head: Head, at: int, name: bytes, value: bytes) -> None:
    head.trailers_at += (at,)


def _host(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    head.hosts.append(value.strip(b" \t"))
    if head.host_at < 0:
        head.host_at = at


def _te(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.lines[at] = b""
    head.trailers_wanted |= b"trailers" in _tokens(value.lower())


def _expect(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.expects_at.append(at)


def _claim(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    lower = name.lower()
    if not head.trusted or lower in MERGED:
        head.lines[at] = b""
    if head.trusted and lower in MERGED:
        head.claims.setdefault(lower, []).append(value)


def _request_id(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.request_ids.append(value)
    head.request_ids_at.append(at)


def _override(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.overrides_at.append(at)


def _once(head: RequestHead, at: int, name: bytes, value: bytes) -> None:
    head.once_at += (at,)


def _location(head: ResponseHead, at: int, name: bytes, value: bytes) -> None:
    head.locations_at += (at,)


def _cookie(head: ResponseHead, at: int, name: bytes, value: bytes) -> None:
    head.cookies_at += (at,)


_SORT: dict[Action, Callable[[Head, int, bytes, bytes], None]] = {
    Action.DROP: _drop,
    Action.CONNECTION: _connection,
    Action.PROXY_CONNECTION: _proxy_connection,
    Action.UPGRADE: _upgrade,
    Action.LENGTH: _length,
    Action.CODING: _coding,
    Action.TRAILER: _trailer,
}
_SORT_REQUEST: dict[Action, Callable[[RequestHead, int, bytes, bytes], None]] = {
    **_SORT,
    Action.HOST: _host,
    Action.TE: _te,
    Action.EXPECT: _expect,
    Action.CLAIM: _claim,
    Action.REQUEST_ID: _request_id,
    Action.OVERRIDE: _override,
    Action.ONCE: _once,
}
_SORT_RESPONSE: dict[Action, Callable[[ResponseHead, int, bytes, bytes], None]] = {
    **_SORT,
    Action.LOCATION: _location,
    Action.COOKIE: _cookie,
}
