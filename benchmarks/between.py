"""An hour of writes between a cutover and its way back, and users who look at what they wrote.

A row's amount is the number of the write that it comes from, so that an older one that comes late is seen. Users go through the
proxy all the time, also while it is cut over: each writes rows of its own and reads each back at once. The bulk is written by an
application straight into the owner's database, between the cutovers, as fast as that goes.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.e2e.control.cutting import Cutting, Shop

USERS, PAUSE = 4, 0.05  # seconds
HOLD = "60s"  # how long they do wait is told
_FIRST, _RANGE, _BULK = 1_000_000, 100_000, 10_000_000  # numbers of the first user's rows, of a user's, and of the bulk's
_AT_ONCE = 500  # rows of a transaction
_NEARLY = 50  # changes on their way, at which a person would not wait for longer
_QUIET = 120.0  # seconds without any progress
_PREPARING = 900.0  # seconds: all that changed is compared before anybody waits


@dataclass
class Books:
    """What somebody wrote and was told is kept.

    Attributes:
        rows: the amount of each; what was let go is not there.
        doubtful: rows whose last write was not answered: nobody knows.
        written: how many writes were acknowledged.
        stale: reads after one's own write that did not show it.
    """

    rows: dict[int, int] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    written: int = 0
    reads: int = 0
    stale: list[str] = field(default_factory=list)

    def take(self, what: str, number: int, amount: int) -> None:
        self.written += 1
        if what == "DELETE":
            del self.rows[number]
        else:
            self.rows[number] = amount


class User:
    """One who writes by the proxy, one thing after the other."""

    def __init__(self, cutting: Cutting, number: int) -> None:
        self._cutting, self._draw = cutting, random.Random(number)
        self._free = itertools.count(_FIRST + number * _RANGE)
        self._amounts = itertools.count(1)
        self.books = Books()

    async def go_on(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self._write()
            await asyncio.sleep(PAUSE)

    async def _write(self) -> None:
        known = sorted(self.books.rows.keys() - self.books.doubtful)
        what = self._draw.choice(("POST", "PUT", "PUT", "DELETE")) if known else "POST"
        number, amount = next(self._free) if what == "POST" else self._draw.choice(known), next(self._amounts)
        status, who = await self._cutting.ask(what, f"{number}={amount}")
        if status == 200:
            self.books.take(what, number, amount)
            await self._look(what, number, who)
        elif status != 503:  # which says that it was sent to nobody
            self.books.doubtful.add(number)

    async def _look(self, what: str, number: int, wrote: str) -> None:
        status, said = await self._cutting.ask("GET", str(number))
        if status == 200:
            self.books.reads += 1
            seen, wanted = said.split(" ")[1:], self.books.rows.get(number)
            if seen != ([] if wanted is None else [str(wanted)]):
                self.books.stale.append(f"{what} {number} at {wrote}: {wanted} was written, and {said} is shown")


class Bulk:
    """An application that writes many rows at once."""

    def __init__(self) -> None:
        self._draw, self._free, self._amounts = random.Random(0), itertools.count(_BULK), itertools.count(1)
        self.books = Books()

    def write(self, shop: Shop, count: int) -> None:
        """So many writes: more rows come than go, and most change."""
        for what in itertools.cycle(("POST", "PUT", "PUT", "DELETE", "POST")):
            size = min(_AT_ONCE, count)
            numbers = list(itertools.islice(self._free, size)) if what == "POST" else self._some(size)
            rows = [(number, next(self._amounts)) for number in numbers]
            shop.write(what, rows)
            for number, amount in rows:
                self.books.take(what, number, amount)
            count -= len(rows)
            if count <= 0:
                return

    def _some(self, size: int) -> list[int]:
        return self._draw.sample(sorted(self.books.rows), min(size, len(self.books.rows)))


@dataclass
class Told:
    """What came of it, for people; `wrong` is what must not be."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


async def live_through(cutting: Cutting, count: int) -> Told:
    """Over, `count` writes, back, a quarter as many, over again; then everything has to be in both databases, once."""
    told, bulk = Told(), Bulk()
    await _may_delete(cutting)
    async with _users(cutting) as users:
        for words, shop, some in (([], cutting.new, count), (["--back"], cutting.old, count // 4), ([], cutting.old, 0)):
            await cutting.strangler("resume", "@orders")
            await _may_delete(cutting)
            await _nearly_there(cutting)
            begun = time.monotonic()
            code, done = await cutting.cut_over("--hold", HOLD, *words, seconds=_PREPARING)
            told.lines.append(
                f"{' '.join(words) or 'over'}: {done['effect']} after {time.monotonic() - begun:.1f} s, held {done['held']}"
            )
            if code:
                told.wrong.append(f"{words}: {done.get('objections')} {done.get('why')}")
                break
            if some:
                await _may_delete(cutting)
                begun = time.monotonic()
                await asyncio.to_thread(bulk.write, shop, some)
                told.lines.append(f"{some:,} writes in {time.monotonic() - begun:.1f} s")
    try:
        await cutting.quiesce()
    except TimeoutError:
        told.wrong.append("the two databases do not become the same")
    _judge(cutting, [bulk.books, *(user.books for user in users)], told)
    return told


@asynccontextmanager
async def _users(cutting: Cutting) -> AsyncIterator[list[User]]:
    stop, users = asyncio.Event(), [User(cutting, number) for number in range(USERS)]
    going = [asyncio.create_task(user.go_on(stop)) for user in users]
    try:
        yield users
    finally:
        stop.set()
        await asyncio.gather(*going)


async def _may_delete(cutting: Cutting) -> None:
    """A fifth of all writes are deletions, which the relay would halt at."""
    code, said = await cutting.strangler("data", "resume", "orders", "--max-deletes", "1000000")
    assert code == 0, said


async def _nearly_there(cutting: Cutting) -> None:
    """Until the relay has nearly all of it, as a person would wait who has seen the rehearsal."""
    least, since = _on_the_way(cutting), time.monotonic()
    while least > _NEARLY:
        await asyncio.sleep(0.2)
        now = _on_the_way(cutting)
        if now < least:
            least, since = now, time.monotonic()
        assert time.monotonic() - since < _QUIET, f"{now:,} changes do not arrive"


def _on_the_way(cutting: Cutting) -> int:
    shop = cutting.old if cutting.owners()[0] == "old" else cutting.new
    queries = ("SELECT count(*) FROM strangler_outbox WHERE operation <> 'H'", "SELECT count(*) FROM strangler_pending")
    return sum(int(shop.execute(query)[0][0]) for query in queries)


def _judge(cutting: Cutting, books: list[Books], told: Told) -> None:
    doubtful = {number for each in books for number in each.doubtful}
    wanted = {number: amount for each in books for number, amount in each.rows.items() if number not in doubtful}
    for shop in (cutting.old, cutting.new):
        kept = {number: amount for number, amount in shop.kept().items() if number >= _FIRST and number not in doubtful}
        wrong = sorted(wanted.items() ^ kept.items())
        told.wrong += [f"{shop.name}: {number} is {kept.get(number)}, not {wanted.get(number)}" for number, _ in wrong[:5]]
    told.wrong += [line for each in books for line in each.stale]
    written, reads = sum(each.written for each in books), sum(each.reads for each in books)
    told.lines.append(f"{written:,} writes were acknowledged, {sum(each.written for each in books[1:]):,} of them by the proxy")
    told.lines.append(f"{len(wanted):,} rows are the same in both databases as in the books; {len(doubtful)} nobody knows of")
    told.lines.append(f"{reads:,} reads after one's own write, {sum(len(each.stale) for each in books)} without it")
