"""Heads that came in frames, as lines of HTTP/1.1: what they become, and that no value becomes anything but a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.model import Limits
from strangler.core.streams import Field
from strangler.proxy import reasons
from strangler.proxy.forwarded import Peer
from strangler.proxy.inbound import RequestReader
from strangler.proxy.reasons import Reason
from strangler.proxy.stream_head import Spelled, spell, trailer_section


def lines(*fields: Field, ended: bool = True) -> list[bytes]:
    spelled = spell(b"GET", b"shop.example", b"/", fields, ended)
    assert isinstance(spelled, Spelled)
    return spelled.lines.split(b"\r\n")


def test_a_request() -> None:
    fields = [(b"x-b", b"1"), (b"x-a", b" 2 "), (b"x-b", b"3"), (b"te", b"trailers"), (b"host", b"Shop.example")]
    assert lines(*fields) == [
        b"GET / HTTP/1.1",
        b"Host: shop.example",
        b"x-b: 1",
        b"x-a:  2 ",
        b"x-b: 3",
        b"te: trailers",
        b"Connection: close",
        b"",
        b"",
    ]


def test_crumbs_of_a_cookie() -> None:
    fields = [(b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"cookie", b"c=3")]
    assert lines(*fields)[2:4] == [b"cookie: a=1; b=2; c=3", b"x-a: 1"]


@pytest.mark.parametrize(
    ("fields", "ended", "chunked", "length"),
    [([], True, False, 0), ([], False, True, 0), ([(b"content-length", b"7")], False, False, 7)],
)
def test_what_follows(fields: list[Field], ended: bool, chunked: bool, length: int) -> None:
    spelled = spell(b"POST", b"a", b"/", fields, ended)
    assert isinstance(spelled, Spelled)
    assert (spelled.chunked, spelled.length) == (chunked, length)
    assert (b"Transfer-Encoding: chunked" in spelled.lines) is chunked


@pytest.mark.parametrize(
    ("method", "authority", "target", "fields", "ended", "reason"),
    [
        (b"G T", b"a", b"/", [], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"a", [], True, reasons.BAD_TARGET),
        (b"GET", b"a", b"/a b", [], True, reasons.BAD_TARGET),
        (b"GET", b"a", b"/\r\n", [], True, reasons.BAD_TARGET),
        (b"GET", b"a", b"", [], True, reasons.BAD_TARGET),
        (b"GET", b"", b"/", [], True, reasons.NO_HOST),
        (b"GET", b"a", b"/", [(b"host", b"b")], True, reasons.HOST_MISMATCH),
        (b"GET", b"a\r\nx: y", b"/", [], True, reasons.BAD_HOST),
        (b"GET", b"a", b"/", [(b"x", b"1\n2")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"x:", b"1")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"X", b"1")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"connection", b"close")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"te", b"gzip")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"content-length", b"1")], True, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"content-length", b"1_0")], False, reasons.MALFORMED_STREAM),
        (b"GET", b"a", b"/", [(b"content-length", b"1"), (b"content-length", b"1")], False, reasons.REPEATED_LENGTH),
    ],
)
def test_refusals(method: bytes, authority: bytes, target: bytes, fields: list[Field], ended: bool, reason: Reason) -> None:
    assert spell(method, authority, target, fields, ended) is reason


def test_trailers() -> None:
    assert trailer_section([(b"x-sum", b"1")]) == [b"x-sum: 1"]
    assert trailer_section([(b"x-sum", b"1\r\n\r\nGET / HTTP/1.1")]) is None
    assert trailer_section([(b"transfer-encoding", b"chunked")]) is None


ANY = st.binary(max_size=20) | st.sampled_from([b"host", b"content-length", b"transfer-encoding", b"0", b"5", b"\r\n", b": "])


@given(ANY | st.just(b"GET"), ANY | st.just(b"a"), ANY | st.just(b"/"), st.lists(st.tuples(ANY, ANY), max_size=4), st.booleans())
def test_whatever_arrives_is_one_request_or_none(
    method: bytes, authority: bytes, target: bytes, fields: list[Field], ended: bool
) -> None:
    """Read as strictly as any other: one request, with as many headers as there were fields, or a refusal."""
    spelled = spell(method, authority, target, fields, ended)
    if isinstance(spelled, Reason):
        return
    reader = RequestReader(Limits(), Peer("", False))
    body = b"0\r\n\r\n" if spelled.chunked else bytes(spelled.length if spelled.length < 1000 else 0)
    reader.feed(spelled.lines + body + b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
    assert len(reader.requests) == 1
    request = reader.requests[0]
    if request.refused is None:
        assert (request.method.encode(), request.target, request.host) == (method, target, authority or request.host)
        known = {name for name, _ in fields} | {b"Host", b"Connection", b"Transfer-Encoding"}
        assert {name for name, _ in request.head.headers} <= known
