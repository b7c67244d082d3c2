"""A mismatch that replication lag may explain: both sides are asked again, control first, once the data has had its time.

What is equal then was not different, only late. Both requests are the ones that were sent before, byte for byte but for what
frames them; both say that they are shadow requests, because nobody waits for the answers. Whoever asks decides when, how many
at once, and how often.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import httpx

from strangler.core.model import Route, Side, Upstream
from strangler.core.observation import Headers, Observation, Pair
from strangler.core.outcome import Outcome
from strangler.evidence.finding import Finding

LAG = "lag"
"""Text of the rule under which a mismatch is ignored that was none the second time."""

_MARKER = b"x-strangler-shadow"
_FRAMING = frozenset(
    (b"connection", b"content-length", b"expect", b"keep-alive", b"te", b"trailer", b"transfer-encoding", b"upgrade")
)


class _Head(NamedTuple):
    method: str
    target: bytes
    headers: Headers


class SecondLook:
    """Asks again. Keeps one client for each upstream, and no connection open; make another one after a reload."""

    def __init__(self) -> None:
        self._clients: dict[tuple[str, str], httpx.AsyncClient] = {}

    async def ask(self, pair: Pair, route: Route, upstreams: Mapping[str, Upstream]) -> Pair | None:
        """The pair with both answers new; None if one of them could not be had, so that the first look stands. Does not raise.

        Also None where control's answer was translated, because what the upstream itself says is something else.
        """
        names = {Side.LEGACY: route.legacy, Side.MODERN: route.modern}
        translated = bool(route.adapt.response.rename or route.adapt.response.python)
        if pair.control_side is Side.MODERN and translated:
            return None
        seen: list[Observation] = []
        for leg, side in zip(pair.legs, (pair.control_side, pair.candidate_side), strict=True):
            upstream = upstreams.get(names[side])
            answer = await self._answer(leg, pair.body, upstream, route) if upstream else None
            if answer is None:
                return None
            seen.append(answer)
        return replace(pair, control=seen[0], candidate=seen[1])

    async def close(self) -> None:
        """Let go of all connections."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.aclose()

    async def _answer(self, leg: bytes, body: bytes, upstream: Upstream, route: Route) -> Observation | None:
        try:
            head = _read(leg)
            async with asyncio.timeout(route.shadow.timeout):
                return await self._exchange(head, body, upstream, route.shadow.max_body)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError):
            return None

    async def _exchange(self, head: _Head, body: bytes, upstream: Upstream, most: int) -> Observation | None:
        request = httpx.Request(
            head.method, str(upstream.url), headers=list(head.headers), content=body or None, extensions={"target": head.target}
        )
        began = perf_counter()
        client = self._client(upstream)
        client.cookies.clear()  # none of them is ever sent, and they would pile up
        response = await client.send(request, stream=True)
        try:
            first_byte = perf_counter() - began
            pieces, size = [], 0
            async for piece in response.aiter_raw():
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    return None
        finally:
            await response.aclose()
        headers = tuple((name, value) for name, value in response.headers.raw)
        duration = perf_counter() - began
        return Observation(response.status_code, headers, b"".join(pieces), size, first_byte=first_byte, duration=duration)

    def _client(self, upstream: Upstream) -> httpx.AsyncClient:
        where = str(upstream.url), upstream.ca
        if where not in self._clients:
            context = ssl.create_default_context(cafile=upstream.ca or None)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            self._clients[where] = httpx.AsyncClient(
                verify=context, trust_env=False, timeout=None, limits=httpx.Limits(max_keepalive_connections=0)
            )
        return self._clients[where]


def settled(first: Finding, second: Finding | None) -> Finding:
    """What counts after the second look: lag, if nothing differed in it, else what was found first."""
    if second is None or second.outcome not in (Outcome.MATCH, Outcome.IGNORED):
        return replace(first, second_look=False)
    return replace(first, outcome=Outcome.IGNORED, causes=(), ignored=((LAG, 1),), example=None, second_look=False)


def _read(leg: bytes) -> _Head:
    """The head of a request as it was sent. Raises ValueError."""
    line, *rest = leg.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, target, _ = line.split(b" ")
    pairs = [(name, value.strip(b" \t")) for name, _, value in (each.partition(b":") for each in rest)]
    kept = [(name, value) for name, value in pairs if name.lower() not in _FRAMING]
    if not any(name.lower() == _MARKER for name, _ in kept):
        kept.append((b"X-Strangler-Shadow", b"1"))
    return _Head(method.decode("ascii"), target, tuple(kept))
