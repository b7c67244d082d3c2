"""A child's end of the link: hears the supervisor, and dies with it.

A supervisor that was killed leaves no orphan, and its children get no grace. Workers that went on would serve under nobody's
control, with a table that no flip can reach any more, on an address that the next start needs. Whoever stops Strangler
with SIGTERM has all the grace there is. On Linux the kernel does it, whatever the child is doing, even if it is stopped;
elsewhere the end of the link does.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
from typing import Any, cast

from strangler.control.frames import FrameError, Frames, Head, encode

_SET_DEATH_SIGNAL, _SET_NAME = 1, 15  # prctl(2)
_NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # a terminal and a service manager send these to all processes

Settings = dict[str, Any]


def begin() -> Settings:
    """Tie this process to its supervisor; the settings it was started with."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    for number in _NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_SET_NAME, f"strangler {name.replace('worker ', 'w')}"[:15].encode(), 0, 0, 0)
    if os.getppid() != settings["parent"]:  # it died before the kernel was told
        os._exit(1)
    return dict(settings)


def say_and_end(settings: Settings, head: Head, body: bytes = b"") -> None:
    """All that a child without a loop has to say."""
    with socket.socket(fileno=settings["link"]) as link:
        link.sendall(encode(head, body))


class Lifeline(asyncio.Protocol):
    """Frames from and to the supervisor. Made by `open`."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._heard: asyncio.Queue[tuple[Head, bytes]] = asyncio.Queue()
        self._transport: asyncio.Transport
        self._leaving = False

    @classmethod
    async def open(cls, settings: Settings) -> Lifeline:
        loop = asyncio.get_running_loop()
        _, lifeline = await loop.create_unix_connection(cls, sock=socket.socket(fileno=settings["link"]))
        return lifeline

    async def hear(self) -> tuple[Head, bytes]:
        """The next frame."""
        return await self._heard.get()

    def say(self, head: Head) -> None:
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
