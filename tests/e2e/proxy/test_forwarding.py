"""What goes on, byte by byte: targets, headers, methods, bodies."""

from __future__ import annotations

import gzip
import re

import pytest

from strangler.core.model import Stage

from .conftest import Open, Scene, route
from .wire import lines_of, request, response, without_added

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PURGE", "M-SEARCH"]
TARGETS = ["/", "/a/b?c=d&c=e", "/%41%zz", "/caf%C3%A9", "/a//b/../c;d=e", "/?", "/a?b#c", '/|{}"^`', "/*"]


async def exchange(scene: Scene, data: bytes, answer: bytes) -> tuple[bytes, bytes, bytes]:
    """One request and its answer: the head the upstream saw, and what the client got."""
    client, upstream, seen = await scene.ask(data)
    await upstream.body(seen)
    upstream.send(answer)
    head, body = await client.message()
    return seen, head, body


@pytest.mark.parametrize("method", METHODS)
async def test_methods_pass(scene: Scene, method: str) -> None:
    seen, head, body = await exchange(scene, request(f"{method} /x HTTP/1.1"), response(b"ok"))
    assert without_added(seen) == [f"{method} /x HTTP/1.1", "Host: shop.example"]
    assert (lines_of(head), body) == (["HTTP/1.1 200 OK", "Content-Length: 2"], b"ok")


@pytest.mark.parametrize("target", TARGETS)
async def test_the_target_goes_on_as_it_came(scene: Scene, target: str) -> None:
    seen, _, _ = await exchange(scene, request(f"GET {target} HTTP/1.1"), response())
    assert lines_of(seen)[0] == f"GET {target} HTTP/1.1"


@pytest.mark.parametrize(
    ("target", "origin"),
    [
        ("http://shop.example/a?b", "/a?b"),
        ("HTTP://SHOP.example:80/a", "/a"),
        ("http://shop.example", "/"),
        ("http://shop.example?b", "/?b"),
    ],
)
async def test_absolute_form_becomes_origin_form(scene: Scene, target: str, origin: str) -> None:
    seen, _, _ = await exchange(scene, request(f"GET {target} HTTP/1.1"), response())
    assert lines_of(seen)[0] == f"GET {origin} HTTP/1.1"


@pytest.mark.parametrize("target", ["*", "http://shop.example"])
async def test_options_of_the_server(scene: Scene, target: str) -> None:
    seen, _, _ = await exchange(scene, request(f"OPTIONS {target} HTTP/1.1"), response())
    assert lines_of(seen)[0] == "OPTIONS * HTTP/1.1"


async def test_order_case_and_duplicates_of_headers_are_kept(scene: Scene) -> None:
    headers = ["aCCept: a", "Cookie: a=1", "X-Empty: ", "accept: b", "X-Latin: caf\xe9", "Cookie: b=2", "x-order: 3"]
    answer = ["Set-Cookie: a=1; Expires=Wed, 21 Oct 2065 07:28:00 GMT", "vary: A", "Set-Cookie: b=2", "VARY: B", "X-Latin: \xe9"]
    seen, head, _ = await exchange(scene, request("GET / HTTP/1.1", *headers), response(b"", *answer))
    assert without_added(seen) == ["GET / HTTP/1.1", "Host: shop.example", *headers]
    assert lines_of(head) == ["HTTP/1.1 200 OK", "Content-Length: 0", *answer]


async def test_host_stays_where_it_stood(scene: Scene) -> None:
    seen, _, _ = await exchange(scene, b"GET / HTTP/1.1\r\nA: 1\r\nhOST: Shop.Example:99\r\nB: 2\r\n\r\n", response())
    assert without_added(seen) == ["GET / HTTP/1.1", "A: 1", "Host: Shop.Example:99", "B: 2"]


HOP_BY_HOP = [
    "Keep-Alive: timeout=5",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic x",
    "Connection: close, X-Mine",
    "X-Mine: 1",
    "TE: gzip",
    "Trailer: X-Sum",
    "Upgrade: h2c",
    "HTTP2-Settings: AAMAAABkAAQ",
]


