"""Connects to addresses that were looked at, never to a name: what it leads to could change after the look."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping

import httpx

from reconcile.sinks.addresses import objection

_KNOWN = 10.0  # seconds for which a name's addresses are remembered


class ForbiddenError(Exception):
    """The name leads where nothing is sent to."""


class Connecting(httpx.AsyncBaseTransport):
    """Sends requests to one host. The host's name stays what TLS verifies and what the `Host` header says.

    Raises ValueError at once for an address that nothing is sent to.
    """

    def __init__(self, url: httpx.URL, trust: ssl.SSLContext, idle: float) -> None:
        self._host, self._port = url.host, url.port or (443 if url.scheme == "https" else 80)
        if why := _literal(self._host):
            raise ValueError(f"{self._host} is {why}: events are never sent there")
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=idle)
        self._inner = httpx.AsyncHTTPTransport(verify=trust, trust_env=False, limits=limits)
        self._addresses: list[str] = []
        self._until = 0.0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises ForbiddenError, and what httpx raises."""
        addresses = await self._look_up()
        patience = _shared(request.extensions.get("timeout", {}), len(addresses))
        for address in addresses[:-1]:
            try:
                return await self._ask(request, address, patience)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        try:
            return await self._ask(request, addresses[-1], patience)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._until = 0.0  # it may have moved
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _ask(self, request: httpx.Request, address: str, patience: Mapping[str, float | None]) -> httpx.Response:
        # httpx has no public seam for how it connects; what it is given is an address, and beside it the name that TLS means.
        extensions = {**request.extensions, "sni_hostname": self._host, "timeout": patience}
        url = request.url.copy_with(host=address)
        return await self._inner.handle_async_request(
            httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)
        )

    async def _look_up(self) -> list[str]:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until:
            self._addresses = await self._resolved(loop)
            self._until = loop.time() + _KNOWN
        return self._addresses

    async def _resolved(self, loop: asyncio.AbstractEventLoop) -> list[str]:
        try:
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise httpx.ConnectError(f"its name leads nowhere: {error}") from error
        addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        allowed = [address for address in addresses if not objection(address)]
        if not allowed:
            raise ForbiddenError(f"{self._host} leads to {addresses[0]}, {objection(addresses[0])}: events are never sent there")
        return allowed


def _shared(patience: Mapping[str, float | None], among: int) -> dict[str, float | None]:
    """How long each step may take, where several addresses are tried one after the other."""
    connect = patience.get("connect")
    return {**patience, "connect": connect and connect / among}


def _literal(host: str) -> str:
    try:
        return objection(host)
    except ValueError:
        return ""  # a name
