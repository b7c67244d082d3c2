"""Two connections after a 101: bytes go through as they come, each side at the other's pace, each half closed by its own.

TLS cannot close one half: where one side speaks it, the end of either side is the end of both.

No timeout holds here, a WebSocket may be quiet for hours; TCP keep-alive finds the dead.
"""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from strangler.proxy.deadlines import NEVER

if TYPE_CHECKING:
    from strangler.proxy.client import ClientConnection
    from strangler.proxy.passage import Passage
    from strangler.proxy.upstream import UpstreamConnection


class End(asyncio.Protocol):
    """One end. `received` counts its bytes."""

    __slots__ = ("ended", "other", "received", "transport", "tunnel")

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self.tunnel = tunnel
        self.transport = transport
        self.other: End
        self.received = 0
        self.ended = False
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        if not self.other.transport.is_closing():
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.other.ended or not self.tunnel.halves:
            self.tunnel.close()
        elif not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return self.tunnel.halves  # the other half stays open

    def connection_lost(self, exc: Exception | None) -> None:
        self.tunnel.lost(self)

    def pause_writing(self) -> None:
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.other.transport.resume_reading()


class Tunnel:
    """Takes both connections over. `early` is what the upstream sent right after its 101.

    Attributes:
        halves: whether each direction can end by itself.
    """

    def __init__(self, passage: Passage, client: ClientConnection, upstream: UpstreamConnection, early: bytes) -> None:
        self._passage = passage
        self._client = client
        self._upstream = upstream
        self._open = 2
        self.halves = client.transport.can_write_eof() and upstream.transport.can_write_eof()
        self._inner = End(self, client.transport)
        self._outer = End(self, upstream.transport)
        self._inner.other, self._outer.other = self._outer, self._inner
        upstream.deadline = NEVER
        upstream.passage = None
        held = client.become_tunnel()
        client.transport.set_protocol(self._inner)
        upstream.transport.set_protocol(self._outer)
        client.proxy.tunnels.add(self)
        if early:
            self._outer.data_received(early)
        if held:
            self._inner.data_received(held)

    def close(self) -> None:
        """Both sides are done: write what is left, then close."""
        self._inner.transport.close()
        self._outer.transport.close()

    def abort(self) -> None:
        self._inner.transport.abort()
        self._outer.transport.abort()

    def lost(self, end: End) -> None:
        """One connection has gone; the other has nobody to talk to."""
        self._open -= 1
        if self._open:
            end.other.transport.close()
            return
        self._client.proxy.tunnels.discard(self)
        self._passage.tunnel_closed(self._inner.received, self._outer.received)
        self._upstream.connection_lost(None)
        self._client.connection_lost(None)
