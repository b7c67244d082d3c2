"""Upstreams that fail: what is tried again, what the fallback gets, and what the client is told."""

from __future__ import annotations

import json

import pytest

from strangler.core.model import Fallback, Stage, Timeouts
from strangler.proxy import request_id

from .conftest import Open, Scene, route
from .wire import Wire, dial, eventually, lines_of, request, response

SOON = Timeouts(connect=0.05, response=0.05, idle=0.05)  # type: ignore[arg-type]


async def pooled(scene: Scene, first: bytes = b"") -> tuple[Wire, Wire]:
    """A client, and the upstream's connection that is idle now."""
    client, upstream, _ = await scene.ask(first or request("GET /first HTTP/1.1"))
    upstream.send(response(b"1"))
    await client.message()
    return client, upstream


async def test_connections_are_reused(scene: Scene) -> None:
    _, upstream = await pooled(scene)
    for number in range(3):
        other = await scene.dial()
        other.send(request(f"GET /{number} HTTP/1.1"))
        assert lines_of(await upstream.head())[0] == f"GET /{number} HTTP/1.1"
        upstream.send(response(b"x"))
        await other.message()
    assert scene.legacy.untouched
    assert [seen.upstream for seen in scene.observed] == ["legacy"] * 4


async def test_the_connection_used_last_comes_first(scene: Scene) -> None:
    one, first, _ = await scene.ask(request())
    two, second, _ = await scene.ask(request())
    for client, upstream in ((one, first), (two, second)):
        upstream.send(response(b"x"))
        await client.message()
    one.send(request("GET /next HTTP/1.1"))
    assert lines_of(await second.head())[0] == "GET /next HTTP/1.1"


async def test_a_safe_request_is_sent_again_when_a_pooled_connection_was_closed(scene: Scene) -> None:
    client, upstream = await pooled(scene)
    client.send(request("GET /again HTTP/1.1"))
    assert lines_of(await upstream.head())[0] == "GET /again HTTP/1.1"
    await upstream.close()
    fresh = await scene.legacy.accept()
    assert lines_of(await fresh.head())[0] == "GET /again HTTP/1.1"
    fresh.send(response(b"2"))
    assert (await client.message())[1] == b"2"
    assert scene.proxy.counters.retries == 1


async def test_only_once(scene: Scene) -> None:
    client, upstream = await pooled(scene)
    client.send(request())
    await upstream.head()
    await upstream.close()
    fresh = await scene.legacy.accept()
    await fresh.head()
    await fresh.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_an_unsafe_request_is_never_sent_again(scene: Scene, method: str) -> None:
    client, upstream = await pooled(scene)
    client.send(request(f"{method} / HTTP/1.1", "Content-Length: 0"))
    await upstream.head()
    await upstream.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert scene.legacy.untouched


async def test_a_safe_request_whose_body_has_gone_is_not_sent_again(scene: Scene) -> None:
    client, upstream = await pooled(scene)
    client.send(request("GET / HTTP/1.1", "Content-Length: 1", body=b"x"))
    await upstream.head()
    await upstream.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")


