"""How many events a second one outbox relay delivers, how old they are then, and whether a producer ever waits for it.

    python -m benchmarks.outbox --dialect postgresql --sink nats [--events 20000] [--keys 10000] [--rate 2500] [--seconds 10]
    python -m benchmarks.outbox --chaos --kills 200 --dialect postgresql       (see `benchmarks.mayhem`)

First all events are written, in transactions of 100, and one relay works that off: events per second, from its start to the last
acknowledgement. Then a producer in a process of its own writes single events at the rate (half of what was measured, if none is
given) while the relay runs. An event's latency is the time from before its commit, by the producer's clock, until the sink has
acknowledged it. Meanwhile the database is asked again and again whether the producer waits for a lock; and its inserts are
timed with the relay and without. The sinks: a JetStream stream of a local NATS, a file, or memory, which costs nothing.

Without addresses, servers of our own are started (PostgreSQL's with fsync off, MariaDB's flushing once a second).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from benchmarks.chaos import database
from benchmarks.mayhem import Mayhem
from benchmarks.relay import _databases
from reconcile.mapping.model import Database, Plan
from reconcile.outbox.init import init
from reconcile.outbox.model import Outbox, Route
from reconcile.outbox.relay import OutboxRelay
from reconcile.sinks import settings
from reconcile.sinks.event import Event
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.opening import open_sink
from reconcile.sinks.sink import Delivered, Outcome, Sink
from tests.e2e.running import free_port

_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql", "sqlite": "sqlite"}
_CHUNK = 100  # events in a transaction of the backlog
_INSERT = text('INSERT INTO outbox_events (type, "key", payload) VALUES (:type, :key, :payload)')
_PAYLOAD = {"order": 4711, "lines": [{"sku": "A-1", "count": 2}, {"sku": "B-7", "count": 1}], "total": "12.34", "note": "x" * 100}


class Watched:
    """A sink that is asked as it is, and what was delivered counted and timed."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.batch, self.keeps_order = sink, sink.batch, sink.keeps_order
        self.count, self.ages = 0, list[float]()

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        outcomes = await self._sink.send(events)
        instant = time.time()
        for event, outcome in zip(events, outcomes, strict=True):
            if isinstance(outcome, Delivered):
                self.count += 1
                if event.payload.startswith(b'{"at"'):
                    self.ages.append(instant - float(event.payload[7:24]))
        return outcomes

    async def close(self) -> None:
        await self._sink.close()


@contextmanager
def sink(kind: str, folder: Path, nats: str) -> Iterator[settings.Settings | None]:
    """Where events go; None stands for memory."""
    if kind == "file":
        yield settings.File(f"{folder}/events.jsonl")
    elif kind == "memory":
        yield None
    else:
        with _stream(nats) as subject:
            yield settings.Nats(nats, subject)


@contextmanager
def _stream(servers: str) -> Iterator[str]:
    """A stream of JetStream, in memory, for as long as it is needed."""
    name = f"bench{token_hex(4)}"
    asyncio.run(_ask(servers, lambda jet: jet.add_stream(name=name, subjects=[f"{name}.>"], storage="memory")))
    try:
        yield f"{name}.{{type}}"
    finally:
        asyncio.run(_ask(servers, lambda jet: jet.delete_stream(name)))


async def _ask(servers: str, question: Callable[[Any], Any]) -> None:
    import nats

    client = await nats.connect(servers)
    try:
        await question(client.jetstream())
    finally:
        await client.close()


def engine(url: str) -> Any:
    found = make_url(url)
    driver = _DRIVERS[found.get_backend_name()]
    arguments: dict[str, Any] = {"timeout": 60} if driver == "sqlite" else {}
    if driver.startswith("postgresql"):
        arguments = {"application_name": "producer"}
    return create_engine(found.set(drivername=driver), connect_args=arguments, poolclass=NullPool)


def statement(url: str) -> Any:
    words = str(_INSERT).replace('"key"', "`key`") if url.startswith("mariadb") else str(_INSERT)
    return text(words)


def backlog(url: str, events: int, keys: int) -> None:
    payload, insert = json.dumps(_PAYLOAD), statement(url)
    with engine(url).connect() as connection:
        for low in range(0, events, _CHUNK):
            rows = [{"type": "order.placed", "key": f"{random.randrange(keys)}", "payload": payload} for _ in range(_CHUNK)]
            connection.execute(insert, rows[: events - low])
            connection.commit()


def produce(url: str, rate: float, seconds: float, keys: int, told: Any) -> None:
    """Single events at a rate, each in a transaction of its own; sends how long each insert and each commit took."""
    insert, took = statement(url), list[float]()
    with engine(url).connect() as connection:
        if url.startswith("postgresql"):
            connection.execute(text("SET synchronous_commit = off"))
        begin = time.perf_counter()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, begin + number / rate - time.perf_counter()))
            began = time.perf_counter()
            payload = f'{{"at": {time.time():017.6f}, "note": "{"x" * 150}"}}'
            connection.execute(insert, {"type": "order.placed", "key": f"{random.randrange(keys)}", "payload": payload})
            connection.commit()
            took.append(time.perf_counter() - began)
        told.send((took, time.perf_counter() - begin))


