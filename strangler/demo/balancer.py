"""The load balancer before the new services: a new build is started beside the old one, and then everybody comes to it."""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from contextlib import suppress

CHUNK = 65_536


class Balancer:
    """Passes bytes on to one address.

    Attributes:
        to: ``(host, port)`` for new connections.
    """

    def __init__(self) -> None:
        self.to = ("127.0.0.1", 0)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> None:
        """Listen. Raises OSError."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, backlog=512)

    async def close(self) -> None:
        """Cut what is connected, and be gone."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            with suppress(OSError):
                there, back = await asyncio.open_connection(*self.to)
                try:
                    await _until_one_ends(_pump(reader, back), _pump(there, writer))
                finally:
                    back.close()
        finally:
            writer.close()


async def _until_one_ends(*pumps: Coroutine[None, None, None]) -> None:
    tasks = [asyncio.create_task(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _pump(reader: StreamReader, writer: StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
