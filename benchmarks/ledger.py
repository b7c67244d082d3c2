"""Whether the ledger closes: mixed requests, reloads, an overloaded comparator, and processes that are killed in the middle.

python -m benchmarks.ledger --requests 100000 --reloads 20        exit code 3 if one request is unaccounted for

At the end, with everybody alive, nothing may be in flight and nothing be below zero, on any route: then every request that a
worker saw was compared, skipped or lost, once. What the clients know is compared with it, and so are the counts by stratum.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import click
import httpx
import uvloop

from benchmarks.processes import free_port, running, tree
from strangler.core.ledger import Ledger, total
from strangler.store.store import Store

SECONDS = 60.0  # that anything may take
BACKLOG_SECONDS = 600.0  # until what waits for a comparator has been compared
PATIENCE = 60.0  # for the end of `serve`

# What both upstreams do is told by the path: "modern" differs, fails or is late there.
ROUTES: dict[str, dict[str, object]] = {
    "equal": {},
    "differs": {},
    "sampled": {"shadow": {"sample": "50%"}},
    "fails": {},
    "large": {"shadow": {"max_body": "4KiB"}},
    "heavy": {},
    "late": {"shadow": {"timeout": "50ms", "concurrency": 4}},
    "slow": {"compare": {"python": "strangler_benchmark_judge:judge"}},
    "gzip": {},
    "lagging": {"data": ["orders"], "guard": {"max_lag": "100ms"}},
}
JUDGE = """
import time

def judge(control, candidate):
    time.sleep(2.5 if b"for ever" in control.body else 0.02)
    return "$.name"
