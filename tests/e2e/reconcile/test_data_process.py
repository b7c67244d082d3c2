"""The data process of `strangler serve`: it relays, is replaced when it dies, dies with its supervisor, and informs the guard."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import reconcile
from sample_legacy import facts
from sample_legacy import seed as legacy
from sample_modern import schema
from strangler.core.data_status import DataStatus, decode
from tests.e2e.control.serving import Serving, Upstream, command, marked
from tests.e2e.running import free_port

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serving]:
    """Both shops' databases beside a file that names their mappings; nothing is captured yet."""
    for name in ("OLD_DATABASE", "NEW_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "mappings.yaml", tmp_path)
    _create("legacy.db", lambda engine: legacy.prepare(engine, facts.load()))
    _create("modern.db", schema.metadata.create_all)
    old, new = await Upstream("legacy").open(), await Upstream("modern").open()
    made = Serving(tmp_path, old, new, free_port(), free_port(), str(tmp_path), workers=1)
    made.write()
    made.put(made.file.read_text("utf-8") + "mappings: [mappings.yaml]\n")
    yield made
    await made.close()


def _create(name: str, fill) -> None:
    engine = create_engine(f"sqlite:///{name}")
    fill(engine)
    engine.dispose()


def run(database: str, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        return connection.execute(sql).fetchall()


def data_processes(serving: Serving) -> list[int]:
    return [pid for pid in marked(serving.mark) if "strangler.cli.data_process" in command(pid)]


def told() -> DataStatus | None:
    try:
        return decode(Path("strangler.data.json").read_bytes())
    except OSError:
        return None


async def test_a_write_is_copied_and_a_killed_process_replaced(serving: Serving) -> None:
    plan = reconcile.load("mappings.yaml", os.environ)
    reconcile.install_capture(plan)
    reconcile.backfill_all(plan)
    await serving.start()
    await serving.until(lambda: data_processes(serving))
    (victim,) = data_processes(serving)
    run("legacy.db", "UPDATE customer SET nm = 'Written First' WHERE cust_no = 1")
    await serving.until(lambda: run("modern.db", "SELECT name FROM customers WHERE id = 1") == [("Written First",)])
    # What it holds when it is killed waits for its lease to run out.
    await serving.until(lambda: run("legacy.db", "SELECT count(*) FROM strangler_pending") == [(0,)])

    os.kill(victim, signal.SIGKILL)
    run("legacy.db", "UPDATE customer SET nm = 'Written While It Was Dead' WHERE cust_no = 1")
    await serving.complaint(f"data (pid {victim}) was killed by SIGKILL: starts again")
    await serving.until(lambda: run("modern.db", "SELECT name FROM customers WHERE id = 1") == [("Written While It Was Dead",)])
    await serving.state(lambda state: state["ready"])


async def test_the_guard_is_told_of_a_clean_pass_and_of_drift(serving: Serving) -> None:
    plan = reconcile.load("mappings.yaml", os.environ)
    await serving.start()
    await serving.until(lambda: (found := told()) and "not installed" in found.mappings["customers"].why)
    reconcile.install_capture(plan)
    reconcile.backfill_all(plan)
    assert reconcile.reconcile(plan, "customers").clean
    await serving.until(lambda: (found := told()) and found.mappings["customers"].state == "clean")
    await serving.until(lambda: (found := told()) and (lag := found.mappings["customers"].lag) is not None and lag < 5)

    run("modern.db", "UPDATE customers SET email = 'drifted' WHERE id = 9")
    assert not reconcile.reconcile(plan, "customers").clean
    await serving.until(lambda: (found := told()) and found.mappings["customers"].state == "drift")
    assert "drifted" not in Path("strangler.data.json").read_text("utf-8")


async def test_it_dies_with_its_supervisor_and_ends_with_it(serving: Serving) -> None:
    await serving.start()
    await serving.until(lambda: data_processes(serving))
    assert await serving.stop() == 0
    await serving.until(lambda: not data_processes(serving))
    await serving.start()
    await serving.until(lambda: data_processes(serving))
    serving.process.kill()
    await serving.until(lambda: not data_processes(serving))


async def test_traffic_is_served_without_any_database(serving: Serving) -> None:
    for name in ("legacy.db", "modern.db"):
        Path(name).unlink()
    await serving.start()
    await serving.complaint("data: relay: database old: there is no file")
    await serving.state(lambda state: state["ready"])


async def test_data_alone(serving: Serving) -> None:
    plan = reconcile.load("mappings.yaml", os.environ)
    reconcile.install_capture(plan)
    process = await serving.launch("--only", "data")
    await serving.until(lambda: run("modern.db", "SELECT count(*) FROM customers") == [(0,)])
    run("legacy.db", "UPDATE customer SET nm = 'Alone' WHERE cust_no = 1")
    await serving.until(lambda: run("modern.db", "SELECT name FROM customers WHERE id = 1") == [("Alone",)])
    process.terminate()
    async with asyncio.timeout(20):
        assert await process.wait() == 0
