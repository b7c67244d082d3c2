"""Two shops that keep orders, each in a database of its own, behind `strangler serve` with a relay; and people who order
all the time, and remember what they were told."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from strangler.cli.main import cli
from strangler.control.cutover.record import record_of
from strangler.core.cutover import Record
from tests.e2e.control.serving import SECONDS, Serving, Upstream, command, marked

FILE = """version: 1
listen: [{{address: "127.0.0.1:{listen}"}}]
admin: {{address: "127.0.0.1:{admin}"}}
workers: 2
upstreams: {{legacy: {{url: "http://127.0.0.1:{legacy}"}}, modern: {{url: "http://127.0.0.1:{modern}"}}}}
defaults: {{sticky: {{by: "cookie:user"}}}}
routes:
  - {{name: read, match: {{path: /orders, methods: [GET]}}, stage: canary, weight: 100%, group: orders, data: [orders]}}
  - {{name: write, match: {{path: /orders}}, stage: canary, weight: 100%, group: orders, data: [orders]}}
{more}  - {{name: rest, match: {{path: "/{{all...}}"}}}}
mappings: [mappings.yaml]
"""
MORE = '  - {{name: more-{0}, match: {{path: "/more/{0}/{{id}}", methods: [GET]}}, stage: shadow}}\n'
MAPPINGS = """version: 1
databases: {{old: "{old}", new: "{new}"}}
mappings:
  - name: orders
    from: {{database: old, table: orders, key: no}}
    to: {{database: new, table: orders, key: id}}
    columns: {{id: no, amount: amount}}
    back: {{columns: {{amount: amount}}}}
"""
STATEMENTS = {
    "POST": "INSERT INTO orders VALUES ({number}, {amount})",
    "PUT": "UPDATE orders SET amount = {amount} WHERE {key} = {number}",
    "DELETE": "DELETE FROM orders WHERE {key} = {number}",
    "look": "SELECT amount FROM orders WHERE {key} = {number}",
}
KEYS = {"old": "no", "new": "id"}
RATE = 40.0  # orders per second


@dataclass
class Shop(Upstream):
    """``POST /orders?N`` keeps order N and says so once it is kept; ``POST /orders?slow`` waits for `release` before.
    ``POST`` and ``PUT /orders?N=A`` say its amount as well, ``DELETE /orders?N`` lets it go, and ``GET /orders?N`` says it."""

    url: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        waits = {"timeout": 20} if self.url.startswith("sqlite") else {}
        self._engine = create_engine(self.url, poolclass=NullPool, connect_args=waits)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError, DBAPIError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                method, target, _ = head.split(b" ", 2)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                body = " ".join([self.name, *await self._do(method.decode(), target.partition(b"?")[2].decode())]).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    async def _do(self, method: str, query: str) -> list[str]:
        """What is asked for; what there is to say of it beside the name."""
        number, _, amount = query.partition("=")
        if number == "slow":
            self.waiting.set()
            await self.release.wait()
        elif number == "all":
            pass
        elif method == "GET":
            return [str(each) for (each,) in await asyncio.to_thread(self.execute, self._said("look", int(number)))]
        else:
            await asyncio.to_thread(self.execute, self._said(method, int(number), amount))
        return []

    def keep(self, number: int) -> None:
        self.execute(self._said("POST", number))

    def _said(self, what: str, number: int, amount: str = "") -> str:
        return STATEMENTS[what].format(key=self.key, number=number, amount=int(amount or number % 97))

    def kept(self) -> dict[int, int]:
        return dict(self.execute("SELECT * FROM orders"))

    def owner(self) -> str:
        """Who owns the orders, as its database says; the old side, if that was never said."""
        if not inspect(self._engine).has_table("strangler_owner"):
            return "old"
        found = self.execute("SELECT owner FROM strangler_owner WHERE mapping = 'orders'")
        return str(found[0][0]) if found else "old"

    def write(self, what: str, rows: Sequence[tuple[int, int]]) -> None:
        """Many rows in one transaction, past the proxy: what of `STATEMENTS` is done, and number and amount of each."""
        statement = STATEMENTS[what].format(key=self.key, number=":number", amount=":amount")
        with self._engine.begin() as connection:
            connection.execute(text(statement), [{"number": number, "amount": amount} for number, amount in rows])

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Statements in one transaction; rows of the last one."""
        rows: list[tuple[Any, ...]] = []
        with self._engine.begin() as connection:
            for statement in statements:
                found = connection.execute(text(statement))
                rows = [tuple(row) for row in found] if found.returns_rows else []
        return rows


