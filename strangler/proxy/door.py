"""One address that clients connect to: how it is bound, whom it trusts, how many it lets in."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from strangler.core.errors import UnreachableError, UsageError
from strangler.core.model import Address, Listener
from strangler.core.streams import MakeCodec
from strangler.proxy.forwarded import Peer, peer_of

BACKLOG = 1024


class Door:
    """A listener at work.

    Args:
        context: to speak TLS with; None for plain HTTP.
        sock: a socket that listens already and belongs to whoever made it, with its file; None: the door makes its own.
        codec: makes what speaks HTTP/2 to those clients that do; None: nothing does.

    Attributes:
        context, limits, networks: for clients that come from now on; those who are there keep theirs.
        open: client connections there are now.
        address: where it really listens (a port 0 has become a port).
    """

    def __init__(
        self,
        listener: Listener,
        context: ssl.SSLContext | None = None,
        sock: socket.socket | None = None,
        codec: MakeCodec | None = None,
    ) -> None:
        if listener.engine != "native" and codec is None:
            raise UsageError(f"listen {listener.address}: nothing here speaks what engine {listener.engine} does")
        self.address = listener.address
        self.use(listener, context)
        self.open = 0
        self.codec = codec
        self._sock = sock
        self._server: asyncio.AbstractServer | None = None

    def use(self, listener: Listener, context: ssl.SSLContext | None) -> None:
        """Receive clients as `listener` says; its address stays what it was."""
        self.context = context
        self.limits = listener.limits
        self.networks = listener.trusted_proxies

    @property
    def full(self) -> bool:
        return self.open > self.limits.connections

    def peer(self, address: object) -> Peer:
        """Who is at the other end of a connection with this ``peername``."""
        return peer_of(address, self.networks)

    async def listen(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Accept connections from now on. Raises UnreachableError if the address cannot be bound."""
        loop = asyncio.get_running_loop()
        address = self.address
        try:
            if self._sock is not None:
                create = loop.create_unix_server if address.unix else loop.create_server
                self._server = await create(protocol, sock=self._sock, backlog=BACKLOG)
                return
            if address.unix:
                _refuse_if_alive(address.unix)
                self._server = await loop.create_unix_server(protocol, address.unix, backlog=BACKLOG)
                return
            server = self._server = await loop.create_server(protocol, address.host, address.port, backlog=BACKLOG)
        except OSError as error:
            raise UnreachableError(_in_words(address, error)) from None
        self.address = Address(address.host, server.sockets[0].getsockname()[1])

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
            if self.address.unix and self._sock is None:
                _remove(self.address.unix)


def _refuse_if_alive(path: str) -> None:
    """A socket file that nobody listens on is left over and will be replaced; one that somebody does is taken."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _in_words(address: Address, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{address} is in use: stop what listens there, or change listen.address"
    if error.errno == errno.EACCES:
        return f"{address} may not be bound: take a port from 1024 up, or give the process the right to"
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"{address} is not an address of this machine: change listen.address"
    return f"{address} cannot be bound: {os.strerror(error.errno) if error.errno else error}"
