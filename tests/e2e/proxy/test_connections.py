"""The client's connection: keep-alive, order, old versions, limits, and the end."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import pytest

from strangler.core.decide import Table
from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import Address, Limits, Listener, Stage
from strangler.proxy import start
from strangler.proxy.client import ClientConnection
from strangler.proxy.counters import Counters

from .conftest import Open, Scene, config, route
from .wire import Wire, dial, eventually, lines_of, request, response


async def answer(upstream: Wire, body: bytes, *headers: str) -> str:
    """Answer the next request; its first line."""
    head, _ = await upstream.message()
    upstream.send(response(body, *headers))
    return lines_of(head)[0]


async def test_pipelined_requests_are_answered_in_order_one_at_a_time(scene: Scene) -> None:
    client = await scene.dial()
    client.send(*(request(f"POST /{number} HTTP/1.1", "Content-Length: 3", body=b"abc") for number in range(5)))
    upstream = await scene.legacy.accept()
    for number in range(5):
        assert await answer(upstream, b"%d" % number) == f"POST /{number} HTTP/1.1"
        assert (await client.message())[1] == b"%d" % number
    assert scene.legacy.untouched


async def test_the_second_request_waits_for_the_end_of_the_first_answer(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /1 HTTP/1.1") + request("GET /2 HTTP/1.1"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
    assert await client.head()
    assert await client.exactly(1) == b"a"
    [connection] = scene.proxy.clients
    assert not connection._reading  # one request ahead is enough
    assert len(connection.reader.requests) == 1
    upstream.send(b"b")
    assert await answer(upstream, b"2") == "GET /2 HTTP/1.1"


async def test_a_thousand_answers_of_ours_in_a_row(opened: Open) -> None:
    scene = await opened(routes=(route("/x/{rest...}", Stage.MODERN),))
    client = await scene.dial()
    client.send(request("GET /x//y HTTP/1.1") * 1000)
    for _ in range(1000):
        assert (await client.message())[0].startswith(b"HTTP/1.1 400 ")
    assert scene.proxy.counters.refusals == {"ambiguous_path_empty_segment": 1000}


async def test_an_old_client_gets_one_answer_and_the_end(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(b"GET /a HTTP/1.0\r\nA: 1\r\n\r\n")
    assert lines_of(seen)[:3] == ["GET /a HTTP/1.1", f"Host: 127.0.0.1:{scene.legacy.port}", "A: 1"]
    assert "X-Forwarded-Host" not in seen.decode()
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n")
    assert await client.rest() == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    client = await scene.dial()
    client.send(request("GET / HTTP/1.0", "Connection: close"))
    upstream.send()
    assert await answer(upstream, b"x") == "GET / HTTP/1.1"
    assert await client.rest() == b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx"


async def test_an_old_client_may_keep_its_connection(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET / HTTP/1.0", "Connection: Keep-Alive"))
    upstream.send(response(b"x"))
    assert "Connection: keep-alive" in lines_of((await client.message())[0])
    client.send(request("GET /2 HTTP/1.0"))
    assert await answer(upstream, b"y") == "GET /2 HTTP/1.1"
    assert (await client.rest()).endswith(b"Connection: close\r\n\r\ny")


async def test_close_is_honoured(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(request("GET / HTTP/1.1", "Connection: close"))
    assert b"close" not in seen
    upstream.send(response(b"x"))
    assert (await client.rest()).endswith(b"Connection: close\r\n\r\nx")


async def test_h2c_is_not_offered_on_and_its_request_is_served(scene: Scene) -> None:
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ")
    client, upstream, seen = await scene.ask(request("GET /1 HTTP/1.1", *offer) + request("GET /2 HTTP/1.1"))
    assert not {"upgrade", "http2-settings", "connection"} & {line.partition(":")[0].lower() for line in lines_of(seen)}
    upstream.send(response(b"1"))
    assert await answer(upstream, b"2") == "GET /2 HTTP/1.1"
    assert [(await client.message())[1] for _ in range(2)] == [b"1", b"2"]


@pytest.mark.parametrize("framing", ["Content-Length: 44", "Transfer-Encoding: chunked"])
async def test_an_offered_upgrade_does_not_hide_the_body(scene: Scene, framing: str) -> None:
    """llhttp skips the body of a request that offers an upgrade: what looks like a request in there must not become one."""
    inner = b"GET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n"
    body = inner if framing.startswith("Content") else b"%x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)
    client = await scene.dial()
    offer = ("Connection: Upgrade", "Upgrade: h2c, websocket", framing)
    client.send(request("POST /1 HTTP/1.1", *offer, body=body[:20]))
    upstream = await scene.legacy.accept()
    head = await upstream.head()
    assert b"pgrade" not in head
    client.send(body[20:])
    received = await upstream.body(head)
    assert received.count(b"/smuggled") == 1 or framing.startswith("Transfer")
    upstream.send(response(b"1"))
    assert (await client.rest()).endswith(b"1")
    assert len(scene.observed) == 1


# Limits.


async def refused(scene: Scene, data: bytes) -> str:
    client = await scene.dial()
    client.send(data)
    return lines_of(await client.head())[0]


async def test_headers_beyond_the_limits(opened: Open) -> None:
    scene = await opened(limits=Limits(header_bytes=1000, headers=10))  # type: ignore[arg-type]
    fits = request("GET / HTTP/1.1", "A: " + "x" * 900)
    client, upstream, _ = await scene.ask(fits)
    upstream.send(response(b"1"))
    assert (await client.message())[1] == b"1"
    assert await refused(scene, request("GET / HTTP/1.1", "A: " + "x" * 1000)) == "HTTP/1.1 431 Request Header Fields Too Large"
    assert await refused(scene, request(f"GET /{'x' * 1000} HTTP/1.1")) == "HTTP/1.1 431 Request Header Fields Too Large"
    assert await refused(scene, request("GET / HTTP/1.1", *["A: 1"] * 10)) == "HTTP/1.1 431 Request Header Fields Too Large"
    assert scene.proxy.counters.refusals == {"headers_too_large": 2, "too_many_headers": 1}


async def test_a_header_that_does_not_end(opened: Open) -> None:
    scene = await opened(limits=Limits(header_bytes=1000))  # type: ignore[arg-type]
    client = await scene.dial()
    client.send(b"GET / HTTP/1.1\r\nA: ")
    await eventually(lambda: any(one.reader.in_head for one in scene.proxy.clients))
    for _ in range(4):
        client.send(b"x" * 500)
        await client.drain()
        await asyncio.sleep(0)
    assert (await client.head()).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("kind", ["extension", "trailers", "trailer value"])
async def test_the_space_after_a_body_is_bounded(opened: Open, kind: str) -> None:
    scene = await opened(limits=Limits(header_bytes=1000, headers=10))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Transfer-Encoding: chunked"))
    client.send({"extension": b"5;a=", "trailers": b"0\r\n", "trailer value": b"0\r\nA: "}[kind])
    for _ in range(200):
        client.send(b"A: 1\r\n" * 3 if kind == "trailers" else b"xxxxxx")
        await client.drain()
        await eventually(lambda: True)
    if kind == "trailers":
        client.send(b"\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 431 ")
    assert await upstream.ended()


async def test_a_head_that_comes_too_slowly(opened: Open) -> None:
    scene = await opened(limits=Limits(header_timeout=0.03))  # type: ignore[arg-type]
    client = await scene.dial()
    client.send(b"GET / HTTP/1.1\r\n")
    head = await client.head()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert scene.proxy.counters.refusals == {"header_timeout": 1}


async def test_the_second_head_has_no_more_time_than_the_first(opened: Open) -> None:
    scene = await opened(limits=Limits(header_timeout=0.5))  # type: ignore[arg-type]
    client = await scene.dial()
    client.send(b"GET / HTTP/1.1\r\n")
    [connection] = await connected(scene)
    await eventually(lambda: connection.reader.in_head)
    client.send(b"Host: a\r\n\r\n")
    await answer(await scene.legacy.accept(), b"1")
    await client.message()
    client.send(b"GET / HTTP/1.1\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 408 ")


async def connected(scene: Scene) -> list[ClientConnection]:
    await eventually(lambda: bool(scene.proxy.clients))
    return list(scene.proxy.clients)


async def test_an_idle_connection_is_closed_without_a_word(opened: Open) -> None:
    scene = await opened(limits=Limits(idle=0.03))  # type: ignore[arg-type]
    client = await scene.dial()
    assert await client.rest() == b""
    client, upstream, _ = await scene.ask(request())
    upstream.send(response(b"1"))
    await client.message()
    assert await client.rest() == b""


async def test_a_body_that_stops(opened: Open) -> None:
    scene = await opened(limits=Limits(idle=0.03))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Content-Length: 10", body=b"abc"))
    assert (await client.head()).startswith(b"HTTP/1.1 408 ")
    assert await upstream.exactly(3) == b"abc"
    assert await upstream.ended()


async def test_a_client_that_does_not_read(opened: Open) -> None:
    scene = await opened(limits=Limits(idle=0.05))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request())
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n", b"x" * 50_000_000)
    await eventually(lambda: bool(scene.observed))
    assert scene.observed[0].reason == "client_gone"
    assert await upstream.ended()


async def test_connections_beyond_the_limit(opened: Open) -> None:
    scene = await opened(limits=Limits(connections=2))
    first, second = await scene.dial(), await scene.dial()
    await eventually(lambda: len(scene.proxy.clients) == 2)
    third = await scene.dial()
    assert (await third.rest()).startswith(b"HTTP/1.1 503 ")
    await third.close()
    await first.close()
    await eventually(lambda: len(scene.proxy.clients) == 1)
    fourth = await scene.dial()
    fourth.send(request())
    assert await answer(await scene.legacy.accept(), b"ok")
    assert (await fourth.message())[1] == b"ok"
    assert scene.proxy.counters.refusals == {"too_many_connections": 1}
    del second


async def test_no_delay_on_both_sides(scene: Scene) -> None:
    await scene.ask(request())
    for connection in (*scene.proxy.clients, *scene.proxy.upstream_connections):
        assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# Tables, observations, listeners, and the end.


async def test_a_new_table_decides_from_the_next_request_on(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /1 HTTP/1.1"))
    moved = config(scene.legacy.port, scene.modern.port, routes=(route(stage=Stage.MODERN),))
    scene.proxy.use(Table(moved))
    upstream.send(response(b"old"))
    assert (await client.message())[1] == b"old"
    client.send(request("GET /2 HTTP/1.1"))
    assert await answer(await scene.modern.accept(), b"new") == "GET /2 HTTP/1.1"
    assert (await client.message())[1] == b"new"
    scene.proxy.use(Table(config(scene.modern.port, scene.modern.port)))
    assert await upstream.ended()  # the pool of an upstream that changed is closed


async def test_what_is_observed_and_counted(opened: Open) -> None:
    scene = await opened(routes=(route("/orders/{id}", Stage.RETIRED, name="order"),))
    client = await scene.dial()
    client.send(request("POST /orders/7?x=1 HTTP/1.1", "Content-Length: 3", "X-Request-Id: me", body=b"abc"))
    await answer(await scene.modern.accept(), b"12345")
    await client.message()
    [seen] = scene.observed
    assert (seen.method, seen.target, seen.client, seen.route) == ("POST", "/orders/7?x=1", "127.0.0.1", "order")
    assert (seen.side, seen.upstream, seen.status, seen.reason, seen.request_id) == ("modern", "modern", 200, "", "me")
    assert (seen.request_bytes, seen.response_bytes, seen.fell_back) == (3, 5, False)
    assert 0 < seen.first_byte <= seen.duration
    assert scene.proxy.counters == Counters(connections=1, connections_open=1)


async def test_an_observer_that_fails_is_only_counted(opened: Open) -> None:
    scene = await opened(faults=1)

    def fail(_: object) -> None:
        raise ValueError

    scene.proxy.observe = fail
    client, upstream, _ = await scene.ask(request())
    upstream.send(response(b"1"))
    assert (await client.message())[1] == b"1"


async def test_a_unix_socket(opened: Open, tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    scene = await opened(address=Address(unix=path))
    client = Wire(*await asyncio.open_unix_connection(path))
    client.send(request("GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1"))
    upstream = await scene.legacy.accept()
    lines = lines_of(await upstream.head())
    assert "X-Forwarded-For: 192.0.2.1" in lines
    assert "Forwarded: for=unknown;host=shop.example;proto=http" in lines
    upstream.send(response(b"ok"))
    assert (await client.message())[1] == b"ok"
    assert scene.observed[0].client == "192.0.2.1"
    with pytest.raises(UnreachableError, match="is in use"):
        await opened(address=Address(unix=path))
    await client.close()
    await scene.proxy.stop(0)
    assert not Path(path).exists()


async def test_an_address_in_use_is_one_clear_line(scene: Scene) -> None:
    taken = Listener(Address("127.0.0.1", scene.port))
    with pytest.raises(UnreachableError, match=rf"^127.0.0.1:{scene.port} is in use: [^\n]+$"):
        await start(scene.proxy.routing.table, listeners=[Listener(Address("127.0.0.1", 0)), taken])


async def test_an_engine_that_nobody_has_brought_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing here speaks what engine mitmproxy does"):
        await start(Table(config(1, 1)), listeners=[Listener(engine="mitmproxy")])


async def test_stopping_finishes_what_is_at_work(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    idle = await scene.dial()
    await eventually(lambda: len(scene.proxy.clients) == 2)
    stopping = asyncio.create_task(scene.proxy.stop(10))
    assert await idle.rest() == b""
    with pytest.raises(ConnectionRefusedError):
        await dial(scene.port)
    assert not stopping.done()
    upstream.send(response(b"last"))
    assert await client.rest() == b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlast"
    await stopping
    assert await upstream.ended()


async def test_the_grace_ends(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    await scene.proxy.stop(0.01)
    assert await client.ended()
    assert await upstream.ended()


async def test_json_is_for_those_who_ask(scene: Scene) -> None:
    client = await scene.dial()
    client.send(b"GET / HTTP/1.1\r\nAccept: application/problem+json\r\n\r\n")
    _, body = await client.message()
    assert json.loads(body)["error"] == "no_host"
