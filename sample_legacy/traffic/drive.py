"""Letting people loose on a server, and noting what they got."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from sample_legacy import facts
from sample_legacy.traffic.people import Action, Person

_TIMEOUT = 30.0


class Unreachable(Exception):
    """Nothing listens where the traffic should go."""


@dataclass(frozen=True, slots=True)
class Result:
    """One action and its answer; ``status`` is None where there was none, and ``error`` says why."""

    user: str
    action: Action
    status: int | None
    seconds: float
    size: int
    error: str = ""


@dataclass(slots=True)
class Summary:
    """What came of it all; latencies leave out feeds and sockets, which last as long as they are meant to."""

    seconds: float = 0.0
    requests: int = 0
    errors: int = 0
    by_class: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """Count one result."""
        self.requests += 1
        if result.status is None:
            self.errors += 1
            return
        self.by_class[f"{result.status // 100}xx"] += 1
        if result.action.kind == "http":
            self.latencies.append(result.seconds)

    def percentile(self, percent: int) -> float:
        """In milliseconds: the smallest latency that so many percent do not exceed."""
        ranked = sorted(self.latencies)
        return ranked[max(0, -(-len(ranked) * percent // 100) - 1)] * 1000 if ranked else 0.0

    def as_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        return {
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "status": dict(sorted(self.by_class.items())),
            "errors": self.errors,
            "p50_ms": round(self.percentile(50), 1),
            "p95_ms": round(self.percentile(95), 1),
        }

    def __str__(self) -> str:
        classes = ", ".join(f"{count} {name}" for name, count in sorted(self.by_class.items())) or "no answer"
        latency = f"p50 {self.percentile(50):.1f} ms, p95 {self.percentile(95):.1f} ms"
        return f"{self.requests} requests in {self.seconds:.1f} s: {classes}, {self.errors} errors; {latency}"


async def drive(
    url: str,
    seed: int = facts.DEFAULT_SEED,
    *,
    seconds: float | None = None,
    requests: int | None = None,
    rate: float = 20.0,
    users: int = 8,
    writes: bool = True,
    customers: int = facts.DEFAULT_CUSTOMERS,
    on_result: Callable[[Result], None] | None = None,
    stop: asyncio.Event | None = None,
) -> Summary:
    """Send traffic until the time is over, the number is reached, or ``stop`` is set.

    ``rate`` is for all users together, per second; 0 is as fast as they can. ``customers`` is how many the server was seeded
    with. ``requests`` are shared out evenly, so what each user does never depends on how fast the others are.
    """
    await _check_reachable(url)
    summary, stop, started = Summary(), stop or asyncio.Event(), perf_counter()
    pace = _Pace(started, users, rate, None if seconds is None else started + seconds, stop)

    def note(result: Result) -> None:
        summary.add(result)
        if on_result is not None:
            on_result(result)

    world, tls = facts.load(seed, customers), ssl.create_default_context()
    async with asyncio.TaskGroup() as group:
        for number in range(users):
            share = None if requests is None else requests // users + (number < requests % users)
            person = Person(world, seed, number, writes)
            group.create_task(_live(person, _Browser(url, person.id, tls), share, pace, number, note))
    summary.seconds = perf_counter() - started
    return summary


@dataclass(frozen=True, slots=True)
class _Pace:
    """When it is whose turn: users take turns on one clock, so that the rate holds for all of them together."""

    started: float
    users: int
    rate: float
    deadline: float | None
    stop: asyncio.Event

    async def turn(self, user: int, action: int) -> bool:
        """Wait for the turn; False when it is time to go home."""
        due = self.started + (action * self.users + user) / self.rate if self.rate else 0.0
        if self.deadline is not None and max(due, perf_counter()) >= self.deadline:
            return False
        if (delay := due - perf_counter()) > 0:
            await _wait(self.stop, delay)
        return not self.stop.is_set()


class _Browser:
    """One person's connection to the server, with its cookies."""

    def __init__(self, url: str, user: str, tls: ssl.SSLContext) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._client = httpx.AsyncClient(
            base_url=self._url, cookies={"user": user}, headers={"x-user-id": user}, timeout=_TIMEOUT, verify=tls, trust_env=False
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def perform(self, action: Action) -> Result:
        """Whatever goes wrong is part of the result."""
        before = perf_counter()
        try:
            ask = self._converse if action.kind == "websocket" else self._ask
            status, size = await ask(action)
        except (httpx.HTTPError, WebSocketException, OSError, TimeoutError) as error:
            return Result(self._user, action, None, perf_counter() - before, 0, f"{type(error).__name__}: {error}")
        return Result(self._user, action, status, perf_counter() - before, size)

    async def _ask(self, action: Action) -> tuple[int, int]:
        headers = {"content-type": action.content_type} if action.content_type else {}
        size = 0
        async with self._client.stream(action.method, action.path, content=action.body or None, headers=headers) as response:
            async for chunk in response.aiter_raw():
                size += len(chunk)
        return response.status_code, size

    async def _converse(self, action: Action) -> tuple[int, int]:
        headers = {"cookie": f"user={self._user}", "x-user-id": self._user}
        url = "ws" + self._url.removeprefix("http") + action.path
        async with connect(url, additional_headers=headers, proxy=None, open_timeout=_TIMEOUT) as socket:
            await socket.send(action.body.decode())
            return 101, len(await asyncio.wait_for(socket.recv(), _TIMEOUT))


async def _live(
    person: Person, browser: _Browser, share: int | None, pace: _Pace, number: int, note: Callable[[Result], None]
) -> None:
    try:
        for index, action in enumerate(islice(person.actions(), share)):
            if not await pace.turn(number, index):
                break
            note(await browser.perform(action))
    finally:
        await browser.close()


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


async def _check_reachable(url: str) -> None:
    parts = urlsplit(url)
    try:
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise OSError("not an http:// or https:// URL")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, ValueError) as error:
        raise Unreachable(f"cannot reach {url}: {error}") from error
    writer.close()
    await writer.wait_closed()
