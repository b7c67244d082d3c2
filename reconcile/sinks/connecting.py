"""Connects to addresses that were looked at, never to a name: what it leads to could change after the look.

Below httpx's client, which would keep cookies and follow what it is told, and whose pool looks at all its connections for every
request: here each is a transport of its own, and whoever comes takes the one that was used last.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Mapping

import httpx

from reconcile.sinks.addresses import objection

_KNOWN = 10.0  # seconds for which a name's addresses are remembered


class ForbiddenError(Exception):
    """The name leads where nothing is sent to."""


class Connecting:
    """Sends requests to one host. The host's name stays what TLS verifies and what the `Host` header says.

    Args:
        idle: seconds for which a connection that nobody uses is kept.

    Raises ValueError at once for an address that nothing is sent to.
    """

    def __init__(self, url: httpx.URL, trust: ssl.SSLContext, idle: float) -> None:
        self._host, self._port = url.host, url.port or (443 if url.scheme == "https" else 80)
        if why := _literal(self._host):
            raise ValueError(f"{self._host} is {why}: events are never sent there")
        self._trust = trust
        self._limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=idle)
        self._idle = idle
        self._free: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()  # since when, in the loop's time; the oldest first
        self._addresses: list[str] = []
        self._until = 0.0

    async def ask(self, request: httpx.Request, most: int) -> tuple[httpx.Response, bytes]:
        """The answer, and how its body begins; if that has more than `most` bytes, the rest is left, and the connection closed.

        Raises ForbiddenError, and what httpx raises.
        """
        await self._prune()
        transport = self._free.pop()[0] if self._free else self._new()
        try:
            answer = await self._connected(transport, request)
            try:
                body = await _beginning(answer, most)
            finally:
                await answer.aclose()
        except BaseException:
            await transport.aclose()
            raise
        self._free.append((transport, asyncio.get_running_loop().time()))
        return answer, body

    async def close(self) -> None:
        while self._free:
            await self._free.pop()[0].aclose()

    async def _prune(self) -> None:
        """Let go of what nobody has used for long: after a storm most of it."""
        past = asyncio.get_running_loop().time() - self._idle
        while self._free and self._free[0][1] < past:
            await self._free.popleft()[0].aclose()

    def _new(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=self._trust, trust_env=False, limits=self._limits)

    async def _connected(self, transport: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        addresses = await self._look_up()
        patience = _shared(request.extensions["timeout"], len(addresses))
        for address in addresses[:-1]:
            try:
                return await transport.handle_async_request(self._addressed(request, address, patience))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        try:
            return await transport.handle_async_request(self._addressed(request, addresses[-1], patience))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._until = 0.0  # it may have moved
            raise

    def _addressed(self, request: httpx.Request, address: str, patience: Mapping[str, float | None]) -> httpx.Request:
        # httpx has no public seam for how it connects; what it is given is an address, and beside it the name that TLS means.
        extensions = {**request.extensions, "sni_hostname": self._host, "timeout": patience}
        url = request.url.copy_with(host=address)
        return httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=extensions)

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


async def _beginning(answer: httpx.Response, most: int) -> bytes:
    said = b""
    async for part in answer.stream:  # type: ignore[union-attr]
        said += part
        if len(said) > most:
            break
    return said


def _shared(patience: Mapping[str, float | None], among: int) -> dict[str, float | None]:
    """How long each step may take, where several addresses are tried one after the other."""
    connect = patience["connect"]
    return {**patience, "connect": connect and connect / among}


def _literal(host: str) -> str:
    try:
        return objection(host)
    except ValueError:
        return ""  # a name
