"""Disks that are full, files that go, servers that stop: one clear line, and nothing half written."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from strangler.core.errors import DatabaseError
from strangler.core.records import Batch
from strangler.store.recording import Memory, Recorder
from strangler.store.store import Store
from tests.contract.store.conftest import administer
from tests.contract.store.given import MINUTE, NOW, counted, example, stratum, with_examples
from tests.servers.postgresql import Server


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{file}", patience=0.0)
    yield store
    store.close()


def one() -> Batch:
    batch = with_examples(example(body=os.urandom(50_000).hex()))
    batch.counts[MINUTE, stratum(), "match"] = [1, 0]
    return batch


def test_a_full_disk(store: Store) -> None:
    run = store.begin_run(NOW, "1.0")
    pages = "PRAGMA max_page_count = {}"
    store._database.reading(lambda connection: connection.exec_driver_sql(pages.format(40)).all())
    large = with_examples(*(example(body=os.urandom(50_000).hex()) for _ in range(20)))
    large.counts[MINUTE, stratum(), "match"] = [20, 0]
    with pytest.raises(DatabaseError, match=r"store\.db: database or disk is full: make room, or lower `retention: {size: …}`$"):
        store.record(large, run)
    assert (store.counts(), store.examples(), store.causes()) == ([], [], [])
    store._database.reading(lambda connection: connection.exec_driver_sql(pages.format(10**6)).all())
    store.record(one(), run)
    assert counted(store) == {("orders", "match"): (1, 0)}


def test_another_program_that_holds_the_file(store: Store, file: Path) -> None:
    run = store.begin_run(NOW, "1.0")
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match=r"database is locked: another program has been writing to it for too long: try"):
            store.record(one(), run)
        assert store.causes() == []  # reading waits for nobody
        other.execute("ROLLBACK")
    store.record(one(), run)
    assert counted(store) == {("orders", "match"): (1, 0)}


def test_waiting_for_another_program(file: Path) -> None:
    """The other one lets go while this one is waiting."""
    store = Store.open(f"sqlite:///{file}", patience=30.0)
    run = store.begin_run(NOW, "1.0")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            os.write(writer, b"x")
            other.execute("SELECT count(*) FROM strangler_runs").fetchall()
            other.execute("ROLLBACK")
        os._exit(0)
    assert os.read(reader, 1) == b"x"
    store.record(one(), run)
    assert os.waitpid(child, 0)[1] == 0
    assert counted(store) == {("orders", "match"): (1, 0)}
    os.close(reader)
    os.close(writer)
    store.close()


def test_a_file_that_is_deleted_meanwhile(store: Store, file: Path) -> None:
    run = store.begin_run(NOW, "1.0")
    file.unlink()
    for _ in range(2):
        with pytest.raises(DatabaseError, match="its file is gone: put it back, or restart `strangler serve` to"):
            store.record(one(), run)
    with pytest.raises(DatabaseError, match="its file is gone"):
        store.causes()
    assert not file.exists()


def test_a_file_that_comes_back(store: Store, file: Path) -> None:
    run = store.begin_run(NOW, "1.0")
    file.rename(file.with_name("away.db"))
    with pytest.raises(DatabaseError):
        store.record(one(), run)
    file.with_name("away.db").rename(file)
    store.record(one(), run)
    assert counted(store) == {("orders", "match"): (1, 0)}


def test_another_file_in_its_place(store: Store, file: Path) -> None:
    run = store.begin_run(NOW, "1.0")
    store.record(one(), run)
    other = Store.open("sqlite:///other.db", file.parent)
    other.close()
    for log in ("store.db-wal", "store.db-shm"):
        file.with_name(log).unlink()
    file.with_name("other.db").rename(file)
    with pytest.raises(DatabaseError, match=r"its contents were exchanged: restart `strangler serve`$"):
        store.record(one(), run)


def test_an_empty_file_in_its_place(store: Store, file: Path) -> None:
    run = store.begin_run(NOW, "1.0")
    file.unlink()
    file.touch()
    with pytest.raises(DatabaseError, match=r"no such table: .*: its file was exchanged: restart `strangler serve`$"):
        store.record(one(), run)


def test_a_file_that_may_only_be_read(file: Path) -> None:
    Store.open(f"sqlite:///{file}").close()
    file.chmod(0o400)
    store = Store.open(f"sqlite:///{file}", patience=0.0)
    if os.geteuid() == 0:  # whom no permission stops
        store._database.reading(lambda connection: connection.exec_driver_sql("PRAGMA query_only = ON"))
    with pytest.raises(DatabaseError, match=r"readonly database: it may not be written: see who owns the file and its folder$"):
        store.begin_run(NOW, "1.0")
    store.close()


def test_a_damaged_file(file: Path) -> None:
    store = Store.open(f"sqlite:///{file}")
    store.record(one(), store.begin_run(NOW, "1.0"))
    store.close()
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"\xff" * 4_000)
    with pytest.raises(DatabaseError, match=r"malformed.*: the file is damaged: put a copy back, or move it away"):
        Store.open(f"sqlite:///{file}")


def test_a_connection_that_was_ended_is_replaced(postgresql: str, server: Server) -> None:
    store = Store.open(postgresql)
    run = store.begin_run(NOW, "1.0")
    administer(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strangler'")
    store.record(one(), run)
    assert counted(store) == {("orders", "match"): (1, 0)}
    store.close()


def test_a_connection_that_is_ended_in_the_middle(postgresql: str, server: Server) -> None:
    store = Store.open(postgresql)
    run = store.begin_run(NOW, "1.0")
    tries = []

    def work(connection: object) -> int:
        tries.append(1)
        batch = Batch(counts={(MINUTE, stratum(), "match"): [1, 0]})
        Recorder(connection, Memory()).record(batch, run.number, "token")  # type: ignore[arg-type]
        if len(tries) == 1:
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))  # type: ignore[attr-defined]
        return len(tries)

    assert store._database.writing(work) == 2
    assert counted(store) == {("orders", "match"): (1, 0)}
    store.close()


def test_a_server_that_stops_and_comes_back(postgresql: str, server: Server) -> None:
    if server.folder is None:
        pytest.skip("the server that the environment names is not ours to stop")
    store = Store.open(postgresql, patience=0.2)
    run = store.begin_run(NOW, "1.0")
    server.stop()
    try:
        with pytest.raises(DatabaseError, match=r"connection.*: check that the server runs, and `store:`$") as caught:
            store.record(one(), run)
        assert "\n" not in str(caught.value)
    finally:
        server.start()
    store.record(one(), run)
    assert counted(store) == {("orders", "match"): (1, 0)}
    store.close()


def test_another_writer_that_does_not_end(postgresql: str) -> None:
    patient, other = Store.open(postgresql), Store.open(postgresql, patience=0.1)
    run = other.begin_run(NOW, "1.0")

    def hold(connection: object) -> str:
        with pytest.raises(DatabaseError, match="lock timeout: another program has been writing") as caught:
            other.record(one(), run)
        return str(caught.value)

    assert "canceling statement" in patient._database.writing(hold)
    other.record(one(), run)
    assert counted(other) == {("orders", "match"): (1, 0)}
    patient.close()
    other.close()