async def test_hop_by_hop_headers_end_here(scene: Scene) -> None:
    seen, head, _ = await exchange(
        scene,
        request("GET / HTTP/1.1", "A: 1", *HOP_BY_HOP, "B: 2"),
        response(b"", "A: 1", "Connection: X-Mine", "X-Mine: 1", "Keep-Alive: x", "Proxy-Authenticate: Basic", "Upgrade: h2c"),
    )
    assert without_added(seen) == ["GET / HTTP/1.1", "Host: shop.example", "A: 1", "B: 2"]
    assert lines_of(head) == ["HTTP/1.1 200 OK", "Content-Length: 0", "A: 1", "Connection: close"]


async def test_connection_cannot_name_what_identifies_or_frames(scene: Scene) -> None:
    named = "Connection: Host, Content-Length, X-Forwarded-For, Via, X-Request-Id, Authorization, Cookie, keep-alive"
    seen, _, _ = await exchange(
        scene, request("POST / HTTP/1.1", named, "Authorization: a", "Cookie: c", "Content-Length: 2", body=b"hi"), response()
    )
    assert without_added(seen) == ["POST / HTTP/1.1", "Host: shop.example", "Authorization: a", "Cookie: c", "Content-Length: 2"]
    assert "X-Forwarded-For: 127.0.0.1" in lines_of(seen)


async def test_te_trailers_is_offered_anew(scene: Scene) -> None:
    seen, _, _ = await exchange(scene, request("GET / HTTP/1.1", "TE: gzip, trailers", "Connection: TE"), response())
    assert without_added(seen)[2:] == ["TE: trailers", "Connection: TE"]


async def test_what_is_added(scene: Scene) -> None:
    seen, _, _ = await exchange(scene, request(host="shop.example:8080"), response())
    added = lines_of(seen)[2:]
    assert added[:4] == [
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Host: shop.example:8080",
        'Forwarded: for=127.0.0.1;host="shop.example:8080";proto=http',
    ]
    assert re.fullmatch("X-Request-Id: [0-9a-f]{32}", added[4])
    assert len(added) == 5


async def test_no_via_is_added(scene: Scene) -> None:
    """nginx, for one, compresses nothing for a request with Via."""
    seen, head, _ = await exchange(scene, request(), response())
    assert b"via:" not in seen.lower() + head.lower()


async def test_a_via_goes_on_both_ways(scene: Scene) -> None:
    seen, head, _ = await exchange(scene, request("GET / HTTP/1.1", "Via: 1.1 edge"), response(b"", "Via: 1.1 cache"))
    assert without_added(seen)[2:] == ["Via: 1.1 edge"]
    assert "Via: 1.1 cache" in lines_of(head)


CLAIMS = [
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-For: 7.7.7.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: other.example",
    "X-Forwarded-Port: 443",
    "Forwarded: for=6.6.6.6",
    "X-Real-IP: 6.6.6.6",
]


async def test_claims_of_strangers_are_replaced(scene: Scene) -> None:
    seen, _, _ = await exchange(scene, request("GET / HTTP/1.1", *CLAIMS), response())
    text = seen.decode()
    assert "6.6.6.6" not in text
    assert "7.7.7.7" not in text
    assert "443" not in text
    assert "other.example" not in text
    assert text.count("X-Forwarded-For:") == 1


async def test_claims_of_trusted_proxies_are_carried_on(opened: Open) -> None:
    scene = await opened(trusted=("127.0.0.0/8",))
    seen, _, _ = await exchange(scene, request("GET / HTTP/1.1", *CLAIMS), response())
    lines = lines_of(seen)
    assert "X-Forwarded-For: 6.6.6.6, 7.7.7.7, 127.0.0.1" in lines
    assert "X-Forwarded-Proto: https" in lines
    assert "X-Forwarded-Host: other.example" in lines
    assert "X-Forwarded-Port: 443" in lines
    assert "X-Real-IP: 6.6.6.6" in lines
    assert "Forwarded: for=6.6.6.6, for=127.0.0.1;host=shop.example;proto=http" in lines
    assert scene.observed[0].client == "7.7.7.7"


