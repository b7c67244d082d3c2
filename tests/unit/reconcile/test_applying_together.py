"""Several appliers, writers on the source meanwhile, and one that is stopped at the worst moment: nobody ever writes what was."""

import os
import queue
import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, replace
from textwrap import dedent
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from reconcile.applying.applier import apply
from reconcile.applying.budget import Allowance
from reconcile.databases import sqlite
from reconcile.databases.pair import Pair
from strangler.core.errors import DatabaseError
from tests.unit.reconcile.applying_world import FREE, Applying

MAPPING = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value, seat: seat}
"""
KEYS = range(1, 13)


@pytest.fixture
def world(tmp_path, fresh, dialect):
    found = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    found.write(MAPPING)
    found.old("CREATE TABLE thing (id INTEGER PRIMARY KEY, value INTEGER, seat INTEGER)")
    found.new("CREATE TABLE things (id INTEGER PRIMARY KEY, value INTEGER, seat INTEGER UNIQUE)")
    if dialect == "sqlite":
        for run in (found.old, found.new):
            run("PRAGMA journal_mode = WAL")  # or writers and readers of one file would wait for each other most of the time
    return found


@dataclass
class Gate:
    """A pipeline that stops between the source's row and the target's, once."""

    pipeline: Any
    reached: threading.Event
    go: threading.Event

    def run(self, raw: Any, note: Any) -> Any:
        self.reached.set()
        assert self.go.wait(30)
        return self.pipeline.run(raw, note)


def value(world: Applying) -> Any:
    return world.new("SELECT value FROM things WHERE id = 1")[0][0]


def test_whoever_read_first_writes_first(world):
    world.old("INSERT INTO thing VALUES (1, 1, NULL)")
    world.apply(1)
    world.old("UPDATE thing SET value = 2 WHERE id = 1")
    reached, go, finished = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        with world.pair() as pair:
            gated: Pair = replace(pair, pipeline=Gate(pair.pipeline, reached, go))  # type: ignore[arg-type]
            apply(gated, [(1,)], Allowance("things", FREE))

    def quick() -> None:
        world.apply(1)
        finished.set()

    threads = [threading.Thread(target=slow), threading.Thread(target=quick)]
    threads[0].start()
    assert reached.wait(20)
    world.old("UPDATE thing SET value = 3 WHERE id = 1")
    threads[1].start()
    assert not finished.wait(0.3)
    go.set()
    for thread in threads:
        thread.join(30)
    assert value(world) == 3


STOPPED = """
    import os, signal, sys
    from dataclasses import replace
    import reconcile
    from reconcile.applying.applier import apply
    from reconcile.applying.budget import Allowance
    from reconcile.databases import mariadb, postgresql
    from reconcile.databases.pair import opened_pair

    postgresql._SETTINGS["idle_in_transaction_session_timeout"] = "3s"
    mariadb._SETTINGS = mariadb._SETTINGS.replace("idle_transaction_timeout = 15", "idle_transaction_timeout = 3")
    assert "idle_transaction_timeout = 3" in mariadb._SETTINGS

    class Stop:
        def __init__(self, pipeline):
            self.pipeline = pipeline

        def run(self, raw, note):
            print("read", flush=True)
            os.kill(os.getpid(), signal.SIGSTOP)
            return self.pipeline.run(raw, note)

    with opened_pair(reconcile.load(sys.argv[1], {}), "things") as pair:
        apply(replace(pair, pipeline=Stop(pair.pipeline)), [(1,)], Allowance("things"))
"""


def test_one_that_was_stopped_between_reading_and_writing_loses(world, monkeypatch):
    """A server ends its idle transaction, and its locks with it; in SQLite it keeps the only lock, and nobody passes it by."""
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.2)
    world.old("INSERT INTO thing VALUES (1, 1, NULL)")
    world.apply(1)
    world.old("UPDATE thing SET value = 2 WHERE id = 1")
    with subprocess.Popen(
        [sys.executable, "-c", dedent(STOPPED), str(world.file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "read\n"
            world.old("UPDATE thing SET value = 3 WHERE id = 1")
            if world.dialect == "sqlite":
                with pytest.raises(DatabaseError, match="database is locked: another program is writing"):
                    world.apply(1)
            else:
                world.apply(1)
                assert value(world) == 3
            os.kill(child.pid, signal.SIGCONT)
            _, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    if world.dialect != "sqlite":
        assert "DatabaseError" in errors
        assert value(world) == 3
    world.apply(1)
    assert value(world) == 3


def test_two_appliers_and_a_writer_end_equal(world):
    """Each change is applied once after it was made, by either of the two; hot keys, swaps of a unique value, and deletes."""
    changes: queue.Queue[int | None] = queue.Queue()
    errors: list[BaseException] = []
    threads = [threading.Thread(target=_follow, args=(world, changes, errors)) for _ in range(2)]
    for thread in threads:
        thread.start()
    _write(world, changes, random.Random(7), 150)
    changes.put(None)
    for thread in threads:
        thread.join(60)
    assert errors == []
    for key in _left(changes):  # what failed beside the other one at the very end
        world.apply(key)
    query = "SELECT id, value, seat FROM {} ORDER BY id"
    assert world.new(query.format("things")) == world.old(query.format("thing"))


def _write(world: Applying, changes: "queue.Queue[int | None]", chance: random.Random, times: int) -> None:
    engine = create_engine(world.addresses["old"].replace("mariadb://", "mariadb+pymysql://"))
    for number in range(times):
        one, other = chance.sample(KEYS, 2)
        with engine.begin() as connection:
            touched = _change(connection, chance.choice("iiuuuds"), one, other, number)
        for key in touched:
            changes.put(key)
    engine.dispose()


def _change(connection: Any, kind: str, one: int, other: int, number: int) -> tuple[int, ...]:
    """One transaction of the application; a seat is never held twice."""
    values = {"one": one, "other": other, "number": number}
    there = connection.execute(text("SELECT count(*) FROM thing WHERE id = :one"), values).scalar_one()
    if kind == "d":
        connection.execute(text("DELETE FROM thing WHERE id = :one"), values)
    elif kind == "s":
        held = dict(connection.execute(text("SELECT id, seat FROM thing WHERE id IN (:one, :other)"), values).all())
        for key, seat in zip(held, reversed(held.values()), strict=True):
            connection.execute(text("UPDATE thing SET seat = :seat WHERE id = :key"), {"seat": seat, "key": key})
        return (one, other)
    elif there:
        connection.execute(text("UPDATE thing SET value = :number WHERE id = :one"), values)
    else:
        connection.execute(text("INSERT INTO thing VALUES (:one, :number, :number + 1000)"), values)
    return (one,)


def _follow(world: Applying, changes: "queue.Queue[int | None]", errors: list[BaseException]) -> None:
    """Apply what comes, some at a time; what waits or fails comes again, as with the relay."""
    try:
        with world.pair() as pair:
            while keys := _some(changes):
                applied = apply(pair, keys, Allowance("things", FREE))
                for (left,) in (*applied.failed, *applied.deferred):
                    changes.put(left)
    except BaseException as error:
        errors.append(error)


def _some(changes: "queue.Queue[int | None]") -> list[tuple[int]]:
    """Up to three keys; none when there will be no more, which everyone is told by the same None."""
    keys: list[tuple[int]] = []
    while (not keys or not changes.empty()) and len(keys) < 3:
        key = changes.get()
        if key is None:
            changes.put(None)
            break
        keys.append((key,))
    return keys


def _left(changes: "queue.Queue[int | None]") -> list[int]:
    return [key for key in changes.queue if key is not None]
