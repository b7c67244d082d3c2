"""The load balancer of the demo: bytes both ways, and a new build for new connections while old ones go on."""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

from strangler.demo.balancer import Balancer
from strangler.demo.workspace import free_ports


def answering(word: bytes) -> Callable[[StreamReader, StreamWriter], Awaitable[None]]:
    async def serve(reader: StreamReader, writer: StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(word + b" " + line)
        writer.close()

    return serve


async def build(word: bytes) -> tuple[asyncio.Server, tuple[str, int]]:
    server = await asyncio.start_server(answering(word), "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()


async def said(reader: StreamReader, writer: StreamWriter, line: bytes) -> bytes:
    writer.write(line)
    return await reader.readline()


async def test_new_connections_meet_the_new_build_and_old_ones_go_on() -> None:
    (port,) = free_ports(1)
    (one, first), (two, second) = await build(b"one"), await build(b"two")
    balancer = Balancer()
    balancer.to = first
    await balancer.open(port)
    before = await asyncio.open_connection("127.0.0.1", port)
    assert await said(*before, b"a\n") == b"one a\n"
    balancer.to = second
    after = await asyncio.open_connection("127.0.0.1", port)
    assert await said(*after, b"b\n") == b"two b\n"
    assert await said(*before, b"c\n") == b"one c\n"
    await balancer.close()
    assert await after[0].read() == b""
    for server, (_, writer) in ((one, before), (two, after)):
        writer.close()
        server.close()


async def test_nobody_behind_it_is_an_end_and_no_error() -> None:
    port, nobody = free_ports(2)
    balancer = Balancer()
    balancer.to = ("127.0.0.1", nobody)
    await balancer.open(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    await balancer.close()
