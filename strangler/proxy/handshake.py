"""A client on its way in: it has connected to an address with TLS, and is nobody until the handshake is done.

ALPN says in which protocol it goes on (RFC 7301). It counts as a connection of its door, it has as long as for the head of a
request, and whatever it sends that is not TLS closes it: there is no way to tell it why that it could read.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, cast

from strangler.proxy import reasons
from strangler.proxy.client import ClientConnection
from strangler.proxy.multiplexed import Multiplexed
from strangler.proxy.secured import Secured, secure

if TYPE_CHECKING:
    from strangler.proxy.door import Door
    from strangler.proxy.proxy import Proxy


class Handshake(asyncio.Protocol):
    """One client that has not become a `ClientConnection` yet."""

    __slots__ = ("_context", "_door", "_early", "_proxy", "_task")

    def __init__(self, proxy: Proxy, door: Door, context: ssl.SSLContext) -> None:
        self._proxy = proxy
        self._door = door
        self._context = context
        self._early = b""
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        raw = cast(asyncio.Transport, transport)
        self._door.open += 1
        self._proxy.handshakes.add(self)
        if self._door.full:
            self._proxy.counters.refusals[reasons.TOO_MANY_CONNECTIONS.label] += 1
            raw.abort()
            self._leave()
            return
        self._task = asyncio.get_running_loop().create_task(self._shake(raw))

    def data_received(self, data: bytes) -> None:
        """The loop reads at once, the handshake begins a round later."""
        self._early += data

    def abort(self) -> None:
        """Give up."""
        if self._task is not None:
            self._task.cancel()

    async def _shake(self, raw: asyncio.Transport) -> None:
        client = ClientConnection(self._proxy, self._door)
        try:
            seconds = float(self._door.limits.header_timeout)
            transport = await secure(raw, client, self._context, timeout=seconds, early=self._early)
        except OSError:
            self._proxy.counters.refusals[reasons.TLS_HANDSHAKE.label] += 1
        except Exception as error:
            self._proxy.fault(error)
            raw.abort()
        else:
            self._door.open -= 1  # it counts as a client from here on
            self._taker(transport, client).connection_made(transport)
            self._door.open += 1
        finally:
            self._leave()

    def _taker(self, transport: Secured, client: ClientConnection) -> asyncio.Protocol:
        if self._door.codec is None or transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            return client
        multiplexed = Multiplexed(self._proxy, self._door, self._door.codec)
        transport.set_protocol(multiplexed)
        return multiplexed

    def _leave(self) -> None:
        self._door.open -= 1
        self._proxy.handshakes.discard(self)
        self._proxy.tell_empty()
