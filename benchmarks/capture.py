"""What capture costs the application that is captured.

    python -m benchmarks.capture [--dialect sqlite] [--rounds 9] [--emit] [--postgresql URL] [--mariadb URL]

The same transactions run against three tables of one shape, in turn, so that a busy machine slows all alike: a plain one; a
plain one, with one more plain insert into a table like the outbox in the same transaction (one statement, of as many rows); and
a captured one. Times are medians over the rounds; the ratio is the median of the rounds' ratios of captured to one more insert,
and the bar is 1. With `--emit` there is a fourth table, captured by a mapping that emits: each row is also kept as it was and as
it is; its ratio is to the same insert. Without addresses, servers of our own are started (PostgreSQL's with fsync off). How
durable a commit is decides how much of it is waiting, so figures are given for durable commits and for those that wait for no
disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import create_engine, make_url, text

from reconcile.capturing.install import install
from reconcile.mapping.model import Column, Database, Mapping, Plan, Source, Target
from tests.servers import mariadb, postgresql

DIALECTS = ("sqlite", "postgresql", "mariadb")
KINDS = ("plain", "one more insert", "captured")
EMITS = "emits"
SINGLES = 40  # transactions per measurement of single rows
MANY = 1_000  # rows per statement
_TEXT = {"sqlite": "text", "postgresql": "varchar(50)", "mariadb": "varchar(50)"}
_OUTBOX = {
    "sqlite": "id integer PRIMARY KEY AUTOINCREMENT, feed text, k text, old_key text, operation text, origin text, moment bigint",
    "postgresql": "id bigserial PRIMARY KEY, feed text, k text, old_key text, operation text, origin text, moment bigint",
    "mariadb": "id bigint AUTO_INCREMENT PRIMARY KEY, feed varchar(500), k longtext, old_key longtext, operation varchar(1), "
    "origin varchar(64), moment bigint",
}
_DURABILITY = {
    "sqlite": {True: "PRAGMA synchronous = FULL", False: "PRAGMA synchronous = OFF"},
    "postgresql": {True: "SET synchronous_commit = on", False: "SET synchronous_commit = off"},
    "mariadb": {True: "SET GLOBAL innodb_flush_log_at_trx_commit = 1", False: "SET GLOBAL innodb_flush_log_at_trx_commit = 0"},
}


@dataclass(frozen=True, slots=True)
class Work:
    """One statement a transaction, for the keys from a first one on, and how many transactions a measurement has."""

    name: str
    transactions: int
    rows: int
    statement: Callable[[str, int, int], tuple[str, tuple[Any, ...]]]


def _insert(table: str, low: int, rows: int) -> tuple[str, tuple[Any, ...]]:
    values = "1, 'a name of usual length', 12.34, '2024-02-29 01:02:03'"
    if rows == 1:
        return f"INSERT INTO {table} VALUES (%s, {values})", (low,)
    return f"INSERT INTO {table} VALUES {','.join(f'({key}, {values})' for key in range(low, low + rows))}", ()


def _update(table: str, low: int, rows: int) -> tuple[str, tuple[Any, ...]]:
    return f"UPDATE {table} SET n = n + 1 WHERE id >= %s AND id < %s", (low, low + rows)


def _delete(table: str, low: int, rows: int) -> tuple[str, tuple[Any, ...]]:
    return f"DELETE FROM {table} WHERE id >= %s AND id < %s", (low, low + rows)


def _one_more(_: str, low: int, rows: int) -> tuple[str, tuple[Any, ...]]:
    head = "INSERT INTO like_outbox (feed, k, old_key, operation, origin, moment) VALUES"
    if rows == 1:
        return f"{head} ('captured:id', %s, NULL, 'I', '', 1700000000000000)", (f"[{low}]",)
    return f"{head} {','.join(_noted(key) for key in range(low, low + rows))}", ()


def _noted(key: int) -> str:
    return f"('captured:id', '[{key}]', NULL, 'I', '', 1700000000000000)"


WORKS = tuple(
    Work(f"{verb}, {rows:,} row{'s' * (rows > 1)}", SINGLES if rows == 1 else 1, rows, statement)
    for rows in (1, MANY)
    for verb, statement in (("insert", _insert), ("update", _update), ("delete", _delete))
)


def measure(
    dialect: str, url: str, rounds: int, durable: bool, kinds: Sequence[str]
) -> Iterator[tuple[str, dict[str, float], dict[str, float]]]:
    """Each work's name, seconds per transaction by kind, and the ratios of what is captured to one more insert."""
    tables = dict(zip(kinds, ("plain", "extra", "captured", "emitting"), strict=False))
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:").replace("mariadb+", "mysql+"))
    connection = engine.raw_connection()
    cursor = connection.cursor()
    if dialect == "sqlite":
        connection.driver_connection.isolation_level = None
        cursor.execute("PRAGMA journal_mode = WAL")
    else:
        connection.driver_connection.autocommit = (
            True if dialect == "postgresql" else connection.driver_connection.autocommit(True)
        )
    for table in tables.values():
        cursor.execute(
            f"CREATE TABLE {table} (id bigint PRIMARY KEY, n integer, name {_TEXT[dialect]}, c numeric(12,2), d timestamp)"
        )
    cursor.execute(f"CREATE TABLE like_outbox ({_OUTBOX[dialect]})")
    _install(url, kinds)
    cursor.execute(_DURABILITY[dialect][durable])
    if dialect == "mariadb":
        cursor.execute("SET sql_mode = 'STRICT_ALL_TABLES'")
    times: dict[str, dict[str, list[float]]] = {work.name: {kind: [] for kind in kinds} for work in WORKS}
    keys = {kind: count(1, 10_000) for kind in kinds}
    for number in range(rounds):
        for kind in kinds if number % 2 else reversed(kinds):
            low = next(keys[kind])
            for work in WORKS:
                times[work.name][kind].append(_time(cursor, work, tables[kind], low, more=kind == "one more insert"))
    connection.invalidate()
    engine.dispose()
    for name, by_kind in times.items():
        ratios = {kind: _ratio(by_kind[kind], by_kind["one more insert"]) for kind in kinds[2:]}
        yield name, {kind: statistics.median(found) for kind, found in by_kind.items()}, ratios