@dataclass
class Ledger:
    """What people were told: by number of the order, the status, who answered, and after how many seconds; and when orders were
    acknowledged, in seconds on the monotonic clock."""

    answers: dict[int, tuple[int, str, float]] = field(default_factory=dict)
    reads: list[tuple[int, str, float]] = field(default_factory=list)
    moments: list[float] = field(default_factory=list)

    @property
    def acknowledged(self) -> set[int]:
        return {number for number, (status, _, _) in self.answers.items() if status == 200}

    def answered(self, number: int, status: int, who: str, begun: float) -> None:
        now = time.monotonic()
        self.answers[number] = (status, who, now - begun)
        if status == 200:
            self.moments.append(now)

    def longest_pause(self, since: float, until: float) -> float:
        """The longest time between two moments in which no order was acknowledged."""
        moments = [since, *(moment for moment in self.moments if since < moment < until), until]
        return max(after - before for before, after in itertools.pairwise(moments))

    def slowest(self) -> float:
        return max(seconds for _, _, seconds in self.answers.values())


@dataclass
class Cutting:
    """The world of these tests."""

    serving: Serving
    old: Shop
    new: Shop

    @property
    def folder(self) -> Path:
        return self.serving.folder

    @property
    def record(self) -> Record:
        return record_of(self.serving.file)

    def pid_of(self, name: str) -> int:
        """A process of the crew, by what its command says."""
        return next(pid for pid in marked(self.serving.mark) if f"strangler.{name}" in command(pid).replace("control.", ""))

    async def strangler(self, *words: str, seconds: float = 3 * SECONDS) -> tuple[int, str]:
        """Type a command, which may take so long; its exit code and all that it printed."""
        environ = {**os.environ, "STRANGLER_TEST_MARK": self.serving.mark, "XDG_RUNTIME_DIR": str(self.folder), "COLUMNS": "120"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "strangler", *words, stdout=PIPE, stderr=asyncio.subprocess.STDOUT, env=environ, cwd=self.folder
        )
        async with asyncio.timeout(seconds):
            said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    def typed(self, *words: str) -> str:
        """The same without a process of its own, for commands that are not what is tested; what it printed. Takes the standard
        output meanwhile, and looks for supervisors where this process does."""
        file = "mappings.yaml" if words[0] == "data" else self.serving.file.name
        done = CliRunner().invoke(cli, [*words, "-c", str(self.folder / file)], standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        assert not done.return_value, done.stdout
        return done.stdout

    async def cut_over(self, *words: str, seconds: float = 3 * SECONDS) -> tuple[int, dict[str, Any]]:
        asked = ("cutover", "@orders", "--force", "--reason", "test", "--json", *words)
        code, said = await self.strangler(*asked, seconds=seconds)
        try:
            return code, json.loads(said.splitlines()[-1])
        except ValueError:
            raise AssertionError(said) from None

    def owners(self) -> tuple[str, str]:
        """What both databases say."""
        return self.old.owner(), self.new.owner()

    async def quiesce(self) -> None:
        """Until both shops have the same orders."""
        async with asyncio.timeout(2 * SECONDS):
            while self.old.kept() != self.new.kept():
                await asyncio.sleep(0.05)

    async def ask(self, method: str, query: str, seconds: float = SECONDS) -> tuple[int, str]:
        """One request on a connection of its own; 0 if it got no answer."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.serving.port)
                body = "Content-Length: 0\r\n" if method != "GET" else ""
                writer.write(f"{method} /orders?{query} HTTP/1.1\r\nHost: shop\r\n{body}Connection: close\r\n\r\n".encode())
                said = await reader.read()
                writer.close()
        except (OSError, TimeoutError):
            return 0, ""
        head, _, answer = said.partition(b"\r\n\r\n")
        return (int(head.split(b" ")[1]), answer.decode()) if head else (0, "")


@asynccontextmanager
async def people(cutting: Cutting, rate: float = RATE) -> AsyncIterator[Ledger]:
    """Order and look, so often a second whatever the answers are (an open loop), while the block lasts."""
    ledger, stop, numbers = Ledger(), asyncio.Event(), itertools.count(1_000)
    asked: set[asyncio.Task[None]] = set()

    async def order(number: int) -> None:
        begun = time.monotonic()
        status, who = await cutting.ask("POST", str(number))
        ledger.answered(number, status, who, begun)

    async def look() -> None:
        begun = time.monotonic()
        status, who = await cutting.ask("GET", "all")
        ledger.reads.append((status, who, time.monotonic() - begun))

    async def go_on() -> None:
        while not stop.is_set():
            asked.add(asyncio.create_task(order(next(numbers))))
            asked.add(asyncio.create_task(look()))
            await asyncio.sleep(1 / rate)

    going = asyncio.create_task(go_on())
    try:
        yield ledger
    finally:
        stop.set()
        await going
        await asyncio.gather(*asked)


@asynccontextmanager
async def behind(cutting: Cutting, seconds: float) -> AsyncIterator[None]:
    """The relay is up to so many seconds late while the block lasts: its process sleeps, wakes for a moment, and sleeps again."""

    async def stutter() -> None:
        while True:
            with suppress(StopIteration, ProcessLookupError):
                pid = cutting.pid_of("cli.data_process")
                os.kill(pid, signal.SIGSTOP)
                try:
                    await asyncio.sleep(seconds)
                finally:
                    os.kill(pid, signal.SIGCONT)
            await asyncio.sleep(0.5)

    stuttering = asyncio.create_task(stutter())
    try:
        yield
    finally:
        stuttering.cancel()
        with suppress(asyncio.CancelledError):
            await stuttering


@asynccontextmanager
async def slow_write(cutting: Cutting) -> AsyncIterator[Callable[[], None]]:
    """A write that its shop is at work on, until what this gives is called, or the block ends."""
    shop = cutting.old if cutting.owners()[0] == "old" else cutting.new
    shop.release.clear()
    shop.waiting.clear()
    slow = asyncio.create_task(cutting.ask("POST", "slow"))
    await shop.waiting.wait()
    try:
        yield shop.release.set
    finally:
        shop.release.set()
        await slow


@asynccontextmanager
async def cutting_from(serving: Serving, urls: Mapping[str, str] | None = None, routes: int = 0) -> AsyncIterator[Cutting]:
    """Both shops open, captured on both sides, followed by a relay, found equal, and served.

    Args:
        urls: of the databases ``old`` and ``new``, which are empty; SQLite files, if there are none.
        routes: so many more stand in the file, which have nothing to do with it.
    """
    await serving.legacy.close()
    await serving.modern.close()
    addresses = urls or {side: f"sqlite:///{serving.folder}/{side}.db" for side in KEYS}
    shops = []
    for side, name in (("old", "legacy"), ("new", "modern")):
        shop = Shop(name, url=addresses[side], key=KEYS[side])
        if addresses[side].startswith("sqlite"):
            shop.execute("PRAGMA journal_mode=WAL")
        shop.execute(f"CREATE TABLE orders ({KEYS[side]} INTEGER PRIMARY KEY, amount INTEGER)")
        await shop.open()
        shops.append(shop)
    serving.legacy, serving.modern = shops
    cutting = Cutting(serving, *shops)
    ports = {"listen": serving.port, "admin": serving.admin, "legacy": shops[0].port, "modern": shops[1].port}
    (serving.folder / "mappings.yaml").write_text(MAPPINGS.format(**addresses))
    serving.put(FILE.format(**ports, more="".join(map(MORE.format, range(routes)))))
    for words in (["install"], ["install", "--side", "new"]):
        await asyncio.to_thread(cutting.typed, "data", "capture", *words)
    shops[0].keep(1)
    await serving.start()
    await cutting.quiesce()
    await asyncio.to_thread(cutting.typed, "data", "reconcile")
    yield cutting
