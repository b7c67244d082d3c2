"""What passes is what was sent, whatever the client speaks: names, values, their order and their number, and who asked."""

from __future__ import annotations

import pytest

from tests.e2e.proxy.wire import lines_of, response, without_added

from .conftest import Meet


async def test_order_and_duplicates_and_case(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("GET", "/a/%7Eb?x=1&x=2", [("X-One", "1"), ("x-two", "2"), ("X-One", "3")])
    upstream = await meeting.scene.legacy.accept()
    seen = without_added(await upstream.head())
    assert seen[0] == "GET /a/%7Eb?x=1&x=2 HTTP/1.1"
    names = ["X-One: 1", "x-two: 2", "X-One: 3"]
    assert seen[2:] == (names if meeting.can.spelling else [name.lower() for name in names])
    upstream.send(response(b"ok", "X-B: 1", "x-a: 2", "X-B: 3", status="299 Fine"))
    answer = await call.answer()
    assert (answer.status, answer.body) == (299, b"ok")
    assert answer.fields[1:] == [(b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", b"3")]


async def test_cookies(meet: Meet) -> None:
    """A browser sends one Cookie header over HTTP/1.1, and may send crumbs over HTTP/2: legacy gets one either way."""
    meeting = await meet()
    crumbs = [("cookie", "a=1"), ("cookie", "b=2")] if not meeting.can.spelling else [("cookie", "a=1; b=2")]
    call = await meeting.client.open("GET", "/", [("x-a", "1"), *crumbs, ("x-b", "2")])
    upstream = await meeting.scene.legacy.accept()
    assert without_added(await upstream.head())[2:] == ["x-a: 1", "cookie: a=1; b=2", "x-b: 2"]
    expires = "Expires=Wed, 21 Oct 2026 07:28:00 GMT"
    upstream.send(response(b"", f"Set-Cookie: a=1; {expires}", f"Set-Cookie: b=2; {expires}"))
    assert (await call.answer()).all("set-cookie") == [f"a=1; {expires}", f"b=2; {expires}"]


async def test_who_asked(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("GET", "/", [("X-Forwarded-For", "1.2.3.4"), ("X-Strangler-Shadow", "1")])
    upstream = await meeting.scene.legacy.accept()
    lines = lines_of(await upstream.head())
    assert {"Host: shop.example", "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: https"} <= set(lines)
    assert "Forwarded: for=127.0.0.1;host=shop.example;proto=https" in lines
    assert not [line for line in lines if "1.2.3.4" in line or "strangler" in line.lower()]
    upstream.send(response(b"", f"Location: http://127.0.0.1:{meeting.scene.legacy.port}/next"))
    assert (await call.answer()).all("location") == ["https://shop.example/next"]
    assert meeting.scene.observed[0].client == "127.0.0.1"


async def test_a_trusted_proxy_is_believed(meet: Meet) -> None:
    meeting = await meet(trusted=("127.0.0.0/8",))
    call = await meeting.client.open("GET", "/", [("X-Forwarded-For", "1.2.3.4")])
    upstream = await meeting.scene.legacy.accept()
    assert "X-Forwarded-For: 1.2.3.4, 127.0.0.1" in lines_of(await upstream.head())
    upstream.send(response(b""))
    await call.answer()
    assert meeting.scene.observed[0].client == "1.2.3.4"


async def test_headers_of_the_connection_end_here(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("GET", "/")
    upstream = await meeting.scene.legacy.accept()
    assert without_added(await upstream.head()) == ["GET / HTTP/1.1", "Host: shop.example"]
    upstream.send(response(b"x", "Connection: X-Hop, keep-alive", "X-Hop: 1", "Keep-Alive: timeout=5", "X-End: 2"))
    answer = await call.answer()
    assert [value for name, value in answer.fields if name not in (b"content-length", b"connection")] == [b"2"]


@pytest.mark.parametrize(
    ("method", "status", "length"), [("HEAD", "200 OK", 7), ("GET", "204 No Content", 0), ("GET", "304 Not Modified", 7)]
)
async def test_answers_without_a_body(meet: Meet, method: str, status: str, length: int) -> None:
    meeting = await meet()
    for _ in range(2):
        call = await meeting.client.open(method, "/")
        upstream = await meeting.scene.legacy.accept() if _ == 0 else upstream  # noqa: F821
        await upstream.head()
        upstream.send(f"HTTP/1.1 {status}\r\nETag: x\r\n{f'Content-Length: {length}' if length else 'X: y'}\r\n\r\n".encode())
        answer = await call.answer()
        assert (answer.status, answer.body) == (int(status[:3]), b"")
        assert answer.all("content-length") == ([str(length)] if length else [])


async def test_trailers(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("POST", "/", [("TE", "trailers"), ("Trailer", "X-Sum")], ended=False)
    call.send(b"abc")
    call.end([(b"x-sum", b"1")])
    upstream = await meeting.scene.legacy.accept()
    head, body = await upstream.message()
    assert {"TE: trailers", "Connection: TE"} <= set(lines_of(head))
    assert body.endswith(b"0\r\nx-sum: 1\r\n\r\n")
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nGrpc-Status: 0\r\n\r\n")
    answer = await call.answer()
    assert (answer.body, answer.trailers) == (b"abc", [(b"grpc-status", b"0")])


async def test_continue_and_early_hints(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("PUT", "/", [("Expect", "100-continue"), ("Content-Length", "3")], ended=False)
    upstream = await meeting.scene.legacy.accept()
    assert "expect: 100-continue" in (await upstream.head()).decode().lower()
    upstream.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
    call.send(b"abc")
    call.end()
    assert await upstream.exactly(3) == b"abc"
    upstream.send(response(b"ok"))
    answer = await call.answer()
    assert ([head.status for head in answer.interim], answer.status, answer.body) == ([100, 103], 200, b"ok")
    assert answer.interim[1].all("link") == ["</a.css>"]
