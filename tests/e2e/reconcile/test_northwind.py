"""Northwind, a schema of somebody else's, becomes a clean one: checked, captured, copied and followed while it is written;
then drift of every kind is planted, found with its key, kind and column and nothing else, repaired, and put back.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

import reconcile
from reconcile.applying.budget import Budget
from reconcile.mapping.model import Plan
from reconcile.reports.report import Report
from strangler.core.units import Share
from tests.e2e.reconcile.beside import relaying
from tests.northwind import source, target
from tests.northwind.drift import KINDS, plant
from tests.northwind.writer import write

HERE = Path(target.__file__).parent
WHOLE = bool(os.environ.get(source.VARIABLE))
DRIFTS = 100 if WHOLE else 10  # of each of ten kinds
MOST = Budget(10_000, Share(1.0))
Found = set[tuple[str, tuple[object, ...], str, tuple[str, ...]]]


@pytest.fixture(params=["postgresql", "mariadb"])
def plan(request, fresh, tmp_path: Path) -> Plan:
    new = fresh(request.param)
    source.make(tmp_path / "northwind.db")
    target.create(new)
    for name in ("mappings.yaml", "links.py"):
        shutil.copy(HERE / name, tmp_path)
    return reconcile.load(tmp_path / "mappings.yaml", {"OLD_DATABASE": f"sqlite:///{tmp_path}/northwind.db", "NEW_DATABASE": new})


@contextmanager
def writing(plan: Plan, seed: int, rounds: int) -> Iterator[None]:
    path = plan.databases["old"].url.removeprefix("sqlite:///")
    thread = threading.Thread(target=write, args=(path, seed, rounds))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def compared(plan: Plan, names: Sequence[str] = (), chunk_rows: int | None = None) -> list[Report]:
    reports = [reconcile.reconcile(plan, name, chunk_rows=chunk_rows) for name in names or plan.names]
    assert [(report.failure, report.covered) for report in reports] == [("", True)] * len(reports)
    return reports


def drift_of(reports: Sequence[Report]) -> Found:
    return {
        (report.mapping, each.key, each.kind.value, tuple(sorted(each.columns)))
        for report in reports
        for each in report.differences
    }


def test_it_is_checked_and_nothing_is_in_its_way(plan: Plan):
    environ = {f"{name.upper()}_DATABASE": database.url for name, database in plan.databases.items()}
    problems = reconcile.check(plan.file, environ)
    assert [str(problem) for problem in problems if not problem.warning] == []


@pytest.mark.timeout(600)  # the whole sample, on a busy machine
def test_copied_and_followed_while_it_is_written_then_drifted_repaired_and_undone(plan: Plan, caplog: pytest.LogCaptureFixture):
    reconcile.install_capture(plan)
    with writing(plan, seed=5, rounds=4), relaying(plan):
        reconcile.backfill_all(plan, chunk_rows=70)
        assert drift_of(compared(plan, ["customers", "orders", "order_lines"])) == set(), "what is on its way is no drift"
    reconcile.relay(plan, until_idle=True)
    assert {report.mapping: report.verdict for report in compared(plan)} == dict.fromkeys(plan.names, "clean")

    planted = plant(plan.databases["new"].url, seed=7, rounds=DRIFTS)
    expected = {(each.mapping, each.key, each.kind, tuple(sorted(each.columns))) for each in planted}
    assert {each.what for each in planted} == set(KINDS)
    assert len(expected) == len(planted) >= 10 * DRIFTS
    reports = compared(plan)
    assert drift_of(reports) == expected

    repair = reconcile.plan_repair(plan, reconcile.keys_of_report({"mappings": [report.document() for report in reports]}))
    assert repair.rows == len(planted)
    done = reconcile.repair(plan, repair, limit=MOST, budget=MOST)
    assert all(each.complete for each in done.values())
    assert {report.mapping: report.verdict for report in compared(plan)} == dict.fromkeys(plan.names, "clean")

    undone = reconcile.undo_repair(plan, repair.id)
    assert (undone.restored, undone.left) == (len(planted), {})
    assert drift_of(compared(plan, chunk_rows=37)) == expected
    assert [each.getMessage() for each in caplog.records] == [], "a batch that is tried again row by row is no news"
