"""What comparing two tables costs, beside reladiff on the same tables in the same run.

    python -m benchmarks.data --rows 1000000 --pair postgresql,postgresql [--reladiff PATH] [--rounds 3] [--differences 40]
                              [--postgresql URL] [--mariadb URL]

One table of six columns (bigint key, int, varchar, numeric(12,2), varchar, timestamp) on each side, first equal, then with some
differences: changed, missing and extra rows. Ours is the whole command, `python -m reconcile reconcile`, from start to exit, and
so is theirs; both in turn, so that a busy machine slows both alike, and with their modules compiled, as an installer does it
(each runs once unmeasured). Given are medians, the median of the rounds' ratios, the peak memory of our process, and the rows it
fetched as rows. Without addresses, servers of our own are started (PostgreSQL's with fsync off). reladiff does not compare
SQLite.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any

from sqlalchemy import create_engine, make_url, text

from tests.servers import mariadb, postgresql

COLUMNS = ("n", "name", "amount", "city", "happened_at")
_SHAPE = "id bigint PRIMARY KEY, n int, name varchar(60), amount numeric(12, 2), city varchar(40), happened_at {moment}"
_MOMENT = {"sqlite": "timestamp", "postgresql": "timestamp", "mariadb": "datetime(6)"}
_ROWS = {
    "sqlite": "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < {rows}) SELECT i, (i * 7919) % 100000, "
    "'name ' || ((i * 31) % 9973) || ' of ' || i, ((i * 37) % 10000000) / 100.0, "
    "CASE WHEN i % 50 = 0 THEN NULL ELSE 'city ' || (i % 1000) END, "
    "strftime('%Y-%m-%d %H:%M:%S', 1577836800 + i * 17, 'unixepoch') || printf('.%06d', i % 1000000) FROM s",
    "postgresql": "SELECT i, (i * 7919) % 100000, 'name ' || ((i * 31) % 9973) || ' of ' || i, ((i * 37) % 10000000) / 100.0, "
    "CASE WHEN i % 50 = 0 THEN NULL ELSE 'city ' || (i % 1000) END, timestamp '2020-01-01' + (i * 17) * interval '1 second' "
    "+ (i % 1000000) * interval '1 microsecond' FROM generate_series(1::bigint, {rows}) AS s(i)",
    "mariadb": "SELECT seq, (seq * 7919) % 100000, concat('name ', (seq * 31) % 9973, ' of ', seq), "
    "((seq * 37) % 10000000) / 100, CASE WHEN seq % 50 = 0 THEN NULL ELSE concat('city ', seq % 1000) END, "
    "date_add(date_add('2020-01-01', "
    "INTERVAL seq * 17 SECOND), INTERVAL seq % 1000000 MICROSECOND) FROM seq_1_to_{rows}",
}
_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mysql+pymysql", "mysql": "mysql+pymysql"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command: seconds from start to exit, peak memory in MiB, and what it printed."""

    seconds: float
    memory: float
    output: str
    code: int


