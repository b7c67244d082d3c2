"""Two shops that keep orders, each in an SQLite database of its own, behind `strangler serve` with a relay; and people who order
all the time, and remember what they were told."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sqlite3
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

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
  - {{name: rest, match: {{path: "/{{all...}}"}}}}
mappings: [mappings.yaml]
"""
MAPPINGS = """version: 1
databases: {old: "sqlite:///old.db", new: "sqlite:///new.db"}
mappings:
  - name: orders
    from: {database: old, table: orders, key: no}
    to: {database: new, table: orders, key: id}
    columns: {id: no, amount: amount}
    back: {columns: {amount: amount}}
"""
KEYS = {"old": "no", "new": "id"}
RATE = 40.0  # orders per second


@dataclass
class Shop(Upstream):
    """``POST /orders?N`` keeps order N and says so once it is kept; ``POST /orders?slow`` waits for `release` before."""

    file: Path = Path()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked += 1
                method, target, _ = head.split(b" ", 2)
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                await reader.readexactly(length)
                number = target.partition(b"?")[2].decode()
                if number == "slow":
                    self.waiting.set()
                    await self.release.wait()
                elif method == b"POST":
                    await asyncio.to_thread(self.keep, int(number))
                body = self.name.encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        writer.close()

    def keep(self, number: int) -> None:
        with closing(sqlite3.connect(self.file, timeout=20)) as database, database:
            database.execute("INSERT INTO orders VALUES (?, ?)", (number, number % 97))

    def kept(self) -> dict[int, int]:
        with closing(sqlite3.connect(self.file, timeout=20)) as database:
            return dict(database.execute("SELECT * FROM orders").fetchall())


@dataclass
class Ledger:
    """What people were told: by number of the order, the status, who answered, and after how many seconds."""

    answers: dict[int, tuple[int, str, float]] = field(default_factory=dict)
    reads: list[tuple[int, str, float]] = field(default_factory=list)

    @property
    def acknowledged(self) -> set[int]:
        return {number for number, (status, _, _) in self.answers.items() if status == 200}

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

    async def strangler(self, *words: str) -> tuple[int, str]:
        """Type a command; its exit code and all that it printed."""
        environ = {**os.environ, "STRANGLER_TEST_MARK": self.serving.mark, "XDG_RUNTIME_DIR": str(self.folder), "COLUMNS": "120"}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "strangler", *words, stdout=PIPE, stderr=asyncio.subprocess.STDOUT, env=environ, cwd=self.folder
        )
        async with asyncio.timeout(3 * SECONDS):
            said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    async def cut_over(self, *words: str) -> tuple[int, dict[str, object]]:
        code, said = await self.strangler("cutover", "@orders", "--force", "--reason", "test", "--json", *words)
        try:
            return code, json.loads(said.splitlines()[-1])
        except ValueError:
            raise AssertionError(said) from None

    def owners(self) -> tuple[str, str]:
        """What both databases say; the old side's, if it was never said."""
        found = []
        for shop in (self.old, self.new):
            with closing(sqlite3.connect(shop.file, timeout=20)) as database, suppress(sqlite3.OperationalError):
                rows = database.execute("SELECT owner FROM strangler_owner WHERE mapping = 'orders'").fetchall()
                found.append(rows[0][0] if rows else "old")
        return (found[0], found[1]) if len(found) == 2 else ("old", "old")

    async def quiesce(self) -> None:
        """Until both shops have the same orders."""
        async with asyncio.timeout(SECONDS):
            while self.old.kept() != self.new.kept():
                await asyncio.sleep(0.05)

    async def ask(self, method: str, query: str, seconds: float = SECONDS) -> tuple[int, str]:
        """One request on a connection of its own; 0 if it got no answer."""
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.serving.port)
                body = "Content-Length: 0\r\n" if method == "POST" else ""
                writer.write(f"{method} /orders?{query} HTTP/1.1\r\nHost: shop\r\n{body}Connection: close\r\n\r\n".encode())
                said = await reader.read()
                writer.close()
        except (OSError, TimeoutError):
            return 0, ""
        head, _, answer = said.partition(b"\r\n\r\n")
        return (int(head.split(b" ")[1]), answer.decode()) if head else (0, "")


@asynccontextmanager
async def people(cutting: Cutting) -> AsyncIterator[Ledger]:
    """Order and look, at a steady pace whatever the answers are (an open loop), while the block lasts."""
    ledger, stop, numbers = Ledger(), asyncio.Event(), itertools.count(1_000)
    asked: set[asyncio.Task[None]] = set()

    async def order(number: int) -> None:
        begun = time.monotonic()
        status, who = await cutting.ask("POST", str(number))
        ledger.answers[number] = (status, who, time.monotonic() - begun)

    async def look() -> None:
        begun = time.monotonic()
        status, who = await cutting.ask("GET", "all")
        ledger.reads.append((status, who, time.monotonic() - begun))

    async def go_on() -> None:
        while not stop.is_set():
            asked.add(asyncio.create_task(order(next(numbers))))
            asked.add(asyncio.create_task(look()))
            await asyncio.sleep(1 / RATE)

    going = asyncio.create_task(go_on())
    try:
        yield ledger
    finally:
        stop.set()
        await going
        await asyncio.gather(*asked)


@asynccontextmanager
async def cutting_from(serving: Serving) -> AsyncIterator[Cutting]:
    """Both shops open, captured on both sides, followed by a relay, found equal, and served."""
    await serving.legacy.close()
    await serving.modern.close()
    shops = []
    for side, name in (("old", "legacy"), ("new", "modern")):
        shop = Shop(name, file=serving.folder / f"{side}.db")
        with closing(sqlite3.connect(shop.file)) as database, database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(f"CREATE TABLE orders ({KEYS[side]} INTEGER PRIMARY KEY, amount INTEGER)")
        await shop.open()
        shops.append(shop)
    serving.legacy, serving.modern = shops
    cutting = Cutting(serving, *shops)
    ports = {"listen": serving.port, "admin": serving.admin, "legacy": shops[0].port, "modern": shops[1].port}
    (serving.folder / "mappings.yaml").write_text(MAPPINGS)
    serving.put(FILE.format(**ports))
    for words in (["install"], ["install", "--side", "new"]):
        code, said = await cutting.strangler("data", "capture", *words)
        assert code == 0, said
    shops[0].keep(1)
    await serving.start()
    await cutting.quiesce()
    code, said = await cutting.strangler("data", "reconcile")
    assert code == 0, said
    yield cutting
