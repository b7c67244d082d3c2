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
from typing import Any

import httpx

from reconcile.sinks.addresses import objection

_KNOWN = 10.0  # seconds for which a name's addresses are remembered

Patience = Mapping[str, float | None]  # seconds that each step may take, as httpx names them


class ForbiddenError(Exception):
    """The name leads where nothing is sent to."""


class Connecting:
    """Sends requests to one host. The host's name stays what TLS verifies and what the `Host` header says.

    Args:
        idle: seconds for which a connection that nobody uses is kept.

    Raises ValueError at once for an address that nothing is sent to.
    """

    def __init__(self, url: httpx.URL, trust: ssl.SSLContext, idle: float) -> None:
        self._url, self._host, self._port = url, url.host, url.port or (443 if url.scheme == "https" else 80)
        if why := _literal(self._host):
            raise ValueError(f"{self._host} is {why}: events are never sent there")
        self._trust = trust
        self._limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=idle)
        self._idle = idle
        self._free: deque[tuple[httpx.AsyncHTTPTransport, float]] = deque()  # since when, in the loop's time; the oldest first
        self._addressed: list[httpx.URL] = []  # the address, with what its name leads to in the name's place
        self._until = 0.0

    async def post(self, headers: Mapping[str, str], body: bytes, patience: Patience, most: int) -> tuple[httpx.Response, bytes]:
        """The answer, and how its body begins; if that has more than `most` bytes, the rest is left, and the connection closed.

        Raises ForbiddenError, and what httpx raises.
        """
        await self._prune()
        transport = self._free.pop()[0] if self._free else self._new()
        try:
            answer = await self._connected(transport, headers, body, patience)
            try:
                said = await _beginning(answer, most)
            finally:
                await answer.aclose()
        except BaseException:
            await transport.aclose()
            raise
        self._free.append((transport, asyncio.get_running_loop().time()))
        return answer, said

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

    async def _connected(
        self, transport: httpx.AsyncHTTPTransport, headers: Mapping[str, str], body: bytes, patience: Patience
    ) -> httpx.Response:
        urls = await self._look_up(patience["connect"])
        # httpx has no public seam for how it connects; what it is given is an address, and beside it the name that TLS means.
        extensions = {"sni_hostname": self._host, "timeout": _shared(patience, len(urls))}
        said = {"host": self._url.netloc.decode(), **headers}
        for url in urls[:-1]:
            try:
                return await transport.handle_async_request(_request(url, said, body, extensions))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        try:
            return await transport.handle_async_request(_request(urls[-1], said, body, extensions))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self._until = 0.0  # it may have moved
            raise

    async def _look_up(self, patience: float | None) -> list[httpx.URL]:
        loop = asyncio.get_running_loop()
        if loop.time() >= self._until:
            try:
                async with asyncio.timeout(patience):
                    addresses = await self._resolved(loop)
            except TimeoutError:
                raise httpx.ConnectTimeout(f"nobody says within {patience:g} s where its name leads") from None
            self._addressed = [self._url.copy_with(host=address) for address in addresses]
            self._until = loop.time() + _KNOWN
        return self._addressed

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


def _request(url: httpx.URL, headers: Mapping[str, str], body: bytes, extensions: dict[str, Any]) -> httpx.Request:
    return httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)


async def _beginning(answer: httpx.Response, most: int) -> bytes:
    said = b""
    async for part in answer.stream:  # type: ignore[union-attr]
        said += part
        if len(said) > most:
            break
    return said


def _shared(patience: Patience, among: int) -> dict[str, float | None]:
    """How long each step may take, where several addresses are tried one after the other."""
    connect = patience["connect"]
    return {**patience, "connect": connect and connect / among}


def _literal(host: str) -> str:
    try:
        return objection(host)
    except ValueError:
        return ""  # a name
