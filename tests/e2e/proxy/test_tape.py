"""What is recorded of requests as they pass: all that the client sent and got, and nothing that would slow it down."""

from __future__ import annotations

import gzip

import pytest

from strangler.core.model import Stage
from strangler.proxy.tape import TAPE_BYTES, Taped, Taping

from .conftest import Open, Scene, route
from .test_forwarding import exchange
from .test_tunnels import OFFER, SWITCH
from .wire import eventually, request, response


def taped(scene: Scene, **settings: object) -> list[Taped]:
    """Have everything recorded from now on; what is."""
    found: list[Taped] = []
    scene.proxy.taping = Taping(found.append, **settings)  # type: ignore[arg-type]
    return found


CLOSE = "Connection: close"


def posted(body: bytes, *headers: str) -> bytes:
    return request("POST /a?b=%20 HTTP/1.1", f"Content-Length: {len(body)}", *headers, body=body)


def held(scene: Scene) -> int:
    assert scene.proxy.taping is not None
    return scene.proxy.taping.held


async def test_both_heads_and_both_bodies(scene: Scene) -> None:
    found = taped(scene)
    packed = gzip.compress(b"answer")
    head = ["Cookie: a=1", "X-Two: b", "X-Two: c"]
    await exchange(
        scene,
        posted(b"asked", *head),
        response(packed, "Content-Encoding: gzip", "Set-Cookie: d"),
    )
    (one,) = found
    assert (one.method, one.target, one.host, one.scheme, one.client) == ("POST", "/a?b=%20", "shop.example", "http", "127.0.0.1")
    assert (one.route, one.side, one.status, one.failure) == ("", "legacy", 200, "")
    assert [pair for pair in one.request_headers if pair[0] in (b"Cookie", b"X-Two")] == [
        (b"Cookie", b"a=1"),
        (b"X-Two", b"b"),
        (b"X-Two", b"c"),
    ]
    assert (one.request_body, one.request_size) == (b"asked", 5)
    assert (one.response_body, one.response_size) == (packed, len(packed))
    assert (b"Set-Cookie", b"d") in one.response_headers
    assert 0 <= one.duration < 300
    assert held(scene) == 0


async def test_chunked_bodies_both_ways(scene: Scene) -> None:
    found = taped(scene)
    chunks = b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Transfer-Encoding: chunked") + chunks)
    await upstream.until(b"0\r\n\r\n")
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunks)
    await client.message()
    assert [(one.request_body, one.response_body, one.response_size) for one in found] == [(b"abcde", b"abcde", 5)]


async def test_a_body_that_is_too_large_is_told_by_its_size(scene: Scene) -> None:
    found = taped(scene, max_body=4)
    await exchange(scene, posted(b"12345"), response(b"1234", CLOSE))
    await exchange(scene, posted(b"1234"), response(b"12345"))
    assert [(one.request_body, one.request_size, one.response_body, one.response_size) for one in found] == [
        (None, 5, b"1234", 4),
        (b"1234", 4, None, 5),
    ]


async def test_an_answer_of_ours_is_no_answer(scene: Scene) -> None:
    found = taped(scene)
    client, upstream, _ = await scene.ask(request())
    await upstream.close()
    await client.message()
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal")
    await client.until(b"hal")
    await upstream.close()
    assert await client.ended()
    assert [(one.status, one.failure, one.response_headers, one.response_body) for one in found] == [
        (0, "upstream_reset", (), None),
        (0, "truncated", (), None),
    ]


async def test_what_no_upstream_was_asked_is_not_recorded(scene: Scene) -> None:
    found = taped(scene)
    client = await scene.dial()
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert b"400" in await client.rest()
    assert found == []


async def test_only_the_routes_that_are_named(opened: Open) -> None:
    scene = await opened(routes=(route("/a", Stage.LEGACY, name="a"), route("/b", Stage.LEGACY, name="b", index=1)))
    found = taped(scene, routes={"b"})
    for path in ("/a", "/b", "/c"):
        await exchange(scene, request(f"GET {path} HTTP/1.1"), response(b"", CLOSE))
    assert [(one.route, one.target) for one in found] == [("b", "/b")]


async def test_a_part_of_them(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter([0.1, 0.9, 0.49, 0.5])
    monkeypatch.setattr("strangler.proxy.tape.random", lambda: next(draws))
    found = taped(scene, sample=0.5)
    for number in range(4):
        await exchange(scene, request(f"GET /{number} HTTP/1.1"), response(b"", CLOSE))
    assert [one.target for one in found] == ["/0", "/2"]


async def test_what_is_more_than_a_worker_may_hold_is_counted_and_the_client_is_served(scene: Scene) -> None:
    found = taped(scene, most=TAPE_BYTES + 2000)
    _, _, body = await exchange(scene, posted(b"x" * 1500), response(b"y" * 1500))
    assert body == b"y" * 1500
    assert scene.proxy.taping is not None
    assert (found, dict(scene.proxy.taping.missed), held(scene)) == ([], {"budget": 1}, 0)


async def test_a_tunnel_is_not_recorded(scene: Scene) -> None:
    found = taped(scene)
    client, upstream, _ = await scene.ask(request("GET / HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    await client.close()
    await upstream.close()
    await eventually(lambda: not scene.proxy.tunnels)
    assert scene.proxy.taping is not None
    assert (found, dict(scene.proxy.taping.missed), held(scene)) == ([], {"upgrade": 1}, 0)


async def test_who_fails_at_recording_harms_nobody(opened: Open) -> None:
    scene = await opened(faults=1)

    def deliver(_: Taped) -> None:
        raise RuntimeError("tangled")

    scene.proxy.taping = Taping(deliver)
    _, _, body = await exchange(scene, request("GET /a HTTP/1.1"), response(b"ok"))
    assert (body, held(scene)) == (b"ok", 0)