SPELLINGS = ["X_Forwarded_For: 6.6.6.6", "X-Forwarded_Proto: https", "x_request_id: a", "Content_Length: 5", "FORWARDED_: x"]


async def test_underscored_spellings_of_ours_are_dropped(scene: Scene) -> None:
    seen, _, _ = await exchange(scene, request("GET / HTTP/1.1", *SPELLINGS, "X_Mine: 1", "X-Strangler-Shadow: 1"), response())
    assert without_added(seen)[2:] == ["FORWARDED_: x", "X_Mine: 1"]


OVERRIDES = ["X-HTTP-Method-Override: DELETE", "X-Original-URL: /admin", "X_Method_Override: PUT"]


async def test_overrides_reach_legacy_but_not_modern(opened: Open) -> None:
    scene = await opened(routes=(route("/new", Stage.MODERN),))
    seen, _, _ = await exchange(scene, request("POST /old HTTP/1.1", *OVERRIDES), response())
    assert without_added(seen)[2:] == OVERRIDES
    client = await scene.dial()
    client.send(request("POST /new HTTP/1.1", "A: 1", *OVERRIDES, "B: 2"))
    upstream = await scene.modern.accept()
    assert without_added(await upstream.head())[2:] == ["A: 1", "B: 2"]


@pytest.mark.parametrize("sent", ["a-sane.id_1", "a" * 128])
async def test_a_sane_request_id_is_kept(scene: Scene, sent: str) -> None:
    seen, head, _ = await exchange(scene, request("GET / HTTP/1.1", f"x-request-id: {sent}", "A: 1"), response())
    assert without_added(seen)[2:] == ["A: 1"]
    assert f"x-request-id: {sent}" in lines_of(seen)
    assert b"request-id" not in head.lower()


@pytest.mark.parametrize("sent", [["not sane"], ["a", "b"], ["a" * 129], [""]])
async def test_any_other_request_id_is_replaced(scene: Scene, sent: list[str]) -> None:
    seen, _, _ = await exchange(scene, request("GET / HTTP/1.1", *(f"X-Request-Id: {one}" for one in sent)), response())
    found = [line for line in lines_of(seen) if line.lower().startswith("x-request-id")]
    assert len(found) == 1
    assert re.fullmatch("X-Request-Id: [0-9a-f]{32}", found[0])


async def test_host_policies(opened: Open) -> None:
    for policy, expected in [("preserve", "shop.example"), ("upstream", "127.0.0.1:{port}"), ("inner.example", "inner.example")]:
        scene = await opened(host=policy)
        seen, _, _ = await exchange(scene, request(), response())
        assert lines_of(seen)[1] == "Host: " + expected.format(port=scene.legacy.port)


async def test_location_and_cookie_domain_that_name_an_upstream(scene: Scene) -> None:
    own = f"127.0.0.1:{scene.modern.port}"
    sent = [f"Location: http://{own}/a?b", "Set-Cookie: a=1; Domain=127.0.0.1; Path=/", "Set-Cookie: b=1; domain=example.org"]
    _, head, _ = await exchange(scene, request(host="shop.example:8080"), response(b"", *sent, status="302 Found"))
    assert lines_of(head)[2:] == [
        "Location: http://shop.example:8080/a?b",
        "Set-Cookie: a=1; Domain=shop.example; Path=/",
        "Set-Cookie: b=1; domain=example.org",
    ]


@pytest.mark.parametrize(
    "status", ["200 OK", "201 Created", "301 Moved", "302 ", "404 No Such Thing", "418 I'm a teapot", "599 x"]
)
async def test_statuses_and_phrases_pass(scene: Scene, status: str) -> None:
    _, head, body = await exchange(scene, request(), response(b"x", "Location: /elsewhere", status=status))
    assert lines_of(head) == [f"HTTP/1.1 {status}", "Content-Length: 1", "Location: /elsewhere"]
    assert body == b"x"


