"""A client that has just connected to an address without TLS where two protocols are spoken: its first bytes say which.

HTTP/2 begins with bytes that no HTTP/1.1 request can begin with (RFC 9113 section 3.4).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from strangler.core.streams import MakeCodec
from strangler.proxy.client import ClientConnection
from strangler.proxy.multiplexed import Multiplexed

if TYPE_CHECKING:
    from strangler.proxy.door import Door
    from strangler.proxy.proxy import Proxy

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Preface(asyncio.Protocol):
    """One client whose protocol is not known yet. It is an HTTP/1.1 client until its first bytes say otherwise."""

    def __init__(self, proxy: Proxy, door: Door, make: MakeCodec) -> None:
        self._proxy, self._door, self._make = proxy, door, make
        self._client = ClientConnection(proxy, door)
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._client.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._early += data
        if PREFACE.startswith(self._early[: len(PREFACE)]) and not self._door.full:
            if len(self._early) >= len(PREFACE):
                self._become_multiplexed()
            return
        self._transport.set_protocol(self._client)
        self._client.data_received(self._early)

    def _become_multiplexed(self) -> None:
        self._proxy.leave(self._client)
        multiplexed = Multiplexed(self._proxy, self._door, self._make)
        self._transport.set_protocol(multiplexed)
        multiplexed.connection_made(self._transport)
        multiplexed.data_received(self._early)

    def eof_received(self) -> bool:
        return self._client.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._client.connection_lost(exc)

    def pause_writing(self) -> None:
        self._client.pause_writing()

    def resume_writing(self) -> None:
        self._client.resume_writing()
