"""A child's end of the link, on its event loop: frames from the supervisor, and to it."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import cast

from strangler.control.frames import FrameError, Frames, Head, encode
from strangler.control.lifeline import Settings


class Line(asyncio.Protocol):
    """Made by `open`. When the supervisor has gone, so has this process."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._heard: asyncio.Queue[tuple[Head, bytes]] = asyncio.Queue()
        self._transport: asyncio.Transport
        self._leaving = False

    @classmethod
    async def open(cls, settings: Settings) -> Line:
        loop = asyncio.get_running_loop()
        _, line = await loop.create_unix_connection(cls, sock=socket.socket(fileno=settings["link"]))
        return line

    async def hear(self) -> tuple[Head, bytes]:
        """The next frame."""
        return await self._heard.get()

    def say(self, head: Head) -> None:
        """Unless it has left: what comes round on a timer may come once more."""
        if not self._leaving:
            self._transport.write(encode(head))

    async def leave(self) -> None:
        """Say no more: the process is about to end."""
        self._leaving = True
        self._transport.close()
        await asyncio.sleep(0)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                self._heard.put_nowait(frame)
        except FrameError:
            self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._leaving:
            os._exit(1)
