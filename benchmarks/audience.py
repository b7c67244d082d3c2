"""Thousands of connections that stay, on one worker: what each costs in memory, and what they cost the requests beside them.

python -m benchmarks.audience           5,000 event streams and 1,000 WebSockets; exit code 3 if over the limits

Needs wrk and h2load, and about 12,000 file descriptors for each process. Without them, --no-load measures memory only.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

import click
import uvloop

from benchmarks import contenders
from benchmarks.load import Load, closed_loop, open_loop
from benchmarks.processes import free_port, resident_mib, running, workers
from benchmarks.station import EVENT

ALLOWED_KIB = 24.0  # of resident memory for each connection
ALLOWED_FACTOR = 2.0  # of the p99 without the audience
SHARE = 0.3  # of capacity
EVERY = 10.0  # seconds between two events of one stream
_AT_ONCE = 200  # connections that are being opened
_SECONDS = 60.0  # that anything may take
_ASK = b"GET /%b HTTP/1.1\r\nHost: shop.example.org\r\nAccept: text/event-stream\r\nCookie: session=0123456789abcdef\r\n%b\r\n"
_OFFER = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n"
)
_MESSAGE = bytes([0x82, 0xFE, 0, 200]) + bytes(204)  # 200 bytes, masked with zeros


class Listener(asyncio.Protocol):
    """One connection of the audience: an event stream, or a WebSocket whose messages come back.

    Attributes:
        heard: bytes since the connection was asked for.
        first: done once the connection is what it was meant to be.
        ended: whether it has been closed.
    """

    __slots__ = ("_head", "_needed", "_request", "ended", "first", "heard", "transport")

    def __init__(self, socket: bool) -> None:
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.heard = 0
        self.ended = False
        self._request = _ASK % ((b"socket", _OFFER) if socket else (b"events", b""))
        self._needed = b"\r\n\r\n" if socket else EVENT
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.heard += len(data)
        if not self.first.done():
            self._head += data
            if self._needed in self._head:
                self._head = b""
                self.first.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if not self.first.done():
            self.first.set_exception(exc or EOFError("closed"))


@dataclass(slots=True)
class Audience:
    """All of them."""

    port: int
    streams: list[Listener] = field(default_factory=list)
    sockets: list[Listener] = field(default_factory=list)

    async def come(self, streams: int, sockets: int) -> None:
        """Open so many, and wait until each has its first event or its 101."""
        for found, count, socket in ((self.streams, streams, False), (self.sockets, sockets, True)):
            while len(found) < count:
                group = range(min(_AT_ONCE, count - len(found)))
                found += await asyncio.gather(*(self._open(socket) for _ in group))

    async def _open(self, socket: bool) -> Listener:
        async with asyncio.timeout(_SECONDS):
            loop = asyncio.get_running_loop()
            _, listener = await loop.create_connection(partial(Listener, socket), "127.0.0.1", self.port)
            await listener.first
            return listener

    async def converse(self) -> None:
        """Have every stream hear another event and every WebSocket its message. Raises TimeoutError if one does not."""
        heard = {listener: listener.heard for listener in (*self.streams, *self.sockets)}
        for listener in self.sockets:
            listener.transport.write(_MESSAGE)
        async with asyncio.timeout(_SECONDS):
            while any(listener.heard == before for listener, before in heard.items()):
                await asyncio.sleep(0.1)

    async def chat(self) -> None:
        """Send a message now and then on each WebSocket, for ever."""
        while self.sockets:
            for listener in self.sockets:
                listener.transport.write(_MESSAGE)
                await asyncio.sleep(EVERY / len(self.sockets))

    async def leave(self) -> None:
        """Close all of them."""
        for listener in (*self.streams, *self.sockets):
            listener.transport.abort()
        while not all(listener.ended for listener in (*self.streams, *self.sockets)):
            await asyncio.sleep(0.01)

    @property
    def lost(self) -> int:
        return sum(listener.ended for listener in (*self.streams, *self.sockets))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it. `alone` and `beside` are p99s in seconds; none without a load generator."""

    connections: int
    kib_each: float
    lost: int
    alone: tuple[float, ...] = ()
    beside: tuple[float, ...] = ()

    @property
    def factor(self) -> float:
        return median(self.beside) / median(self.alone) if self.alone else 1.0

    @property
    def good(self) -> bool:
        return not self.lost and self.kib_each <= ALLOWED_KIB and self.factor <= ALLOWED_FACTOR


