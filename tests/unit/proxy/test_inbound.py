"""Requests from bytes, without a socket."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import Limits
from strangler.proxy.forwarded import Peer
from strangler.proxy.framing import Framing
from strangler.proxy.inbound import Inbound, RequestReader

STREAM = (
    b"GET /1 HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nA: 1\r\n\r\n"
    b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    b"\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n"
    b"GET /4 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"
    b"POST /5 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 24\r\n\r\n"
    b"GET /inner HTTP/1.1\r\n\r\n!!"
)


def reader(limits: Limits | None = None) -> RequestReader:
    return RequestReader(limits or Limits(), Peer("192.0.2.1", False))


def read(pieces: list[bytes]) -> list[Inbound]:
    found = reader()
    for piece in pieces:
        found.feed(piece)
    return list(found.requests)


def shape(inbound: Inbound) -> tuple[object, ...]:
    body = b"".join(inbound.body)
    return (
        inbound.method,
        inbound.target,
        inbound.framing,
        body,
        list(inbound.trailers),
        inbound.complete,
        inbound.keep_alive,
        inbound.refused,
    )


WHOLE = [shape(inbound) for inbound in read([STREAM])]


def test_five_requests() -> None:
    assert [
        ("GET", b"/1", Framing.NONE, b"", [], True, True, None),
        ("POST", b"/2", Framing.LENGTH, b"hello", [], True, True, None),
        ("POST", b"/3", Framing.CHUNKED, b"abcde", [(b"X-Sum", b"1")], True, True, None),
        ("GET", b"/4", Framing.NONE, b"", [], True, True, None),
        ("POST", b"/5", Framing.LENGTH, b"GET /inner HTTP/1.1\r\n\r\n!!"[:24], [], True, False, None),
    ] == WHOLE


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_the_bytes_are_cut_does_not_matter(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert [shape(inbound) for inbound in read([STREAM[a:b] for a, b in pairwise(at)])] == WHOLE


@given(st.binary(max_size=200), st.integers(0, len(STREAM)), st.integers(0, 20))
def test_garbage_is_refused_and_never_raises(garbage: bytes, at: int, skip: int) -> None:
    found = reader()
    found.feed(STREAM[:at] + garbage + STREAM[at + skip :])
    found.release()
    assert all(inbound.refused is None for inbound in list(found.requests)[:-1])


def test_bytes_after_an_offered_websocket_wait() -> None:
    found = reader()
    found.feed(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nfra")
    found.feed(b"me")
    assert found.requests[0].upgrade == [b"websocket"]
    assert (found.holding, found.held) == (True, b"frame")
    found.held = b""
    found.feed(b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
    found.release()
    assert [inbound.target for inbound in found.requests] == [b"/", b"/2"]


def test_a_read_that_ends_another_request_does_not_count_against_the_next() -> None:
    found = reader(Limits(header_bytes=100))  # type: ignore[arg-type]
    found.feed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90000 + b"GET / HTT")
    found.feed(b"P/1.1\r\nHost: a\r\n\r\n")
    assert [inbound.refused for inbound in found.requests] == [None, None]


def test_the_same_headers_in_another_version_are_read_anew() -> None:
    headers = b"Host: a\r\nConnection: keep-alive\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    old, new = read([b"POST / HTTP/1.0\r\n" + headers, b"POST / HTTP/1.1\r\n" + headers])
    assert [b"Expect: 100-continue" in inbound.head.lines for inbound in (old, new)] == [False, True]


@pytest.mark.parametrize("name", ["Connection", "Proxy-Connection", "connection"])
@pytest.mark.parametrize(
    "value", ["", ",", "close", "keep-alive", "Keep-Alive , x", "te", "\tkeep-alive", "x," * 300 + "keep-alive"]
)
@pytest.mark.parametrize("old", [False, True])
def test_the_version_is_the_one_that_was_sent(name: str, value: str, old: bool) -> None:
    """It is not looked at where only HTTP/1.1 keeps the connection, and llhttp heeds more than Connection."""
    [inbound] = read([f"GET / HTTP/1.{'01'[not old]}\r\nHost: a\r\n{name}: {value}\r\n\r\n".encode()])
    assert (inbound.old_version, inbound.refused) == (old, None)


@pytest.mark.parametrize(("version", "kept"), [("1.0", False), ("1.1", True)])
def test_without_connection_only_the_newer_version_keeps_it(version: str, kept: bool) -> None:
    [inbound] = read([f"GET / HTTP/{version}\r\nHost: a\r\n\r\n".encode()])
    assert (inbound.keep_alive, inbound.old_version) == (kept, not kept)