async def test_a_first_connection_that_fails_is_not_tried_again(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    await upstream.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert scene.legacy.untouched


async def test_an_unsafe_request_looks_before_it_uses_an_idle_connection(scene: Scene) -> None:
    """The upstream's close is in the socket, but the loop has not seen it: a POST must not be sent into it."""
    _, upstream = await pooled(scene)
    [connection] = scene.proxy.upstream_connections
    connection.transport.pause_reading()  # the loop looks away
    await upstream.close()
    pool = scene.proxy.routing.pools["legacy"]
    assert pool.take(repeatable=False) is None
    assert not connection.usable


async def test_a_connection_that_is_closing_is_not_used(scene: Scene) -> None:
    """Between the upstream's end and the transport's own there is a moment in which writing raises."""
    client, _ = await pooled(scene)
    [connection] = scene.proxy.upstream_connections
    connection.eof_received()
    client.send(request())
    fresh = await scene.legacy.accept()
    await fresh.head()
    fresh.send(response(b"fresh"))
    assert (await client.message())[1] == b"fresh"


async def test_bytes_that_nobody_asked_for_end_a_connection(scene: Scene) -> None:
    client, upstream = await pooled(scene)
    upstream.send(response(b"stray"))
    assert await upstream.ended()
    client.send(request())
    fresh = await scene.legacy.accept()
    await fresh.head()
    fresh.send(response(b"own"))
    assert (await client.message())[1] == b"own"


NOT_REUSABLE = {
    "surplus": response(b"1") + b"x",
    "two answers": response(b"1") + response(b"2"),
    "close": response(b"1", "Connection: close"),
    "old version": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n1",
    "204 with a body": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("case", NOT_REUSABLE)
async def test_what_did_not_end_cleanly_is_not_reused(scene: Scene, case: str) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(NOT_REUSABLE[case])
    await client.message()
    assert await upstream.ended()
    client.send(request())
    await (await scene.legacy.accept()).head()


async def test_head_with_a_body_is_not_reused(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("HEAD / HTTP/1.1"))
    upstream.send(response(b"body"))
    assert lines_of(await client.head()) == ["HTTP/1.1 200 OK", "Content-Length: 4"]
    assert await upstream.ended()


async def test_an_old_upstream_that_keeps_alive(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1")
    await client.message()
    client.send(request())
    assert await upstream.head(), "the second request came by the same connection"


async def test_an_idle_connection_is_closed_in_time(opened: Open) -> None:
    scene = await opened(timeouts=Timeouts(idle=0.05))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request())
    upstream.send(response(b"1"))
    await client.message()
    assert await upstream.ended()
    assert not scene.proxy.routing.pools["legacy"]._idle


BAD = {
    "not http": b"SSH-2.0-x\r\n\r\n",
    "length twice": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "length and coding": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding on 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare newline": b"HTTP/1.1 200 OK\nA: 1\n\n",
    "folded": b"HTTP/1.1 200 OK\r\nA: 1\r\n b\r\n\r\n",
    "version": b"HTTP/2.0 200 OK\r\n\r\n",
    "status": b"HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n",
    "interim with length": b"HTTP/1.1 103 x\r\nContent-Length: 3\r\n\r\nabc",
    "switch that nobody asked for": b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "head without end": b"HTTP/1.1 200 OK\r\nA: " + b"x" * 1_000_000,
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 1100 + b"\r\n",
}


@pytest.mark.parametrize("case", BAD)
async def test_an_answer_that_is_not_http(scene: Scene, case: str) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(BAD[case])
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 502 ")
    assert await upstream.ended()
    assert scene.proxy.counters.refusals == {"bad_response": 1}


async def test_an_upstream_that_is_not_there(scene: Scene) -> None:
    await scene.legacy.close()
    client = await scene.dial()
    client.send(request("GET / HTTP/1.1", "Accept: text/html, application/json"))
    head, body = await client.message()
    lines = lines_of(head)
    assert lines[0] == "HTTP/1.1 502 Bad Gateway"
    assert {"Cache-Control: no-store", "Content-Type: application/json", "Connection: keep-alive"} < set(lines)
    said = json.loads(body)
    assert said["error"] == "connect_failed"
    assert f"X-Request-Id: {said['request_id']}" in lines
    assert b"127.0.0.1" not in head + body
    client.send(request("HEAD / HTTP/1.1"), request("GET /2 HTTP/1.1"))  # the connection lives on
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    head, body = await client.message()
    assert b"reason: connect_failed" in body
    assert scene.proxy.counters.refusals == {"connect_failed": 3}


async def test_an_upstream_that_does_not_answer(opened: Open) -> None:
    scene = await opened(timeouts=SOON, routes=(route(stage=Stage.RETIRED, name="orders"),))
    client = await scene.dial()
    client.send(request("POST / HTTP/1.1", "Content-Length: 1", body=b"x"))
    upstream = await scene.modern.accept()
    head, body = await client.message()
    assert head.startswith(b"HTTP/1.1 504 ")
    assert b"reason: response_timeout\nroute: orders\n" in body
    await upstream.head()
    assert await upstream.exactly(1) == b"x"
    assert await upstream.ended()


async def test_an_upstream_that_falls_silent(opened: Open) -> None:
    scene = await opened(timeouts=Timeouts(idle=0.05))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    assert (await client.rest()).endswith(b"abc")
    assert await upstream.ended()


async def falling_back(opened: Open, **settings: object) -> Scene:
    scene: Scene = await opened(routes=(route(**settings),), timeouts=SOON)  # type: ignore[arg-type]
    return scene


@pytest.mark.parametrize("how", ["refused", "reset", "timeout"])
async def test_a_safe_request_falls_back_to_legacy(opened: Open, how: str) -> None:
    scene = await falling_back(opened)
    if how == "refused":
        await scene.modern.close()
    client = await scene.dial()
    client.send(request("GET /x HTTP/1.1", "X-HTTP-Method-Override: PUT"))
    if how != "refused":
        upstream = await scene.modern.accept()
        assert b"Override" not in await upstream.head()
        if how == "reset":
            upstream.reset()
    legacy = await scene.legacy.accept()
    head = await legacy.head()
    assert lines_of(head)[0] == "GET /x HTTP/1.1"
    assert b"Override: PUT" in head  # legacy gets what legacy has always got
    legacy.send(response(b"old"))
    assert (await client.message())[1] == b"old"
    assert scene.proxy.counters.fallbacks == 1
    assert [(one.side, one.fell_back, one.status) for one in scene.observed] == [("legacy", True, 200)]


async def test_no_fallback_for_a_status_or_after_the_first_byte(opened: Open) -> None:
    scene = await falling_back(opened)
    client = await scene.dial()
    client.send(request())
    upstream = await scene.modern.accept()
    await upstream.head()
    upstream.send(response(b"no", status="503 Service Unavailable"))
    assert (await client.message())[1] == b"no"
    client.send(request())
    await upstream.head()
    upstream.send(b"HTTP/1.1 2")
    await upstream.drain()
    await eventually(lambda: any(one.reader.started for one in scene.proxy.upstream_connections))
    await upstream.close()
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert scene.legacy.untouched


@pytest.mark.parametrize(
    ("method", "settings", "status"),
    [
        ("POST", {}, 502),
        ("POST", {"data": ("orders",)}, 503),
        ("GET", {"fallback": Fallback.OFF}, 502),
        ("GET", {"stage": Stage.RETIRED}, 502),
    ],
)
async def test_no_fallback(opened: Open, method: str, settings: dict[str, object], status: int) -> None:
    scene = await falling_back(opened, **settings)
    await scene.modern.close()
    client = await scene.dial()
    client.send(request(f"{method} / HTTP/1.1", "Content-Length: 0"))
    assert lines_of(await client.head())[0].split()[1] == str(status)
    assert scene.legacy.untouched


async def test_a_streamed_body_does_not_fall_back(opened: Open) -> None:
    scene = await falling_back(opened)
    client = await scene.dial()
    client.send(request("GET / HTTP/1.1", "Content-Length: 1", body=b"x"))
    (await scene.modern.accept()).reset()
    assert (await client.head()).startswith(b"HTTP/1.1 50")
    assert scene.legacy.untouched


async def test_an_error_of_ours_is_not_the_clients(
    opened: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = await opened(faults=4)

    def explode(*_: object) -> None:
        raise RuntimeError("ours")

    scene.proxy.routing.origins.translate = explode
    for _ in range(2):  # after the upstream's head
        client, upstream, _ = await scene.ask(request("GET /secret HTTP/1.1"))
        upstream.send(response(b"", "Location: /"))
        assert await client.rest() == b""
    monkeypatch.setattr(request_id, "new", explode)
    for _ in range(2):  # before
        client = await dial(scene.port)
        client.send(request("GET /secret HTTP/1.1"))
        assert (await client.rest()).startswith(b"HTTP/1.1 502 ")
        await client.close()
    assert scene.proxy.counters.refusals == {"engine_error": 4}
    assert len(caplog.records) == 1  # one place
    assert "secret" not in caplog.text
