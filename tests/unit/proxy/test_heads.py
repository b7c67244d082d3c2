"""Heads as bytes."""

from __future__ import annotations

from strangler.proxy.headers import REQUEST_NAMES
from strangler.proxy.heads import RequestHead, ResponseHead, request_bytes, response_bytes, trailer_lines

ARRIVED = [
    (b"hOST", b"a.example"),
    (b"Connection", b"X-Hop, close, Cookie"),
    (b"X-Hop", b"1"),
    (b"Cookie", b"a"),
    (b"cookie", b"b"),
    (b"X-Original-URL", b"/x"),
    (b"Content-Length", b"007"),
]


def test_a_request() -> None:
    head = RequestHead(list(ARRIVED), trusted=False)
    head.remove_named()
    built = request_bytes(b"GET", b"/a", head, b"b.example", (), [b"Via: x"])
    assert built == (
        b"GET /a HTTP/1.1\r\nHost: b.example\r\nCookie: a\r\ncookie: b\r\n"
        b"X-Original-URL: /x\r\nContent-Length: 7\r\nVia: x\r\n\r\n"
    )
    assert (b"X-Hop", b"1") not in head.headers  # nor does routing see it


def test_the_same_request_for_modern_and_then_for_legacy() -> None:
    head = RequestHead(list(ARRIVED), trusted=False)
    assert b"Original" not in request_bytes(b"GET", b"/", head, b"h", head.overrides_at, [])
    assert b"Original" in request_bytes(b"GET", b"/", head, b"h", (), [])


def test_a_request_without_host() -> None:
    head = RequestHead([(b"A", b"1")], trusted=False)
    assert request_bytes(b"GET", b"/", head, b"h", (), []) == b"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n\r\n"


def test_a_response() -> None:
    head = ResponseHead([(b"A", b"1"), (b"Connection", b"x"), (b"Transfer-Encoding", b"chunked"), (b"a", b"2")])
    assert response_bytes(200, b"", head, [b"B: 3"]) == b"HTTP/1.1 200 \r\nA: 1\r\na: 2\r\nB: 3\r\n\r\n"


def test_trailers() -> None:
    assert trailer_lines([(b"X-Sum", b"1"), (b"Host", b"evil")], REQUEST_NAMES) == [b"X-Sum: 1"]


def test_a_length_goes_on_as_its_digits() -> None:
    """Python refuses to read a number of more than 4,300 digits, however many of them are zeros."""
    for sent, expected in ((b"0" * 5000 + b"7", b"7"), (b"000", b"0"), (b"70 \t", b"70"), (b"0", b"0")):
        for head in (RequestHead([(b"content-length", sent)], trusted=False), ResponseHead([(b"content-length", sent)])):
            assert (head.lengths, head.lines) == ((expected,), [b"content-length: " + expected])
