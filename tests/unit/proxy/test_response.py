"""Responses from bytes, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.proxy.framing import Framing
from strangler.proxy.response import ResponseReader


def read(data: bytes, method: str = "GET") -> ResponseReader:
    reader = ResponseReader()
    reader.expect(method)
    reader.feed(data)
    return reader


@pytest.mark.parametrize(
    ("method", "data", "framing", "clean"),
    [
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Framing.LENGTH, True),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Framing.LENGTH, True),
        ("GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", Framing.CHUNKED, True),
        ("GET", b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n", Framing.LENGTH, False),
        ("GET", b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", Framing.LENGTH, True),
        ("GET", b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", Framing.LENGTH, False),
        ("GET", b"HTTP/1.1 304 x\r\nContent-Length: 9\r\n\r\n", Framing.NONE, True),
        ("GET", b"HTTP/1.1 204 x\r\nContent-Length: 9\r\n\r\n", Framing.NONE, False),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", Framing.NONE, True),
        ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n", Framing.NONE, True),
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", Framing.NONE, False),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy", Framing.LENGTH, False),
    ],
)
def test_where_an_answer_ends(method: str, data: bytes, framing: Framing, clean: bool) -> None:
    reader = read(data, method)
    assert reader.response is not None
    assert (reader.response.framing, reader.complete, reader.clean) == (framing, True, clean)


def test_an_answer_that_only_the_close_ends() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\n\r\nabc")
    assert not reader.complete
    reader.end()
    assert (reader.complete, reader.clean, reader.take_body()) == (True, False, [b"abc"])


def test_the_end_of_the_connection_ends_nothing_else() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc")
    reader.end()
    assert not reader.complete


def test_one_answer_after_another_on_one_connection() -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD")
    reader.expect("GET")
    reader.feed(b"HTTP/1.1 103 x\r\nA: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")
    assert [one.status for one in reader.interim] == [103]
    assert (reader.take_body(), reader.clean) == ([b"b"], True)


@given(st.binary(max_size=300), st.sampled_from(["GET", "HEAD"]))
def test_garbage_never_raises_and_is_never_clean_by_accident(garbage: bytes, method: str) -> None:
    reader = read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + garbage, method)
    assert reader.complete or reader.broken
    # Empty lines between two messages are skipped by llhttp, so they can become part of nothing.
    assert reader.clean == (method == "GET" and not garbage.strip(b"\r\n"))
