"""An old SQLite file that keeps no write-ahead log, as most do: its readers make a writer wait, and a waiting writer new readers.

So whoever holds it open for reading and opens it once more waits for a writer who waits for them, until both give up.
"""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

import reconcile
from reconcile.applying.budget import Budget
from reconcile.mapping.model import Plan
from strangler.core.units import Share
from tests.northwind import source, target
from tests.northwind.drift import plant
from tests.northwind.writer import write

HERE = Path(target.__file__).parent
MOST = Budget(10_000, Share(1.0))


class Doors:
    """How often each thread holds each SQLite file open now, and who ever opened one twice."""

    def __init__(self) -> None:
        self.open: Counter[tuple[int, str]] = Counter()
        self.twice: set[str] = set()

    def enter(self, connection: Any, record: Any, _: Any) -> None:
        file = Path(connection.execute("PRAGMA database_list").fetchone()[2]).name
        place = record.info["door"] = (threading.get_ident(), file)
        self.open[place] += 1
        if self.open[place] > 1:
            self.twice.add(file)

    def leave(self, connection: Any, record: Any) -> None:
        self.open[record.info.pop("door")] -= 1


@pytest.fixture
def doors() -> Iterator[Doors]:
    found = Doors()
    event.listen(Pool, "checkout", found.enter)
    event.listen(Pool, "checkin", found.leave)
    yield found
    event.remove(Pool, "checkout", found.enter)
    event.remove(Pool, "checkin", found.leave)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    environ = {"OLD_DATABASE": f"sqlite:///{tmp_path}/northwind.db", "NEW_DATABASE": f"sqlite:///{tmp_path}/new.db"}
    source.make(tmp_path / "northwind.db")
    target.create(environ["NEW_DATABASE"])
    for name in ("mappings.yaml", "links.py"):
        shutil.copy(HERE / name, tmp_path)
    return reconcile.load(tmp_path / "mappings.yaml", environ)


def test_nobody_holds_a_file_open_twice(plan: Plan, tmp_path: Path, doors: Doors):
    reconcile.check(plan.file, {f"{name.upper()}_DATABASE": each.url for name, each in plan.databases.items()})
    reconcile.install_capture(plan)
    reconcile.backfill_all(plan)
    write(f"{tmp_path}/northwind.db", seed=1, rounds=2)
    reconcile.relay(plan, until_idle=True)
    assert [reconcile.reconcile(plan, name, selftest=True).verdict for name in plan.names] == ["clean"] * len(plan.names)
    plant(plan.databases["new"].url, seed=1, rounds=1)
    report = {"mappings": [reconcile.reconcile(plan, name).document() for name in plan.names]}
    planned = reconcile.plan_repair(plan, reconcile.keys_of_report(report))
    reconcile.repair(plan, planned, limit=MOST, budget=MOST)
    reconcile.undo_repair(plan, planned.id)
    reconcile.backfill_all(plan, budget=MOST)
    reconcile.standings(plan)
    assert doors.open.total() == 0
    assert doors.twice == set()