BODIES = {
    "gzip": (gzip.compress(b"a" * 999), ["Content-Encoding: gzip"], "200 OK"),
    "range": (b"bcd", ["Content-Range: bytes 1-3/9", "Accept-Ranges: bytes"], "206 Partial Content"),
    "every byte": (bytes(range(256)), ["Content-Type: image/png"], "200 OK"),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_bodies_pass_as_they_are(scene: Scene, kind: str) -> None:
    sent, headers, status = BODIES[kind]
    _, head, body = await exchange(scene, request("GET / HTTP/1.1", "Range: bytes=1-3"), response(sent, *headers, status=status))
    assert body == sent
    assert lines_of(head)[2:] == headers


async def test_multipart_upload(scene: Scene) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="f"; filename="\xc3\xa9"\r\n\r\n\x00\xff\r\n--x--\r\n'
    client, upstream, seen = await scene.ask(
        request("POST / HTTP/1.1", "Content-Type: multipart/form-data; boundary=x", f"Content-Length: {len(body)}", body=body)
    )
    assert await upstream.body(seen) == body
    upstream.send(response(b"ok"))
    assert (await client.message())[1] == b"ok"


async def test_chunked_both_ways_with_trailers_and_without_extensions(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(
        request("POST / HTTP/1.1", "Trailer: X-Sum", "Transfer-Encoding: chunked")
        + b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 9\r\nX-Forwarded-For: 6.6.6.6\r\nHost: x\r\n\r\n"
    )
    assert without_added(seen)[2:] == ["Trailer: X-Sum", "Transfer-Encoding: chunked"]
    assert await upstream.exactly(25) == b"5\r\nabcde\r\n0\r\nX-Sum: 9\r\n\r\n"
    upstream.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\nTrailer: X-End\r\n\r\n4;x=y\r\nwxyz\r\n0\r\nX-End: 1\r\n")
    upstream.send(b"Set-Cookie: a=1\r\n\r\n")
    assert lines_of(await client.head()) == ["HTTP/1.1 200 OK", "Trailer: X-End", "Transfer-Encoding: chunked"]
    assert await client.exactly(24) == b"4\r\nwxyz\r\n0\r\nX-End: 1\r\n\r\n"
    client.send(request("GET /next HTTP/1.1"))
    assert lines_of(await upstream.head())[0] == "GET /next HTTP/1.1"


async def test_a_body_that_only_the_close_ends_is_chunked(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.0 200 OK\r\nA: 1\r\n\r\nhel")
    assert lines_of(await client.head()) == ["HTTP/1.1 200 OK", "A: 1", "Transfer-Encoding: chunked"]
    assert await client.exactly(8) == b"3\r\nhel\r\n"
    upstream.send(b"lo")
    await upstream.close()
    assert await client.exactly(12) == b"2\r\nlo\r\n0\r\n\r\n"
    client.send(request("GET /next HTTP/1.1"))
    assert lines_of(await (await scene.legacy.accept()).head())[0] == "GET /next HTTP/1.1"


NO_BODY = {
    "HEAD with length": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"),
    "HEAD chunked": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "HEAD with neither": ("HEAD", b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204 to DELETE": ("DELETE", b"HTTP/1.1 204 No Content\r\nA: 1\r\n\r\n"),
    "304": ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 10\r\n\r\n'),
}


@pytest.mark.parametrize("case", NO_BODY)
async def test_answers_without_body(scene: Scene, case: str) -> None:
    method, answer = NO_BODY[case]
    client, upstream, _ = await scene.ask(request(f"{method} /1 HTTP/1.1"))
    upstream.send(answer)
    assert await client.head() == answer
    client.send(request("GET /2 HTTP/1.1"))  # the same connection serves the next one, on both sides
    assert lines_of(await upstream.head())[0] == "GET /2 HTTP/1.1"
    upstream.send(response(b"two"))
    assert (await client.message())[1] == b"two"
