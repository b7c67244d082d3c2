"""WebSocket over TLS: clients that speak HTTP/2 open a connection with HTTP/1.1 for it, on the same address."""

from __future__ import annotations

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from strangler.core.capabilities import CAPABILITIES
from tests.e2e.proxy.certificates import Certificates
from tests.e2e.proxy.conftest import Open


@pytest.mark.parametrize("engine", CAPABILITIES)
async def test_messages_both_ways(opened: Open, certificates: Certificates, engine: str) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    scene = await opened(engine=engine, tls=certificates.issue())
    await scene.legacy.close()
    async with (
        serve(echo, "127.0.0.1", scene.legacy.port, max_size=2**24),
        connect(f"wss://shop.example:{scene.port}/chat", host="127.0.0.1", ssl=certificates.client, max_size=2**24) as websocket,
    ):
        for message in ("words", b"\0\1\2", "x" * 2**20):
            await websocket.send(message)
            assert await websocket.recv() == message
