"""A backfill among others: writers that insert, update, delete and change keys, an applier behind them, kills and pauses."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from textwrap import dedent
from threading import Event, Thread

import pytest
from sqlalchemy import text

from reconcile.applying.applier import apply, apply_all
from reconcile.applying.budget import Allowance, Budget
from reconcile.backfilling.sizing import Sizing
from reconcile.backfilling.walk import Conduct, backfill
from reconcile.backfilling.watermark import Lease
from reconcile.databases.database import Database, opened
from reconcile.databases.pair import opened_pair
from reconcile.mapping.model import Column, Mapping, Plan, Source, Target
from reconcile.mapping.model import Database as Address
from strangler.core.errors import DatabaseError
from strangler.core.units import Share

ROOT = Path(__file__).parents[3]
ALL = Budget(1_000_000, Share(1.0))
ROWS = 1500


def make_plan(urls: dict[str, str], folder: Path, note: Column | None = None) -> Plan:
    columns = {"id": Column("id"), "value": note or Column("value")}
    mapping = Mapping("things", Source("old", ("id",), "thing"), Target("new", "things", ("id",)), columns)
    return Plan({name: Address(url) for name, url in urls.items()}, (mapping,), file=str(folder / "mappings.yaml"))


def fill(plan: Plan, rows: int) -> None:
    with opened(plan.databases, "old", "new") as (old, new):
        for database, name in ((old, "thing"), (new, "things")):
            if database.dialect == "sqlite":
                with closing(sqlite3.connect(database.engine.url.database)) as file:
                    file.execute("PRAGMA journal_mode = WAL")  # as an application with readers beside its writers has it
            with database.writing() as connection:
                connection.execute(text(f"CREATE TABLE {name} (id bigint PRIMARY KEY, value varchar(40))"))
        values = [{"id": number, "value": f"first {number}"} for number in range(rows)]
        with old.writing() as connection:
            connection.execute(text("INSERT INTO thing VALUES (:id, :value)"), values)
        with new.writing() as connection:  # extra rows within and beyond both ends
            extra = [{"id": number, "value": "extra"} for number in (-7, rows + 7, rows * 3)]
            connection.execute(text("INSERT INTO things VALUES (:id, :value)"), extra)


def content(database: Database, name: str) -> list[tuple[object, ...]]:
    with database.reading() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT id, value FROM {name} ORDER BY id"))]


def assert_equal(plan: Plan) -> None:
    with opened(plan.databases, "old", "new") as (old, new):
        assert content(new, "things") == content(old, "thing")


@pytest.fixture
def plan(fresh, dialect, tmp_path) -> Plan:
    found = make_plan({"old": fresh(dialect), "new": fresh(dialect)}, tmp_path)
    fill(found, ROWS)
    return found


class Writer(Thread):
    """The legacy application: random writes until told to stop. Each key is told to the applier once its write is committed."""

    def __init__(self, plan: Plan, seed: int, changed: SimpleQueue[int], stop: Event) -> None:
        super().__init__()
        self.plan, self.chance, self.changed, self.stop, self.writes = plan, random.Random(seed), changed, stop, 0

    def run(self) -> None:
        with opened(self.plan.databases, "old") as (old,):
            while not self.stop.is_set():
                self.write(old)
                self.stop.wait(0.002)  # others have to write, too

    def write(self, old: Database) -> None:
        key, other = self.chance.randrange(-5, ROWS), self.chance.randrange(ROWS, ROWS * 2)
        statements = self.chance.choice(
            (
                ("UPDATE thing SET value = :value WHERE id = :key",),
                ("DELETE FROM thing WHERE id = :key",),
                ("DELETE FROM thing WHERE id = :other", "UPDATE thing SET id = :other WHERE id = :key"),
                ("DELETE FROM thing WHERE id = :key", "INSERT INTO thing VALUES (:key, :value)"),
            )
        )
        values = {"key": key, "other": other, "value": f"write {self.chance.random()}"}
        try:
            with old.writing() as connection:
                for statement in statements:
                    connection.execute(text(statement), {name: values[name] for name in values if f":{name}" in statement})
        except DatabaseError:  # a deadlock between writers is theirs to suffer
            return
        self.writes += 1
        self.changed.put(key)
        self.changed.put(other)


class Follower(Thread):
    """What a relay does: the keys that changed, a few at a time, through the applier; whatever fails is tried again."""

    def __init__(self, plan: Plan, changed: SimpleQueue[int], stop: Event) -> None:
        super().__init__()
        self.plan, self.changed, self.stop = plan, changed, stop

    def run(self) -> None:
        while not self.stop.is_set() or not self.changed.empty():
            try:
                self.follow()
            except DatabaseError:
                continue

    def follow(self) -> None:
        with opened_pair(self.plan, "things") as pair:
            while keys := self.take():
                if not self.apply(pair, keys):
                    for (key,) in keys:
                        self.changed.put(key)

    def take(self) -> set[tuple[int]]:
        """Some keys; none only when everybody has stopped and nothing is left."""
        keys: set[tuple[int]] = set()
        while len(keys) < 50:
            try:
                keys.add((self.changed.get(timeout=0.05),))
            except Empty:
                if keys or self.stop.is_set():
                    break
        return keys

    def apply(self, pair, keys) -> bool:
        try:
            return not apply(pair, keys, Allowance("things", ALL)).failed
        except DatabaseError:
            return False


class Traffic:
    """Two writers and an applier behind them, for the length of a `with`; afterwards everything has come to rest."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.changed: SimpleQueue[int] = SimpleQueue()
        self.stop, self.rest = Event(), Event()
        self.writers = [Writer(plan, seed * 10 + number, self.changed, self.stop) for number in range(2)]
        self.follower = Follower(plan, self.changed, self.rest)

    def __enter__(self) -> Traffic:
        for thread in (*self.writers, self.follower):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for writer in self.writers:
            writer.join()
        self.rest.set()
        self.follower.join()