async def measure(streams: int, sockets: int, seconds: int, rounds: int, wrk: str | None, h2load: str | None) -> Verdict:
    """Open the audience before one worker, and load it without and with it."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as name, ExitStack() as stack:
        folder, port = Path(name), free_port()
        station = (sys.executable, "-m", "benchmarks.station", str(port), str(EVERY))
        stack.enter_context(running(station, port=port, folder=folder))
        proxy = contenders.strangler("strangler", folder, port, 10)
        root = stack.enter_context(running(proxy.command, port=proxy.port, folder=folder))
        await _warm_up(proxy.port)
        [pid] = workers(root)
        alone: list[float] = []
        beside: list[float] = []
        rate = 0.0

        async def load(found: list[float]) -> None:
            if h2load is None:
                return
            for _ in range(rounds):
                run = partial(open_loop, [h2load], proxy.url, rate=rate, seconds=seconds, folder=folder)
                found.append(_checked(await asyncio.to_thread(run)).p99)

        if wrk is not None:
            run = partial(closed_loop, [wrk], proxy.url, connections=32, threads=1, seconds=seconds, folder=folder)
            rate = SHARE * _checked(await asyncio.to_thread(run)).rate
            click.echo(f"{SHARE:.0%} of capacity is {rate:,.0f} requests/s")
            await load(alone)
        before = resident_mib(pid)
        audience = Audience(proxy.port)
        started = time.perf_counter()
        await audience.come(streams, sockets)
        click.echo(f"{streams + sockets:,} connections are open after {time.perf_counter() - started:.1f} s")
        await audience.converse()
        grown = resident_mib(pid) - before
        chatting = asyncio.create_task(audience.chat())
        await load(beside)
        chatting.cancel()
        await audience.converse()
        lost = audience.lost
        await audience.leave()
        return Verdict(streams + sockets, grown * 1024 / (streams + sockets), lost, tuple(alone), tuple(beside))


async def _warm_up(port: int) -> None:
    """A stream and a WebSocket, so that what only the first of them costs is there."""
    audience = Audience(port)
    await audience.come(1, 1)
    await audience.leave()


def _checked(load: Load) -> Load:
    if load.errors or load.achieved < 0.95:
        click.echo(f"{load.errors} requests failed, {load.achieved:.0%} of the rate was reached")
    return load


def allow_files(count: int) -> None:
    """Have this process and its children open so many files. Raises ClickException if they may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            raise click.ClickException(f"{count:,} open files are needed, {hard:,} are allowed: raise ulimit -Hn")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


@click.command()
@click.option("--streams", type=click.IntRange(1, 20_000), default=5000, show_default=True)
@click.option("--sockets", type=click.IntRange(1, 20_000), default=1000, show_default=True, help="WebSockets.")
@click.option("--seconds", type=click.IntRange(1, 60), default=4, show_default=True, help="Of each load.")
@click.option("--rounds", type=click.IntRange(1, 20), default=3, show_default=True, help="Loads without, and with.")
@click.option("--load/--no-load", default=True, show_default=True)
def main(streams: int, sockets: int, seconds: int, rounds: int, load: bool) -> None:
    """Open an audience before one worker. Exit code 3 if it takes too much memory, or keeps other requests waiting."""
    allow_files(2 * (streams + sockets) + 2000)
    wrk, h2load = (contenders.find(name, None) for name in ("wrk", "h2load")) if load else (None, None)
    if load and not (wrk and h2load):
        raise click.ClickException("wrk or h2load is missing: install them, or say --no-load")
    verdict = uvloop.run(measure(streams, sockets, seconds, rounds, wrk, h2load))
    click.echo(f"{verdict.kib_each:.1f} KiB of resident memory each (at most {ALLOWED_KIB:g}); {verdict.lost} lost")
    if verdict.alone:
        times = [", ".join(f"{one * 1000:.1f}" for one in found) for found in (verdict.alone, verdict.beside)]
        click.echo(f"p99 of other requests: {times[0]} ms without, {times[1]} ms with: ×{verdict.factor:.2f}")
    sys.exit(0 if verdict.good else 3)


if __name__ == "__main__":
    main()
