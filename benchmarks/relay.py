"""How many changed keys a second one relay applies, and how old a change is when it is applied.

    python -m benchmarks.relay [--dialect postgresql] [--keys 20000] [--rate 2500] [--seconds 10] [--postgresql URL]

Two databases of one dialect hold the same rows of six columns. First every key is changed once, in transactions of 500, and one
relay in this process works that off: keys per second, from its first round to its last. Then writers in a process of their own
change single random keys at the rate (half of what was measured, if none is given) while the relay runs: the lag of a change is
the time from its commit, by the writer's clock, until the new value is seen on the other side; percentiles are over all that
were sampled. Without addresses, servers of our own are started (PostgreSQL's with fsync off, MariaDB's flushing once a second).
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import create_engine, make_url, text

from reconcile.capturing.install import install
from reconcile.mapping.model import Column, Database, Mapping, Plan, Source, Target
from reconcile.relaying.relay import Relay
from tests.servers import mariadb, postgresql

_SERVERS = {"postgresql": postgresql, "mariadb": mariadb}
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql", "sqlite": "sqlite"}
_COLUMNS = "id bigint PRIMARY KEY, grade int, email varchar(80), amount numeric(12,2), note varchar(80), moment timestamp"
_CHUNK = 500


class Pair:
    """Two databases with the same rows, and a plan from one to the other."""

    def __init__(self, old: str, new: str, keys: int) -> None:
        self.old, self.new, self.keys = old, new, keys
        columns = {name: Column(column=name) for name in ("id", "grade", "email", "amount", "note", "moment")}
        mapping = Mapping("accounts", Source("old", ("id",), table="account"), Target("new", "accounts", ("id",)), columns)
        self.plan = Plan({"old": Database(old), "new": Database(new)}, (mapping,))

    def fill(self) -> None:
        for url, table in ((self.old, "account"), (self.new, "accounts")):
            with _connected(url) as connection:
                connection.execute(text(f"CREATE TABLE {table} ({_COLUMNS})"))
                insert = text(f"INSERT INTO {table} VALUES (:id, 0, :email, 12.34, 'a note', '2024-01-02 03:04:05')")
                for low in range(0, self.keys, _CHUNK):
                    rows = [{"id": key, "email": f"{key}@example.org"} for key in range(low, min(self.keys, low + _CHUNK))]
                    connection.execute(insert, rows)
                connection.commit()
        install(self.plan)

    def change_all(self) -> None:
        with _connected(self.old) as connection:
            for low in range(0, self.keys, _CHUNK):
                connection.execute(text(f"UPDATE account SET grade = grade + 1 WHERE id >= {low} AND id < {low + _CHUNK}"))
                connection.commit()


def throughput(pair: Pair) -> float:
    """Keys a second, while all of them wait at the start."""
    pair.change_all()
    done = 0
    with Relay(pair.plan) as relay:
        relay._stations.look(0)  # to open databases is no part of it
        began = time.perf_counter()
        while done < pair.keys:
            done += relay.step().done
        return done / (time.perf_counter() - began)


def lags(pair: Pair, rate: float, seconds: float) -> list[float]:
    """Seconds from the commit of a change until it is seen on the other side, for those that were sampled."""
    stop, found = threading.Event(), list[float]()
    with Relay(pair.plan) as relay:
        relay.step()
        running = threading.Thread(target=relay.run, args=(stop,))
        running.start()
        samples: Any = multiprocessing.get_context("spawn").Queue()
        writer = multiprocessing.get_context("spawn").Process(target=_write, args=(pair.old, pair.keys, rate, seconds, samples))
        writer.start()
        try:
            with _connected(pair.new) as connection:
                while (sample := samples.get(timeout=60)) is not None:
                    found.append(_wait(connection, *sample))
            writer.join()
        finally:
            stop.set()
            running.join()
    return found


def _wait(connection: Any, key: int, grade: int, committed: float) -> float:
    query = text("SELECT grade FROM accounts WHERE id = :key")
    while True:
        seen = connection.execute(query, {"key": key}).scalar_one()
        connection.rollback()
        if seen >= grade:
            return max(0.0, time.time() - committed)
        time.sleep(0.001)


def _write(url: str, keys: int, rate: float, seconds: float, samples: Any) -> None:
    """Transactions of ten changes each, evenly spread; about twenty a second are sampled, on keys that nobody else changes."""
    draw, ten = random.Random(7), 10
    with _connected(url) as connection:
        began, number, grade = time.perf_counter(), 0, 1000
        while (now := time.perf_counter() - began) < seconds:
            if number * ten >= rate * now:
                time.sleep(0.001)
                continue
            number += 1
            changed = sorted(draw.sample(range(1, keys), ten - 1))
            connection.execute(text(f"UPDATE account SET grade = grade + 1 WHERE id IN ({','.join(map(str, changed))})"))
            sampled = number % max(1, int(rate / ten / 20)) == 0
            if sampled:
                grade += 1
                connection.execute(text(f"UPDATE account SET grade = {grade} WHERE id = 0"))
            connection.commit()
            if sampled:
                samples.put((0, grade, time.time()))
        print(f"  written: {number * ten / (time.perf_counter() - began):,.0f} keys/s")
    samples.put(None)


@contextmanager
def _connected(url: str) -> Iterator[Any]:
    found = make_url(url)
    engine = create_engine(found.set(drivername=_DRIVERS[found.get_backend_name().replace("mysql", "mariadb")]))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _databases(dialect: str, given: str | None) -> Iterator[tuple[str, str]]:
    """Two new databases, gone afterwards."""
    with ExitStack() as stack:
        if dialect == "sqlite":
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            for name in ("old", "new"):
                Path(folder, f"{name}.db").touch()
            yield f"sqlite:///{folder}/old.db", f"sqlite:///{folder}/new.db"
            return
        server = given or stack.enter_context(_SERVERS[dialect].serving())
        url = make_url(server if isinstance(server, str) else server.url)
        names = [f"relay_{token_hex(6)}" for _ in range(2)]
        engine = create_engine(url.set(drivername=_DRIVERS[dialect]), isolation_level="AUTOCOMMIT")
        stack.callback(engine.dispose)
        with engine.connect() as connection:
            for name in names:
                connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield tuple(url.set(database=name).render_as_string(hide_password=False) for name in names)  # type: ignore[misc]
        finally:
            with engine.connect() as connection:
                for name in names:
                    connection.execute(text(f"DROP DATABASE {name}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialect", choices=("sqlite", "postgresql", "mariadb"), default="postgresql")
    parser.add_argument("--keys", type=int, default=20_000)
    parser.add_argument("--rate", type=float, help="keys a second while lag is measured")
    parser.add_argument("--seconds", type=float, default=10.0)
    for dialect in _SERVERS:
        parser.add_argument(f"--{dialect}", metavar="URL")
    options = parser.parse_args()
    given = None if options.dialect == "sqlite" else getattr(options, options.dialect)
    with _databases(options.dialect, given) as (old, new):
        pair = Pair(old, new, options.keys)
        pair.fill()
        speed = throughput(pair)
        print(f"{options.dialect}: {speed:,.0f} changed keys/s ({options.keys:,} keys, one process)")
        if options.seconds:
            rate = options.rate or speed / 2
            found = lags(pair, rate, options.seconds)
            cuts = statistics.quantiles(found, n=100)
            shown = ", ".join(f"p{cut} {cuts[cut - 1] * 1000:,.0f} ms" for cut in (50, 95, 99))
            print(f"  lag at {rate:,.0f} keys/s: {shown}, longest {max(found) * 1000:,.0f} ms, n={len(found)}")


if __name__ == "__main__":
    main()
