"""Both ends of a conversation with the proxy, byte by byte: a scripted upstream and a raw client.

A test waits for bytes, for the end of a connection, or for a condition that the loop brings about, never for a time to
pass. All waits are bounded, so that a proxy that hangs fails the test instead of stopping the run.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable

PATIENCE = 10.0  # seconds until a wait is given up


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)

    async def drain(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.writer.drain()

    async def head(self) -> bytes:
        """Up to and with the empty line."""
        return await self.until(b"\r\n\r\n")

    async def until(self, marker: bytes) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readuntil(marker)

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.readexactly(count)

    async def some(self) -> bytes:
        """What has come, at least a byte."""
        async with asyncio.timeout(PATIENCE):
            data = await self.reader.read(2**20)
        assert data, "the other side has closed"
        return data

    async def rest(self) -> bytes:
        """Everything until the other side closes."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read()

    async def ended(self) -> bool:
        """Whether the other side closes or resets without another byte."""
        try:
            return await self.rest() == b""
        except ConnectionError:
            return True

    async def message(self) -> tuple[bytes, bytes]:
        """One message with Content-Length, chunked or no body: its head, and its body as it was coded."""
        head = await self.head()
        return head, await self.body(head)

    async def body(self, head: bytes) -> bytes:
        lower = head.lower()
        if b"\r\ntransfer-encoding: chunked" in lower:
            return await self._chunks()
        if b"\r\ncontent-length: " in lower:
            return await self.exactly(int(lower.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]))
        return b""

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(line := await self.until(b"\r\n"), 16):
            body += line + await self.exactly(size + 2)
        body += line
        while line != b"\r\n":
            line = await self.until(b"\r\n")
            body += line
        return body

    async def close(self) -> None:
        self.writer.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self.writer.wait_closed()
        except (ConnectionError, TimeoutError):
            pass

    def end(self) -> None:
        """Close the writing side only."""
        self.writer.write_eof()

    def reset(self) -> None:
        """Have the other side see a reset."""
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Upstream:
    """A server whose connections the test answers itself, in the order in which they come.

    Args:
        context: to speak TLS with.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._server: asyncio.Server
        self._context = context
        self._waiting: asyncio.Queue[Wire] = asyncio.Queue()
        self.wires: list[Wire] = []
        self.port = 0

    async def open(self) -> Upstream:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=2**22, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        self.wires.append(wire)
        self._waiting.put_nowait(wire)

    async def accept(self) -> Wire:
        """The next connection."""
        async with asyncio.timeout(PATIENCE):
            return await self._waiting.get()

    @property
    def untouched(self) -> bool:
        """Whether nobody has connected whom the test does not know."""
        return self._waiting.empty()

    async def close(self) -> None:
        self._server.close()
        while self.wires:
            await self.wires.pop().close()


async def dial(port: int, context: ssl.SSLContext | None = None, name: str | None = None) -> Wire:
    """A raw client; with TLS, one that asks for `name`."""
    return Wire(*await asyncio.open_connection("127.0.0.1", port, limit=2**22, ssl=context, server_hostname=name))


async def eventually(condition: Callable[[], bool]) -> None:
    """Give the loop its turns until `condition` holds."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)


def request(line: str = "GET / HTTP/1.1", *headers: str, host: str = "shop.example", body: bytes = b"") -> bytes:
    """A request with a Host header."""
    lines = [line, f"Host: {host}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def response(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """A response with a Content-Length."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode("latin-1") + body


def lines_of(head: bytes) -> list[str]:
    """The lines of a head, without the empty one."""
    return head.decode("latin-1").rstrip("\r\n").split("\r\n")


# What the proxy adds to every request: the tests look at the rest, and at these in one place.
ADDED = ("x-forwarded-for:", "x-forwarded-proto:", "x-forwarded-host:", "forwarded:", "x-request-id:")


def without_added(head: bytes) -> list[str]:
    """The lines of a forwarded request that came from the client."""
    return [line for line in lines_of(head) if not line.lower().startswith(ADDED)]
