"""Sends requests to one system and observes what comes back. A failure is an observation, too; no redirect is followed."""

from __future__ import annotations

import asyncio
import ssl
import sys
from contextlib import suppress
from hashlib import blake2b
from importlib.util import find_spec
from time import perf_counter
from typing import Any

import httpx

from strangler.control.replaying.asking import Asked
from strangler.control.replaying.targets import Target
from strangler.core.model import SAFE_METHODS, Timeouts
from strangler.core.observation import Observation

# Labels of failures, as the proxy has them.
CONNECT_FAILED, CONNECT_TIMEOUT, RESPONSE_TIMEOUT = "connect_failed", "connect_timeout", "response_timeout"
RESET, BAD_RESPONSE, STREAM = "upstream_reset", "bad_response", "stream"

if "sniffio" not in sys.modules and find_spec("sniffio") is None:
    # httpcore imports it several times for each request, and a search for what is not there takes longer than the request.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

_LABELS: tuple[tuple[type[Exception], str], ...] = (
    (httpx.ConnectTimeout, CONNECT_TIMEOUT),
    (httpx.TimeoutException, RESPONSE_TIMEOUT),
    (TimeoutError, RESPONSE_TIMEOUT),
    (httpx.ConnectError, CONNECT_FAILED),
    (httpx.NetworkError, RESET),
    (httpx.ProtocolError, BAD_RESPONSE),
)


class Sender:
    """Connections to one system.

    Args:
        connections: that may be open at once.

    Attributes:
        silent: requests in a row that it gave no whole answer to.
        hangs: whether the last of them waited for nothing.
    """

    hangs = False

    def __init__(self, target: Target, connections: int) -> None:
        self.target = target
        self.silent = 0
        self._timeouts = target.upstream.timeouts
        verify: Any = False
        if target.upstream.url.scheme == "https":
            verify = ssl.create_default_context(cafile=target.upstream.ca or None)
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=15)
        self._transport = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)

    async def close(self) -> None:
        """End all connections."""
        await self._transport.aclose()

    async def reach(self) -> str:
        """Why the system cannot be reached; "" if it can."""
        url = self.target.upstream.url
        try:
            async with asyncio.timeout(self._timeouts.connect):
                _, writer = await asyncio.open_connection(url.host, url.port)
        except TimeoutError:
            return "no connection in time"
        except OSError as error:
            return _why(error)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        return ""

    async def send(self, asked: Asked, most: int) -> Observation:
        """What the system answers.

        Args:
            most: bytes of a body that is kept; of a larger one its digest is.
        """
        fresh = _Fresh()
        seen = await self._observe(asked, most, fresh)
        if seen.failure in (RESET, BAD_RESPONSE) and not fresh.opened and asked.method in SAFE_METHODS:
            # An idle connection that was closed in the moment it was used again says nothing about the system.
            seen = await self._observe(asked, most, fresh)
        self.silent = self.silent + 1 if seen.failure else 0
        self.hangs = seen.failure in (RESPONSE_TIMEOUT, CONNECT_TIMEOUT)
        return seen

    async def _observe(self, asked: Asked, most: int, fresh: _Fresh) -> Observation:
        began = perf_counter()
        try:
            return await self._exchange(asked, most, fresh)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Observation(0, failure=_label(error), duration=perf_counter() - began)

    async def _exchange(self, asked: Asked, most: int, fresh: _Fresh) -> Observation:
        began = perf_counter()
        async with asyncio.timeout(_longest(self._timeouts)):
            response = await self._transport.handle_async_request(self._request(asked, fresh))
            first = perf_counter() - began
            try:
                kept, size, digest = await _body(response, most)
            finally:
                await response.aclose()
        headers = tuple((bytes(name), bytes(value)) for name, value in response.headers.raw)
        took = perf_counter() - began
        if kept is None:
            return Observation(0, failure=STREAM, first_byte=first, duration=took)
        return Observation(response.status_code, headers, kept, size, digest, first_byte=first, duration=took)

    def _request(self, asked: Asked, fresh: _Fresh) -> httpx.Request:
        limits = self._timeouts
        timeout = {"connect": limits.connect, "read": limits.response, "write": limits.response, "pool": None}
        extensions = {"timeout": timeout, "target": asked.target, "trace": fresh.note}
        headers = [(b"Host", asked.host), *asked.headers]
        body = asked.body if asked.body or asked.method not in SAFE_METHODS else None
        return httpx.Request(asked.method, str(self.target.upstream.url), headers=headers, content=body, extensions=extensions)


class _Fresh:
    """Notes whether a connection was opened for a request, or one was used again."""

    def __init__(self) -> None:
        self.opened = False

    async def note(self, event: str, _: object) -> None:
        self.opened = self.opened or event.startswith("connection.connect")


async def _body(response: httpx.Response, most: int) -> tuple[bytes | None, int, bytes]:
    """The body, its size, and its digest if it is too large to be kept; None for a stream that does not end."""
    if response.headers.get("content-type", "").lower().startswith("text/event-stream"):
        return None, 0, b""
    pieces: list[bytes] = []
    size, digest = 0, blake2b(digest_size=16)
    async for piece in response.aiter_raw():
        size += len(piece)
        digest.update(piece)
        if size <= most:
            pieces.append(piece)
        else:
            pieces.clear()
    return (b"", size, digest.digest()) if size > most else (b"".join(pieces), size, b"")


def _longest(timeouts: Timeouts) -> float:
    """Seconds for a whole exchange: an answer that trickles for ever must not hold up the run."""
    return timeouts.connect + 2 * timeouts.response + timeouts.idle


def _label(error: Exception) -> str:
    return next((label for kind, label in _LABELS if isinstance(error, kind)), RESET)


def _why(error: OSError) -> str:
    text = error.strerror or str(error)
    return text if "Connect call failed" not in text else "connection refused"