def measure(command: Sequence[str], compiled: Path) -> Run:
    """Run a command to its end; `compiled`: the folder for compiled modules."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(compiled)
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        return Run(seconds, usage.ru_maxrss / 1024, output.read().decode(), child.returncode)


def execute(url: str, *statements: str) -> None:
    """Run statements, each on its own."""
    address = make_url(url)
    engine = create_engine(
        address.set(drivername=_DRIVERS.get(address.drivername, address.drivername)), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement.replace(":", "\\:")))
    engine.dispose()


def fill(url: str, dialect: str, table: str, rows: int) -> None:
    """A table of so many rows, with what its database wants to know of it."""
    analyse = {"sqlite": "ANALYZE", "postgresql": f"VACUUM ANALYZE {table}", "mariadb": f"ANALYZE TABLE {table}"}
    shape = _SHAPE.format(moment=_MOMENT[dialect])
    execute(url, f"CREATE TABLE {table} ({shape})", f"INSERT INTO {table} {_ROWS[dialect].format(rows=rows)}", analyse[dialect])


def differ(url: str, table: str, rows: int, differences: int) -> None:
    """Changed rows all over the table; of each ten, one is missing and one is extra instead."""
    step = max(1, rows // differences)
    keys = range(step // 2 + 1, rows, step)[:differences]
    missing, extra, changed = keys[::10], keys[1::10], [key for index, key in enumerate(keys) if index % 10 > 1]
    listed = ", ".join(map(str, missing))
    execute(url, f"DELETE FROM {table} WHERE id IN ({listed})")
    execute(url, *(f"INSERT INTO {table} (id, n, name, amount) VALUES ({-key}, 1, 'extra', 1)" for key in extra))
    execute(url, f"UPDATE {table} SET name = 'changed' WHERE id IN ({', '.join(map(str, changed))})")


def write_mapping(folder: Path, old: str, new: str) -> Path:
    """A mappings file for the two tables."""
    columns = ", ".join(f"{name}: {name}" for name in ("id", *COLUMNS))
    path = folder / "mappings.yaml"
    path.write_text(
        f"version: 1\ndatabases: {{old: '{old}', new: '{new}'}}\nmappings:\n  - name: things\n"
        "    from: {database: old, table: thing, key: id}\n    to: {database: new, table: things, key: id}\n"
        f"    columns: {{{columns}}}\n",
        "utf-8",
    )
    return path


def theirs(reladiff: str, old: str, new: str) -> list[str]:
    """Their command over the same tables."""
    urls = [url.replace("mariadb://", "mysql://") for url in (old, new)]
    columns = [part for name in COLUMNS for part in ("-c", name)]
    return [reladiff, urls[0], "thing", urls[1], "things", "-k", "id", *columns]


def compare(title: str, mine: list[str], other: list[str] | None, rounds: int, compiled: Path) -> None:
    """Both in turn, and what came of it."""
    ours: list[Run] = []
    others: list[Run] = []
    for _ in range(rounds):
        ours.append(measure(mine, compiled))
        if other:
            others.append(measure(other, compiled))
    document: dict[str, Any] = json.loads(ours[-1].output)["mappings"][0]
    found = sum(document[kind] for kind in ("missing", "extra", "changed"))
    seconds = statistics.median(run.seconds for run in ours)
    rows = document["old"]["rows"]
    print(
        f"{title}: {document['verdict']}, {found} differences, by {document['strategy']}: {seconds:.2f} s "
        f"({rows / seconds:,.0f} rows/s per side; {document['seconds']:.2f} s without the start of the process), "
        f"{max(run.memory for run in ours):.0f} MiB, {document['rows_read']:,} rows fetched "
        f"({document['rows_read'] / (2 * rows):.2%})"
    )
    if any(run.code not in (0, 1) or (not run.output and found) for run in others):
        print("  reladiff: failed")
    elif others:
        ratio = statistics.median(two.seconds / one.seconds for one, two in zip(ours, others, strict=True))
        lines = sum(line[:1] in "+-" for line in others[-1].output.splitlines() if line)
        taken = statistics.median(run.seconds for run in others)
        print(f"  reladiff: {taken:.2f} s, {lines} lines of difference; ratio {ratio:.1f}")


def _server(stack: ExitStack, dialect: str, given: str | None) -> str:
    if given:
        return given
    server = stack.enter_context({"postgresql": postgresql, "mariadb": mariadb}[dialect].serving())
    if server is None:
        raise SystemExit(f"no {dialect}: install it, or give its address")
    return str(server.url)


def _database(stack: ExitStack, dialect: str, given: str | None, folder: Path) -> str:
    """The address of a new, empty database, gone in the end."""
    name = f"strangler_benchmark_{token_hex(4)}"
    if dialect == "sqlite":
        (folder / f"{name}.db").touch()
        return f"sqlite:///{folder}/{name}.db"
    server = _server(stack, dialect, given)
    execute(server, f"CREATE DATABASE {name}" + (" CHARACTER SET utf8mb4" if dialect == "mariadb" else " TEMPLATE template0"))
    stack.callback(execute, server, f"DROP DATABASE {name}")
    return make_url(server).set(database=name, drivername=dialect).render_as_string(hide_password=False)


def main() -> None:
    """Read the command line, make the tables, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pair", default="postgresql,postgresql")
    parser.add_argument("--reladiff", help="its command, from an environment of its own")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--differences", type=int, default=40)
    parser.add_argument("--strategy")
    parser.add_argument("--postgresql")
    parser.add_argument("--mariadb")
    given = parser.parse_args()
    dialects = given.pair.split(",")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        old, new = (_database(stack, dialect, getattr(given, dialect, None), folder) for dialect in dialects)
        fill(old, dialects[0], "thing", given.rows)
        fill(new, dialects[1], "things", given.rows)
        mine = [sys.executable, "-m", "reconcile", "reconcile", "things", "-c", str(write_mapping(folder, old, new)), "--json"]
        mine += ["--strategy", given.strategy] if given.strategy else []
        other = theirs(given.reladiff, old, new) if given.reladiff and "sqlite" not in dialects else None
        for command in filter(None, (mine, other)):
            measure(command, folder / "compiled")
        compare(f"{given.pair}, {given.rows:,} equal rows", mine, other, given.rounds, folder / "compiled")
        differ(new, "things", given.rows, given.differences)
        compare(f"{given.pair}, {given.differences} differences", mine, other, given.rounds, folder / "compiled")


if __name__ == "__main__":
    main()
