"""Candidates that are no good: ``python -m benchmarks.candidate PORT hang|reset|huge|slow [SECONDS]``.

Each reads whole requests without a body, on connections that are kept. What a proxy does with clients while its candidate is
like this is what `benchmarks.shadow` measures.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import Callable
from typing import cast

import uvloop

from benchmarks.upstream import ANSWER

HUGE = 10_000_000  # bytes
_HUGE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % HUGE + b" " * HUGE
_RESET = struct.pack("ii", 1, 0)  # to linger for no time at all: closing then resets (socket(7))


class Candidate(asyncio.Protocol):
    """One connection; `answer` is what becomes of a request."""

    def __init__(self, answer: Callable[[asyncio.Transport], None]) -> None:
        self._answer = answer
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for _ in heads:
            self._answer(self._transport)


def hang(transport: asyncio.Transport) -> None:
    """Never answers."""


def reset(transport: asyncio.Transport) -> None:
    """Resets the connection."""
    cast(socket.socket, transport.get_extra_info("socket")).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def huge(transport: asyncio.Transport) -> None:
    """Answers more than anybody wants to keep."""
    transport.write(_HUGE)


def slow(seconds: float) -> Callable[[asyncio.Transport], None]:
    """Answers rightly, after so long."""

    def later(transport: asyncio.Transport) -> None:
        asyncio.get_running_loop().call_later(seconds, transport.write, ANSWER)

    return later


MODES: dict[str, Callable[[asyncio.Transport], None]] = {"hang": hang, "reset": reset, "huge": huge}


async def _serve(port: int, answer: Callable[[asyncio.Transport], None]) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Candidate(answer), "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    mode = sys.argv[2]
    uvloop.run(_serve(int(sys.argv[1]), slow(float(sys.argv[3])) if mode == "slow" else MODES[mode]))
