"""WebSockets: a tunnel after a matching 101, and only then."""

from __future__ import annotations

import asyncio

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from strangler.core.decide import Table
from strangler.core.model import Stage, Timeouts
from strangler.proxy import Exchange, start

from .conftest import Open, Scene, config, route
from .wire import eventually, lines_of, request, response, without_added

OFFER = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Accept: x\r\n\r\n"


async def test_an_echo_with_real_websockets() -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        made = config(port, port)
        observed: list[Exchange] = []
        proxy = await start(Table(made), listeners=made.listen, observe=observed.append)
        async with connect(f"ws://127.0.0.1:{proxy.addresses[0].port}/chat") as client:
            for message in ("hello", b"\x00\xff" * 100_000, "x" * 500_000):
                await client.send(message)
                assert await client.recv() == message
        await eventually(lambda: not proxy.tunnels and not proxy.clients and not proxy.upstream_connections)
        assert [seen.status for seen in observed] == [101]
        await proxy.stop(0)


async def test_the_handshake_and_no_byte_lost(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(request("GET /chat HTTP/1.1", *OFFER) + b"early from the client")
    expected = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Upgrade: websocket", "Connection: Upgrade"]
    assert without_added(seen)[2:] == expected
    upstream.send(SWITCH + b"early from the server")
    assert lines_of(await client.head()) == [
        "HTTP/1.1 101 Switching Protocols",
        "Sec-WebSocket-Accept: x",
        "Connection: Upgrade",
        "Upgrade: WebSocket",
    ]
    assert await client.exactly(21) == b"early from the server"
    assert await upstream.exactly(21) == b"early from the client"
    client.send(b"GET / HTTP/1.1\r\n\r\n")  # only bytes now
    assert await upstream.exactly(18) == b"GET / HTTP/1.1\r\n\r\n"
    client.end()
    assert await upstream.rest() == b""
    upstream.send(b"last words")
    assert await client.exactly(10) == b"last words"
    upstream.end()
    assert await client.rest() == b""
    await eventually(lambda: bool(scene.observed))
    [seen_exchange] = scene.observed
    assert (seen_exchange.status, seen_exchange.request_bytes, seen_exchange.response_bytes) == (101, 39, 31)


@pytest.mark.parametrize("side", ["client", "upstream"])
async def test_a_reset_ends_the_other_side(scene: Scene, side: str) -> None:
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    (client if side == "client" else upstream).reset()
    assert await (upstream if side == "client" else client).ended()
    await eventually(lambda: not scene.proxy.tunnels)


async def test_an_upstream_that_does_not_switch(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER) + request("GET /next HTTP/1.1"))
    upstream.send(response(b"no", status="426 Upgrade Required"))
    assert (await client.message())[1] == b"no"
    assert lines_of(await upstream.head())[0] == "GET /next HTTP/1.1"
    upstream.send(response(b"yes"))
    assert (await client.message())[1] == b"yes"


@pytest.mark.parametrize("protocol", ["h2c", "other", "websocket, other"])
async def test_a_switch_to_something_else_is_refused(scene: Scene, protocol: str) -> None:
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(f"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: {protocol}\r\n\r\n".encode())
    assert (await client.head()).startswith(b"HTTP/1.1 502 ")
    assert await upstream.ended()


@pytest.mark.parametrize(
    ("upgrades", "offered", "forwarded"),
    [
        (("websocket",), "websocket", ["Upgrade: websocket", "Connection: Upgrade"]),
        (("websocket",), "h2c, WebSocket", ["Upgrade: WebSocket", "Connection: Upgrade"]),
        (("websocket",), "printer", []),
        (("printer",), "websocket, printer", ["Upgrade: printer", "Connection: Upgrade"]),
        (("h2c",), "h2c", []),
        ((), "websocket", []),
    ],
)
async def test_a_route_says_which_protocols(opened: Open, upgrades: tuple[str, ...], offered: str, forwarded: list[str]) -> None:
    scene = await opened(routes=(route(stage=Stage.LEGACY, upgrades=upgrades),))
    _, _, seen = await scene.ask(request("GET / HTTP/1.1", "Connection: upgrade", f"Upgrade: {offered}"))
    assert without_added(seen)[2:] == forwarded


async def test_an_old_client_cannot_switch(scene: Scene) -> None:
    _, _, seen = await scene.ask(request("GET / HTTP/1.0", *OFFER))
    assert b"Upgrade" not in seen


async def test_a_tunnel_may_be_quiet(opened: Open) -> None:
    scene = await opened(timeouts=Timeouts(response=0.02, idle=0.02))  # type: ignore[arg-type]
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    deadlines = scene.proxy.deadlines
    later = deadlines.now + 0.1
    await eventually(lambda: deadlines.now > later)
    upstream.send(b"still here")
    assert await client.exactly(10) == b"still here"


async def test_a_slow_end_slows_the_other(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]

    async def flood() -> None:
        for _ in range(500):
            upstream.send(b"x" * 65536)
            await upstream.writer.drain()

    sending = asyncio.create_task(flood())
    [tunnel] = scene.proxy.tunnels
    await eventually(lambda: tunnel._inner.transport.get_write_buffer_size() > 65536)
    for _ in range(200):
        await asyncio.sleep(0)
    assert not sending.done()
    assert tunnel._inner.transport.get_write_buffer_size() < 2**20
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await client.exactly(500 * 65536)) == 500 * 65536
    await sending


async def test_stopping_ends_tunnels_after_the_grace(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    await scene.proxy.stop(0.02)
    assert await client.ended()
    assert await upstream.ended()
    await eventually(lambda: not scene.proxy.tunnels)
