"""A line to a server that a test can cut: what is connected breaks, and nothing connects, until it is mended."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_READ = 1 << 16


class Line:
    """Carries bytes between whoever connects to its port and a server. Used within one event loop.

    Args:
        host, port: where the server is.

    Attributes:
        port: the same for good, once it was mended.
        says: something the server says, and what is said instead, just as long (a server that tells its own address, say).
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self.port = 0
        self.says: tuple[bytes, bytes] | None = None
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def mend(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def stall(self) -> None:
        """Connections stay, and nothing comes through, until it flows again, or is cut."""
        self._flows.clear()

    def flow(self) -> None:
        """All that was sent meanwhile comes through, in its order."""
        self._flows.set()

    async def cut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._flows.set()
        for writer in tuple(self._open):
            writer.transport.abort()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._open.add(writer)
        with suppress(OSError):
            there, onwards = await asyncio.open_connection(self._host, self._port)
            self._open.add(onwards)
            if self._server is not None:
                await asyncio.gather(self._pump(reader, onwards, None), self._pump(there, writer, self.says))
            self._drop(onwards)
        self._drop(writer)

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, says: tuple[bytes, bytes] | None) -> None:
        with suppress(OSError):
            while data := await reader.read(_READ):
                await self._flows.wait()
                writer.write(data.replace(*says) if says else data)
                await writer.drain()
        writer.transport.abort()