"""


@dataclass
class Upstreams:
    """Legacy and modern."""

    ports: dict[str, int] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Upstreams]:
        servers = []
        for name in ("legacy", "modern"):
            server = await asyncio.start_server(self._client(name), "127.0.0.1", 0, backlog=512)
            self.ports[name] = server.sockets[0].getsockname()[1]
            servers.append(server)
        yield self
        for server in servers:
            server.close()

    def _client(self, name: str):  # type: ignore[no-untyped-def]
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, EOFError, asyncio.CancelledError):
                while head := await reader.readuntil(b"\r\n\r\n"):
                    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                    await reader.readexactly(length)
                    if not await self._answer(name, head.split(b" ", 2)[1].decode(), writer):
                        break
            writer.close()

        return serve

    async def _answer(self, name: str, path: str, writer: asyncio.StreamWriter) -> bool:
        _, kind, number = path.split("/")
        self.asked[f"{name} {path}"] += 1
        told = {"id": number, "name": "same" if kind in ("equal", "sampled", "late") else name, "price": 19.99}
        extra = b""
        if kind == "fails" and name == "modern":
            return False
        if kind == "late" and name == "modern":
            await asyncio.sleep(0.2)
        if kind == "lagging" and name == "modern" and self.asked[f"modern {path}"] > 1:
            told["name"] = "legacy"
        if kind == "slow" and int(number) % 500 == 0:
            told["note"] = "for ever"
        if kind in ("large", "heavy"):
            told["text"] = "x" * (8_000 if kind == "large" else 60_000)
        if kind == "gzip" and int(number) % 3 == 0:
            extra = b"Content-Encoding: gzip\r\n"  # which it is not
        body = json.dumps(told).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n" % (extra, len(body))
        writer.write(head + body)
        return True


@dataclass
class Clients:
    """Ask, one after another on each connection, and write down what they asked on each route, and what was answered."""

    port: int
    random: random.Random
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    _next: int = 0

    async def ask(self, count: int, connections: int) -> None:
        """So many more requests."""
        until = self._next + count
        await asyncio.gather(*(self._client(until) for _ in range(connections)))

    async def _client(self, until: int) -> None:
        while self._next < until:
            with suppress(OSError, EOFError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**20)
                try:
                    while self._next < until:
                        await self._one(reader, writer)
                finally:
                    writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._next += 1
        number, kind = self._next, self.random.choice(list(ROUTES))
        method = "POST" if self.random.random() < 0.05 else "GET"
        self.asked[kind] += 1
        writer.write(f"{method} /{kind}/{number} HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n".encode())
        async with asyncio.timeout(SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]))
        self.answered[kind] += 1
        if b"connection: close" in head.lower():
            raise EOFError


@dataclass
class Stage:
    """Everything that is needed, and what is done to it."""

    folder: Path
    port: int
    admin: int
    ports: dict[str, int]
    workers: int = 2
    root: int = 0
    reloads: int = 0

    def write(self) -> None:
        """Write the file, with other rules each time."""
        rules = {"ignore": [f"$.nothing_{self.reloads}"]} if self.reloads else {}
        routes = []
        for name, settings in ROUTES.items():
            compare = {**rules, **settings.get("compare", {})}  # type: ignore[dict-item]
            match = {"path": f"/{name}/{{id}}"}
            routes.append({"name": name, "match": match, "stage": "shadow", **settings, "compare": compare})
        config = {
            "version": 1,
            "listen": [{"address": f"127.0.0.1:{self.port}"}],
            "admin": {"address": f"127.0.0.1:{self.admin}"},
            "workers": self.workers,
            "upstreams": {name: {"url": f"http://127.0.0.1:{port}"} for name, port in self.ports.items()},
            "mappings": ["mappings.yaml"],
            "routes": routes,
        }
        new = self.folder / "new"
        new.write_text(json.dumps(config))  # JSON is YAML
        new.replace(self.folder / "routes.yaml")

    async def reload(self) -> None:
        self.reloads += 1
        revision = (await self.ready())["revision"]
        self.write()
        os.kill(self.root, signal.SIGHUP)
        await self.ready(revision + 1)

    def kill(self, what: str, number: int = 0) -> None:
        """``kill -9`` of a process of the crew."""
        found = [pid for pid in tree(self.root) if f"strangler.{what}".encode() in _command(pid)]
        os.kill(found[number], signal.SIGKILL)

    async def ready(self, revision: int = 0) -> dict[str, int]:
        """Wait until all serve this revision or a later one, control too."""
        async with asyncio.timeout(SECONDS), httpx.AsyncClient(trust_env=False, timeout=5.0) as client:
            while True:
                with suppress(httpx.HTTPError):
                    state: dict[str, int] = (await client.get(f"http://127.0.0.1:{self.admin}/readyz")).json()
                    if state["ready"] and state["revision"] >= revision:
                        return state
                await asyncio.sleep(0.05)

    async def settled(self) -> Ledger:
        """Wait until nothing is in flight, with everybody alive; the ledger as the store has it then."""
        store = await asyncio.to_thread(Store.open, "sqlite:///strangler.db", self.folder, read_only=True)
        try:
            async with asyncio.timeout(BACKLOG_SECONDS):
                before = Ledger()
                while True:
                    ledger = await asyncio.to_thread(store.ledger)
                    if ledger.seen and not ledger.in_flight and ledger == before:
                        return ledger
                    before = ledger
                    await asyncio.sleep(1.5)
        except TimeoutError:
            return ledger
        finally:
            store.close()


async def live(stage: Stage, clients: Clients, requests: int, reloads: int, kills: bool) -> Ledger:
    """Ask, reload and kill; the ledger once all is quiet."""
    parts = max(reloads, 6)
    for part in range(parts):
        asking = asyncio.create_task(clients.ask(requests // parts, 16))
        if part and part <= reloads:
            await stage.reload()
        if kills and part == parts // 3:
            stage.kill("web.admin")
        if kills and part == parts // 2:
            stage.kill("control.worker", part % stage.workers)
        if kills and part == parts * 2 // 3:
            stage.kill("web.admin")
            stage.kill("control.worker")
        await asking
        await stage.ready()
    for _ in range(reloads - parts + 1):
        await stage.reload()
    return await stage.settled()


def faults(ledgers: dict[str, Ledger], counts: Counter[tuple[str, str]], clients: Clients) -> Iterator[str]:
    """Everything that does not agree."""
    for name in ROUTES:
        ledger = ledgers.get(name, Ledger())
        if not ledger.closes:
            yield f"{name}: {ledger} does not close"
        if ledger.in_flight:
            yield f"{name}: {ledger.in_flight} are in flight for ever"
        if not clients.answered[name] <= ledger.seen <= clients.asked[name]:
            yield f"{name}: seen {ledger.seen}, asked {clients.asked[name]}, answered {clients.answered[name]}"
        by_stratum = {outcome: number for (route, outcome), number in counts.items() if route == name}
        if by_stratum != dict(ledger.compared):
            yield f"{name}: compared {dict(ledger.compared)}, by stratum {by_stratum}"


@dataclass
class Result:
    """What came of it.

    Attributes:
        quiet: the ledger of all routes while everybody still lived.
        ledgers: by route, after the end.
        wrong: what must not be.
    """

    quiet: Ledger
    ledgers: dict[str, Ledger]
    wrong: list[str]
    said: list[str]

    @property
    def total(self) -> Ledger:
        return total(self.ledgers.values())


async def run(folder: Path, requests: int, reloads: int, *, kills: bool = True, seed: int = 1) -> Result:
    """Do it all in `folder`."""
    (folder / "strangler_benchmark_judge.py").write_text(JUDGE)
    (folder / "mappings.yaml").write_text("version: 1\n")  # `serve` only wants to know that it is there
    async with Upstreams().open() as upstreams:
        stage = Stage(folder, free_port(), free_port(), upstreams.ports)
        stage.write()
        clients = Clients(stage.port, random.Random(seed))
        command = (sys.executable, "-m", "strangler", "serve", "--config", str(folder / "routes.yaml"))
        with running(command, port=stage.port, folder=folder, patience=PATIENCE) as stage.root:
            await stage.ready()
            quiet = await live(stage, clients, requests, reloads, kills)
        said = (folder / f"output-{stage.port}").read_text().splitlines()
    store = Store.open("sqlite:///strangler.db", folder, read_only=True)
    ledgers = store.ledgers()
    counts: Counter[tuple[str, str]] = Counter()
    for row in store.counts():
        counts[row.stratum.route, row.outcome] += row.count
    store.close()
    wrong = list(faults(ledgers, counts, clients))
    if quiet.in_flight or not quiet.closes:
        wrong.append(f"with everybody alive: {quiet}")
    if quiet != total(ledgers.values()):
        wrong.append(f"the end changed it: {quiet} became {total(ledgers.values())}")
    return Result(quiet, ledgers, wrong, said)


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@click.command()
@click.option("--requests", type=click.IntRange(60, 10_000_000), default=100_000, show_default=True)
@click.option("--reloads", type=click.IntRange(0, 1000), default=20, show_default=True)
@click.option("--kills/--no-kills", default=True, show_default=True, help="Kill control and workers in the middle.")
@click.option("--seed", type=int, default=None, help="Of the clients' draws; a new one each time if it is not given.")
def main(requests: int, reloads: int, kills: bool, seed: int | None) -> None:
    """See whether the ledger closes. Exit code 3 if it does not."""
    seed = random.randrange(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="strangler-benchmark-") as folder:
        result = uvloop.run(run(Path(folder), requests, reloads, kills=kills, seed=seed))
    for name, ledger in (*sorted(result.ledgers.items()), ("all", result.total)):
        parts = {**ledger.compared, **ledger.skipped, **{f"lost in {place}": number for place, number in ledger.lost.items()}}
        told = ", ".join(f"{number:,} {label}" for label, number in parts.items())
        click.echo(f"{name:8} {ledger.seen:9,} seen = {told}")
    for fault in result.wrong:
        click.echo(f"WRONG {fault}")
    sys.exit(3 if result.wrong else 0)


if __name__ == "__main__":
    main()
