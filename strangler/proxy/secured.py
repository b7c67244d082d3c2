"""A connection with TLS, which behaves like one without wherever it can, so that nobody else needs to know.

The event loop's own TLS transport differs in three ways that matter here. It goes on reading the socket while its reader
pauses, and then an end of the connection throws away what has been read and not been taken: here both are paused. It
counts only its own part of what is not written yet: here all of it is counted. And it cannot close one direction: there
`can_write_eof` says so.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable
from typing import Any, cast

HIGH_WATER = 64 * 1024  # bytes that wait to be encrypted, as for connections without TLS; the loop's default is 512 KiB
# Seconds for the other side to say that it closes too. Connections with a deadline leave earlier, others may still have
# much to write.
SHUTDOWN = 600.0


async def secure(
    raw: asyncio.Transport,
    protocol: asyncio.Protocol,
    context: ssl.SSLContext,
    *,
    timeout: float,
    server_hostname: str | None = None,
    early: bytes = b"",
) -> Secured:
    """Shake hands, as the client if `server_hostname` names the server, and read for `protocol` from then on.

    `early` is what has been read already. To call the protocol's `connection_made` is left to the caller. Raises OSError (an
    SSLError, or the connection went, or `timeout` seconds have passed); then the connection is closed.
    """
    if raw.is_closing():
        raise ConnectionResetError
    loop = asyncio.get_running_loop()
    if early:
        loop.call_soon(_feed, raw, early)  # once `start_tls` has put its own protocol there, and before it begins
    inner = await loop.start_tls(
        raw,
        protocol,
        context,
        server_side=server_hostname is None,
        server_hostname=server_hostname,
        ssl_handshake_timeout=timeout,
        ssl_shutdown_timeout=SHUTDOWN,
    )
    secured = Secured(cast(asyncio.Transport, inner), raw)
    if secured.is_closing():
        raise ConnectionResetError
    return secured


class Secured(asyncio.Transport):
    """The transport. `inner` is the event loop's, on top of `raw`."""

    __slots__ = ("_inner", "_raw")

    def __init__(self, inner: asyncio.Transport, raw: asyncio.Transport) -> None:
        self._inner = inner
        self._raw = raw
        inner.set_write_buffer_limits(HIGH_WATER)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._inner.get_extra_info(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._inner.set_protocol(protocol)

    def is_closing(self) -> bool:
        return self._raw.is_closing() or self._inner.is_closing()

    def close(self) -> None:
        """Write what is left, tell the other side, and throw away what it still sends until it closes too."""
        self._raw.resume_reading()
        self._inner.close()

    def abort(self) -> None:
        self._inner.abort()

    def pause_reading(self) -> None:
        self._inner.pause_reading()
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        self._inner.resume_reading()
        self._raw.resume_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._inner.write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self._inner.writelines(list_of_data)

    def get_write_buffer_size(self) -> int:
        return self._inner.get_write_buffer_size() + self._raw.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        return False


def _feed(raw: asyncio.Transport, data: bytes) -> None:
    """Have the transport's protocol take data as if it came from the socket now."""
    protocol = cast(asyncio.BufferedProtocol, raw.get_protocol())
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        protocol.buffer_updated(taken)
        data = data[taken:]
