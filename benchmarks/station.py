"""An upstream for connections that stay: /events sends one event at once and then one every so often, an Upgrade becomes an
echo, everything else gets the fixed answer.

python -m benchmarks.station PORT SECONDS_BETWEEN_EVENTS
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from typing import cast

import uvloop

from benchmarks.upstream import ANSWER

EVENT = b"data: " + b"x" * 120 + b"\n\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
_CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_SLICE = 0.02  # seconds of listeners that are served at once, so that they do not all come together


class Connection(asyncio.Protocol):
    """One connection. Requests have no body."""

    __slots__ = ("_listeners", "_rest", "_switched", "transport")

    def __init__(self, listeners: deque[Connection]) -> None:
        self._listeners = listeners
        self._rest = b""
        self._switched = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._switched:
            self.transport.write(data)
            return
        *heads, self._rest = (self._rest + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head.lower())

    def _answer(self, head: bytes) -> None:
        if b"\r\nupgrade: " in head:
            self._switched = True
            self.transport.write(SWITCH)
        elif head.startswith(b"get /events "):
            self._listeners.append(self)
            self.transport.write(_STREAM + _CHUNK)
        else:
            self.transport.write(ANSWER)


async def _send_events(listeners: deque[Connection], every: float) -> None:
    """Go round the listeners, each in its turn once in `every` seconds."""
    due = 0.0
    while True:
        await asyncio.sleep(_SLICE)
        due += len(listeners) * _SLICE / every
        while due >= 1:
            due -= 1
            listener = listeners.popleft()
            if not listener.transport.is_closing():
                listener.transport.write(_CHUNK)
                listeners.append(listener)


async def _serve(port: int, every: float) -> None:
    listeners: deque[Connection] = deque()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(listeners), "127.0.0.1", port, backlog=1024)
    await asyncio.gather(server.serve_forever(), _send_events(listeners, every))


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