_WAITS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND application_name = 'producer' AND cardinality(pg_blocking_pids(pid)) > 0",
    "mariadb": "SELECT count(*) FROM information_schema.innodb_lock_waits AS w JOIN information_schema.innodb_trx AS t "
    "ON t.trx_id = w.requesting_trx_id WHERE t.trx_query LIKE 'INSERT INTO outbox_events%'",
}


class Locks:
    """Asks again and again whether the producer waits for a lock that somebody holds."""

    def __init__(self, url: str) -> None:
        self._url, self._query, self._over = url, _WAITS.get(make_url(url).get_backend_name()), threading.Event()
        self.samples = self.waits = 0

    def __enter__(self) -> Locks:
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._query is None:
            return
        with engine(self._url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            if self._url.startswith("postgresql"):
                connection.execute(text("SET application_name = 'watcher'"))
            while not self._over.wait(0.01):
                self.samples += 1
                self.waits += bool(connection.execute(text(self._query)).scalar_one())


@contextmanager
def relaying(plan: Plan, watched: Callable[[], Watched]) -> Iterator[Watched]:
    stop, made = threading.Event(), list[Watched]()

    def opening(name: str, told: settings.Settings) -> Sink:
        made.append(watched())
        return made[0]

    thread = threading.Thread(target=OutboxRelay(plan, open_sink=opening).run, args=(stop,))
    thread.start()
    while not made:
        time.sleep(0.001)
    try:
        yield made[0]
    finally:
        stop.set()
        thread.join()


def throughput(plan: Plan, watched: Callable[[], Watched], events: int) -> tuple[float, float]:
    """Events a second, and seconds of this process's CPU that one costs: the latter is true on a busy machine as well."""
    began, used = time.perf_counter(), time.process_time()
    with relaying(plan, watched) as found:
        while found.count < events:
            time.sleep(0.005)
        return events / (time.perf_counter() - began), (time.process_time() - used) / events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialect", choices=_DRIVERS, default="postgresql")
    parser.add_argument("--sink", choices=("nats", "file", "memory"), default="nats")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--rate", type=float, help="events a second; half of what was measured, if none is given")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--nats", default="nats://127.0.0.1:4222")
    parser.add_argument("--chaos", action="store_true", help="kill everybody, again and again, and see whether anything is lost")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--postgresql", help="address of a server's database whose user may make others")
    parser.add_argument("--mariadb", help="address of a server's database whose user may make others")
    asked = parser.parse_args()
    if asked.chaos:
        sys.exit(_mayhem(asked.dialect, asked.kills, asked.seed))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url, _ = stack.enter_context(_databases(asked.dialect, getattr(asked, asked.dialect, None)))
        told = stack.enter_context(sink(asked.sink, folder, asked.nats))
        measure(url, told, asked)


def _mayhem(dialect: str, kills: int, seed: int) -> int:
    """On a server of our own, which is restarted as well; SQLite has none. Exit code 3 if anything is wrong."""
    servers: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        old, new = (database(stack, servers, dialect, folder, side) for side in ("old", "new"))
        server = servers.get(dialect)

        def restart() -> None:
            server.stop()
            server.start()

        found = Mayhem(old, new, free_port(), kills, seed, restart if server is not None and server.folder else None).run()
    print(f"{dialect}: {found.kills} kills and {found.restarts} restarts of the database: {found.events:,} events, ", end="")
    print(f"{found.duplicates:,} came twice; " + ("nothing is wrong" if not found.wrong else "WRONG: " + "; ".join(found.wrong)))
    return 3 if found.wrong else 0


def measure(url: str, told: settings.Settings | None, asked: argparse.Namespace) -> None:
    outbox = Outbox("old", sinks=(Route("bus", told or settings.Custom("memory")),))
    plan = Plan({"old": Database(url)}, (), outbox=outbox)
    init(plan)

    def watched() -> Watched:
        return Watched(MemorySink(batch=256) if told is None else open_sink("bus", told))

    backlog(url, asked.events, asked.keys)
    speed, used = throughput(plan, watched, asked.events)
    shown = f"{speed:,.0f} events/s, {used * 1e6:,.0f} µs of the relay's CPU each"
    print(f"{asked.dialect} -> {asked.sink}: {shown} ({asked.events:,} events of {asked.keys:,} keys, one relay)")
    if not asked.seconds:
        return
    rate = asked.rate or speed / 2
    alone, _ = _produced(url, rate, asked.seconds, asked.keys)
    throughput(plan, watched, len(alone))
    with relaying(plan, watched) as found, Locks(url) as locks:
        beside, took = _produced(url, rate, asked.seconds, asked.keys)
        while found.count < len(beside):
            time.sleep(0.01)
    print(f"  at {len(beside) / took:,.0f} events/s: added latency {_shown(found.ages)}")
    print(f"  insert and commit: {_shown(alone)} without a relay; {_shown(beside)} beside it")
    print(f"  the producer waits for a lock in {locks.waits} of {locks.samples} samples")


def _produced(url: str, rate: float, seconds: float, keys: int) -> tuple[list[float], float]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=produce, args=(url, rate, seconds, keys, there))
    process.start()
    found = here.recv()
    process.join()
    return found


def _shown(seconds: Sequence[float]) -> str:
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e3:.2f} ms, p99 {cuts[98] * 1e3:.2f} ms, longest {max(seconds) * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