def _ratio(mine: Sequence[float], bar: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(mine, bar, strict=True))


def _time(cursor: Any, work: Work, table: str, low: int, *, more: bool) -> float:
    """Seconds per transaction. Single rows are bound, so that drivers which prepare statements do."""
    began = time.perf_counter()
    for number in range(work.transactions):
        cursor.execute("BEGIN")
        for statement in (work.statement, _one_more)[: 1 + more]:
            words, values = statement(table, low + number, work.rows)
            cursor.execute(words.replace("%s", "?") if type(cursor).__module__ == "sqlite3" else words, values)
        cursor.execute("COMMIT")
    return (time.perf_counter() - began) / work.transactions


def _install(url: str, kinds: Sequence[str]) -> None:
    events = {"captured": None, "emitting": "thing"} if EMITS in kinds else {"captured": None}
    mappings = tuple(
        Mapping(name, Source("old", ("id",), table=name), Target("old", name, ("id",)), {"id": Column("id")}, emit=emit)
        for name, emit in events.items()
    )
    install(Plan({"old": Database(url)}, mappings))


def _fresh(stack: ExitStack, dialect: str, given: str | None) -> str:
    """A new database, gone at the end."""
    if dialect == "sqlite":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "legacy.db").touch()
        return f"sqlite:///{folder}/legacy.db"
    if given is None:
        server = stack.enter_context({"postgresql": postgresql, "mariadb": mariadb}[dialect].serving())
        assert server, f"no {dialect}: install it, or give --{dialect} URL"
        given = server.url
    name = f"strangler_{token_hex(6)}"
    administrator = create_engine(given.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT")
    stack.callback(administrator.dispose)
    _administer(administrator, f"CREATE DATABASE {name}")
    stack.callback(_administer, administrator, f"DROP DATABASE {name}")
    return make_url(given).set(database=name).render_as_string(hide_password=False)


def _administer(engine: Any, statement: str) -> None:
    with engine.connect() as connection:
        connection.execute(text(statement))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--emit", action="store_true")
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--mariadb", metavar="URL")
    options = parser.parse_args(arguments)
    kinds = (*KINDS, EMITS) if options.emit else KINDS
    for dialect in options.dialect or DIALECTS:
        for durable in (True, False):
            with ExitStack() as stack:
                url = _fresh(stack, dialect, getattr(options, dialect, None))
                print(f"\n{dialect}: {_DURABILITY[dialect][durable]}")
                print(
                    f"{'':22}"
                    + "".join(f"{kind:>18}" for kind in kinds)
                    + "".join(f"{f'{kind} : bar':>18}" for kind in kinds[2:])
                )
                for name, medians, ratios in measure(dialect, url, options.rounds, durable, kinds):
                    times = "".join(f"{medians[kind] * 1e3:15.3f} ms" for kind in kinds)
                    print(f"{name:22}{times}" + "".join(f"{ratio:18.2f}" for ratio in ratios.values()), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