def run(plan: Plan, rows: int) -> None:
    with opened_pair(plan, "things") as pair:
        conduct = Conduct(Sizing(rows, fixed=True))
        backfill(pair, Allowance("things", ALL, 1, 1), Lease(pair.target.database, "things", random.randbytes(8).hex()), conduct)


def persistently(action) -> None:
    """SQLite lets one writer in at a time, and not always in turn; a backfill that gave up goes on where it was."""
    while True:
        try:
            return action()
        except DatabaseError:
            continue


@pytest.mark.parametrize("seed", range(2))
def test_beside_writers_and_an_applier_both_sides_are_equal_when_all_is_at_rest(plan, seed):
    with Traffic(plan, seed) as traffic:
        persistently(lambda: run(plan, 40))
    assert sum(writer.writes for writer in traffic.writers) > 10
    assert_equal(plan)


CHILD = """
    import pickle, sys
    from reconcile.applying.budget import Allowance, Budget
    from reconcile.backfilling.sizing import Sizing
    from reconcile.backfilling.walk import Conduct, backfill
    from reconcile.backfilling.watermark import Lease
    from reconcile.databases import mariadb, postgresql
    from reconcile.databases.pair import opened_pair
    from strangler.core.units import Share

    rows, token, idle = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    if idle:  # the servers end a transaction that is left open after 15 s; so long a test would be no better
        postgresql._SETTINGS["idle_in_transaction_session_timeout"] = idle + "s"
        mariadb._SETTINGS = mariadb._SETTINGS.replace("idle_transaction_timeout = 15", "idle_transaction_timeout = " + idle)
    plan = pickle.load(sys.stdin.buffer)
    with opened_pair(plan, "things") as pair:
        tell = lambda progress: print(progress.rows, flush=True)
        lease, allowance = Lease(pair.target.database, "things", token, 0.4), Allowance("things", Budget(10**6, Share(1.0)), 1, 1)
        backfill(pair, allowance, lease, Conduct(Sizing(rows, fixed=True), on_progress=tell))
"""


def start(plan: Plan, rows: int, *, idle: str = "") -> subprocess.Popen[bytes]:
    import pickle

    arguments = [sys.executable, "-c", dedent(CHILD), str(rows), random.randbytes(8).hex(), idle]
    child = subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(pickle.dumps(plan))
    child.stdin.close()
    child.stdin = None
    return child


def end(child: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    _, errors = child.communicate(timeout=60)
    return child.returncode, errors


def test_killed_at_any_moment_it_goes_on_beside_writers_until_it_is_done(plan):
    chance, kills, walked = random.Random(7), 0, 0
    with Traffic(plan, 99):
        while True:
            child = start(plan, 25)
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 25)):
                walked = max(walked, int(child.stdout.readline() or 0))
            if kills < 4:
                time.sleep(chance.random() * 0.02)  # somewhere within a chunk
                child.kill()
            code, errors = end(child)
            if code == 0:
                break
            kills += code == -signal.SIGKILL
            assert code == -signal.SIGKILL or b"another backfill is at work" in errors or b"DatabaseError" in errors, errors
    assert kills > 0
    assert walked > ROWS // 2
    assert_equal(plan)


def test_asleep_between_reading_and_writing_while_its_row_is_deleted_it_brings_nothing_back(fresh, dialect, tmp_path):
    """The process stops itself while it maps row 5: it has read the source, and written nothing of its chunk yet."""
    (tmp_path / "asleep.py").write_text(
        dedent("""
            import os, pathlib, signal

            def note(number, value):
                once = pathlib.Path(__file__).with_name("once")
                if number == 5 and not once.exists():
                    once.touch()
                    os.kill(os.getpid(), signal.SIGSTOP)
                return value
        """)
    )
    column = Column(python="asleep:note", needs=("id", "value"))
    plan = make_plan({"old": fresh(dialect), "new": fresh(dialect)}, tmp_path, column)
    fill(plan, 20)
    child = start(plan, 10, idle="1")
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    if dialect == "sqlite":  # it holds the one lock there is: nobody can write the target before it goes on
        os.kill(child.pid, signal.SIGCONT)
    with opened_pair(plan, "things") as pair:
        with pair.source.database.writing() as connection:
            connection.execute(text("DELETE FROM thing WHERE id = 5"))
        persistently(lambda: apply_all(pair, [(5,)], Allowance("things", ALL, 1, 1)))
        if dialect != "sqlite":
            assert 5 not in [row[0] for row in content(pair.target.database, "things")]
    os.kill(child.pid, signal.SIGCONT)
    code, errors = end(child)
    assert code == 0 or b"DatabaseError" in errors, errors
    with opened_pair(plan, "things") as pair:
        assert 5 not in [row[0] for row in content(pair.target.database, "things")]
    child = start(plan, 10)
    while end(child)[0]:
        child = start(plan, 10)
    assert_equal(plan)
