"""Random clients before a random upstream, for as long as one likes; then all accounts must balance.

python -m benchmarks.soak --seconds 180          exit code 3 if anything is left over, lost, or somebody else's

Three ledgers are compared, request by request: what the clients got, what the upstream was asked, and the proxy's access log.
At the end the worker must be as it was at the start: no connection, no more files, no more memory, nothing in its log.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import uvloop

from benchmarks.deeds import INCOMPLETE, SOUND, UNSOUND, Broken, Plan, Upstream, pattern, read_body, read_head
from benchmarks.processes import free_port, resident_mib, running, workers

SECONDS = 30.0  # that one request may take before it counts as hanging
TIMEOUT = 2.0  # of the proxy for its upstream
GROWTH_MIB = 8.0
_USUAL = ("strangler serves ", "strangler: admin address ")
_OFFER = (
    "GET /soak/socket HTTP/1.1\r\nHost: shop.example.org\r\nX-Request-Id: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
)


@dataclass(slots=True)
class Clients:
    """All clients and their ledger.

    Attributes:
        got: status and bytes of the body of each complete answer, by id; a status below zero is that of an answer which the
            client could tell was incomplete.
        left: ids of requests whose client did not wait for the answer.
        wrong: everything that must not happen.
    """

    port: int
    random: random.Random
    got: dict[str, tuple[int, int]] = field(default_factory=dict)
    left: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    connections: int = 0
    _asked: int = 0

    async def live(self, until: float) -> None:
        """One client after another."""
        habits = (self._keep_alive, self._keep_alive, self._pipeline, self._leave, self._slow, self._socket)
        while time.monotonic() < until:
            habit = self.random.choice(habits)
            self.kinds[habit.__name__.strip("_")] += 1
            writer = None
            try:
                async with asyncio.timeout(SECONDS):
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
                    self.connections += 1
                    await habit(reader, writer)
            except TimeoutError:
                self.wrong.append(f"{habit.__name__} hangs")
            except (OSError, Broken, ValueError) as error:
                self.wrong.append(f"{habit.__name__}: {error!r}")
            finally:
                if writer is not None:
                    writer.close()
                    with suppress(OSError):
                        await writer.wait_closed()

    def _plan(self, deeds: tuple[str, ...] = SOUND, upload: bool = True) -> Plan:
        self._asked += 1
        draw = self.random
        size = int(draw.choice((100, 10_000, 300_000)) * (draw.random() + 0.01)) + 1
        sends = int(draw.choice((50, 5_000, 200_000)) * draw.random()) + 1 if upload and draw.random() < 0.4 else 0
        deed = draw.choice(deeds)
        if deed == "early":  # who closes on an upload takes back what the other side has not read yet
            size = min(size, 1000)
        return Plan(f"soak-{self._asked:08}", deed, size, sends, draw.random() < 0.5)

    # The habits.

    async def _keep_alive(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(self.random.randrange(1, 20)):
            # What goes wrong for seconds at a time is rare, or nothing else would happen.
            deeds = (
                SOUND
                if self.random.random() < 0.9
                else UNSOUND
                if self.random.random() < 0.2
                else ("cut", "reset", "garbage", "early")
            )
            plan = self._plan(deeds)
            writer.write(plan.head())
            sending = asyncio.create_task(self._send(plan, writer))
            keep = await self._take(plan, reader)
            await sending
            if not keep:
                return

    async def _pipeline(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plans = [self._plan() for _ in range(self.random.randrange(2, 12))]
        sending = asyncio.create_task(self._send_all(plans, writer))
        for plan in plans:
            await self._take(plan, reader)
        await sending

    async def _leave(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Go away at any byte of the request or of the answer."""
        plan = self._plan()
        self.left.add(plan.id)
        data = plan.head() + plan.body()
        writer.write(data[: self.random.randrange(len(data)) + 1] if self.random.random() < 0.5 else data)
        await asyncio.sleep(self.random.random() * 0.05)
        if self.random.random() < 0.5:
            writer.transport.abort()

    async def _slow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send a head byte by byte, and do not read for a while."""
        plan = self._plan()
        for byte in plan.head():
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        sending = asyncio.create_task(self._send(plan, writer))
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(self.random.random() * 0.3)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        await self._take(plan, reader)
        await sending

    async def _socket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        plan = self._plan(("sized",), upload=False)
        writer.write(_OFFER.format(plan.id).encode())
        if not (await read_head(reader)).startswith(b"HTTP/1.1 101 "):
            raise Broken("no WebSocket")
        total = 0
        for _ in range(self.random.randrange(1, 6)):
            message = pattern(plan.id, self.random.randrange(1, 60_000))
            total += len(message)
            writer.write(message)
            if await reader.readexactly(len(message)) != message:
                self.wrong.append(f"{plan.id}: somebody else's message")
        self.got[plan.id] = (101, total)

    # What they have in common.

    async def _send(self, plan: Plan, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):  # an early answer ends the connection
            writer.write(plan.body())
            await writer.drain()

    async def _send_all(self, plans: list[Plan], writer: asyncio.StreamWriter) -> None:
        for plan in plans:
            writer.write(plan.head() + plan.body())
            await writer.drain()

    async def _take(self, plan: Plan, reader: asyncio.StreamReader) -> bool:
        """Take one answer and enter it; whether another may follow."""
        head = await read_head(reader)
        while head.startswith(b"HTTP/1.1 1"):
            head = await read_head(reader)
        if not head:
            raise Broken(f"{plan}: no answer")
        status = int(head.split()[1])
        try:
            body = await read_body(reader, head)
        except (Broken, ConnectionResetError):
            if plan.deed not in INCOMPLETE:
                raise Broken(f"{plan}: cut short") from None
            self.got[plan.id] = (-status, 0)
            return False
        if status != plan.status or plan.deed in INCOMPLETE:
            self.wrong.append(f"{plan}: status {status} with {len(body)} bytes")
        elif body != plan.answer and status not in (502, 504):
            self.wrong.append(f"{plan}: {len(body)} bytes that are not its own")
        elif status in (502, 504) and plan.id.encode() not in body:
            self.wrong.append(f"{plan}: somebody else's failure, or nobody's")
        self.got[plan.id] = (status, len(body))
        return b"\r\nconnection: close" not in head.lower()


@dataclass(slots=True)
class Worker:
    """The worker from outside."""

    root: int
    admin: int

    @property
    def pid(self) -> int:
        [pid] = workers(self.root)
        return pid

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def metrics(self) -> dict[str, float]:
        """Sums over all labels, by name."""
        sums: dict[str, float] = defaultdict(float)
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=SECONDS)
        connection.request("GET", "/metrics")
        for line in connection.getresponse().read().decode().splitlines():
            name, _, value = line.rpartition(" ")
            if not line.startswith("#"):
                sums[name.partition("{")[0].removeprefix("strangler_")] += float(value)
        connection.close()
        return sums


def balance(clients: Clients, upstream: Upstream, log: list[dict[str, object]]) -> Iterator[str]:
    """Compare the three ledgers; everything that does not agree."""
    lines = {str(line["request_id"]): line for line in log}
    yield from clients.wrong
    yield from upstream.wrong
    if len(lines) != len(log):
        yield f"{len(log) - len(lines)} requests are in the access log twice"
    for name, (status, size) in clients.got.items():
        line = lines.get(name)
        if line is None:
            yield f"{name} is not in the access log"
        elif line["status"] != abs(status) or (status > 0 and line["bytes_out"] != size and not line.get("reason")):
            yield f"{name}: the client got {status} with {size} bytes, the access log says {line}"
    for name in lines.keys() - clients.got.keys() - clients.left:
        yield f"{name} is in the access log, and no client knows it"
    for name, count in upstream.asked.items():
        if count > 2:
            yield f"the upstream was asked {count} times for {name}"


async def soak(seconds: float, seed: int, count: int) -> tuple[Clients, list[str]]:
    """Run it; the clients, and everything that is wrong."""
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as name:
        folder = Path(name)
        clients, admin = Clients(free_port(), random.Random(seed)), free_port()
        async with Upstream() as upstream:
            (folder / "routes.yaml").write_text(_config(clients.port, admin, upstream.port, folder / "access.log"))
            command = (sys.executable, "-m", "strangler", "serve", "--config", str(folder / "routes.yaml"))
            with running(command, port=clients.port, folder=folder) as root:
                wrong, sums = await _live(Worker(root, admin), clients, upstream, seconds, count)
        log = [json.loads(line) for line in (folder / "access.log").read_text().splitlines()]
        said = (folder / f"output-{clients.port}").read_text().splitlines()
    wrong += balance(clients, upstream, log)
    wrong += _count(sums, clients, log)
    wrong += [f"the proxy says: {line}" for line in said if not line.startswith(_USUAL)]
    return clients, wrong


def _config(port: int, admin: int, upstream: int, log: Path) -> str:
    timeouts = {"connect": "10s", "response": f"{TIMEOUT:g}s", "idle": f"{TIMEOUT:g}s"}
    config = {
        "version": 1,
        "listen": [{"address": f"127.0.0.1:{port}"}],
        "admin": {"address": f"127.0.0.1:{admin}"},
        "workers": 1,
        "log": {"access": str(log)},
        "upstreams": {"legacy": {"url": f"http://127.0.0.1:{upstream}", "timeouts": timeouts}},
        "routes": [],
    }
    return json.dumps(config)  # JSON is YAML


async def _live(
    worker: Worker, clients: Clients, upstream: Upstream, seconds: float, count: int
) -> tuple[list[str], dict[str, float]]:
    """Let the clients live; what the worker has left over at the end, and its metrics."""
    await _crowd(clients, count, min(5.0, seconds / 3))  # until everything has been used once
    wrong = [fault async for fault in _settle(worker, upstream)]
    files, memory = worker.files, resident_mib(worker.pid)
    await _crowd(clients, count, seconds)
    wrong += [fault async for fault in _settle(worker, upstream)]
    grown, opened = resident_mib(worker.pid) - memory, worker.files - files
    if grown > GROWTH_MIB:
        wrong.append(f"{grown:.1f} MiB of memory are left over")
    if opened > 0:
        wrong.append(f"{opened} files are left open")
    sums = worker.metrics()
    click.echo(f"{sums['requests_total']:,.0f} requests counted; memory {grown:+.1f} MiB, files {opened:+}")
    return wrong, sums


async def _crowd(clients: Clients, count: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    await asyncio.gather(*(clients.live(until) for _ in range(count)))


async def _settle(worker: Worker, upstream: Upstream) -> AsyncIterator[str]:
    """Wait until the worker has nothing left to do."""
    for _ in range(200):
        await upstream.hang_up()
        sums = await asyncio.to_thread(worker.metrics)
        if not sums["connections_open"]:
            return
        await asyncio.sleep(0.1)
    yield f"{sums['connections_open']:.0f} connections are left open"


def _count(sums: dict[str, float], clients: Clients, log: list[dict[str, object]]) -> Iterator[str]:
    for name, expected in (("requests_total", len(log)), ("faults_total", 0), ("access_log_lost_total", 0)):
        if sums[name] != expected:
            yield f"{name} is {sums[name]:.0f}, not {expected}"
    if not clients.connections <= sums["connections_total"] <= clients.connections + 1:  # one to see whether it listens
        yield f"connections_total is {sums['connections_total']:.0f}, not {clients.connections}"


@click.command()
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=180, show_default=True)
@click.option("--seed", type=int, default=None, help="Of the clients' draws; a new one each time if it is not given.")
@click.option("--clients", type=click.IntRange(1, 500), default=48, show_default=True)
def main(seconds: float, seed: int | None, clients: int) -> None:
    """Live with the proxy for a while. Exit code 3 if anything is wrong at the end."""
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    lived, wrong = uvloop.run(soak(seconds, seed, clients))
    statuses = Counter(status if status > 0 else "cut short" for status, _ in lived.got.values())
    click.echo(f"{len(lived.got):,} answers: " + ", ".join(f"{count:,} × {status}" for status, count in statuses.most_common()))
    click.echo(
        f"{len(lived.left):,} clients left; {lived.connections:,} connections: "
        + ", ".join(f"{n:,} {k}" for k, n in lived.kinds.items())
    )
    for fault in wrong[:30]:
        click.echo(f"WRONG {fault}")
    click.echo(f"{len(wrong)} things are wrong")
    sys.exit(3 if wrong else 0)


if __name__ == "__main__":
    main()
