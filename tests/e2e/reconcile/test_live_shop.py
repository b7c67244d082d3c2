"""The whole story on a shop that is open: captured, copied and followed while people buy; then drift of every kind is planted,
found with its columns and nothing else, and repaired.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import reconcile
from benchmarks.drift import KINDS, plant
from reconcile.applying.budget import Budget
from reconcile.mapping.model import Plan
from sample_modern import schema
from strangler.core.units import Share
from tests.e2e.reconcile.beside import relaying
from tests.e2e.running import running, url_in

ROOT = Path(__file__).parents[3]
MOST = Budget(1_000, Share(1.0))


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def plan(request, fresh, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """The worked example, from the legacy shop's SQLite file to a new side on each dialect."""
    new = fresh(request.param)
    shutil.copy(ROOT / "mappings.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    engine = create_engine(new)
    schema.metadata.create_all(engine)
    engine.dispose()
    return reconcile.load("mappings.yaml", {"NEW_DATABASE": new})


@contextmanager
def people(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The shop's traffic generator, reads and writes."""
    words = ["-m", "sample_legacy.traffic", "--url", url, "--rate", "30", "--seed", "11"]
    process = subprocess.Popen([sys.executable, *words], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def drift_of(plan: Plan) -> set[tuple[str, tuple[object, ...], str, tuple[str, ...]]]:
    reports = [reconcile.reconcile(plan, name) for name in plan.names]
    assert [report.failure for report in reports] == [""] * len(reports)
    return {
        (report.mapping, each.key, each.kind.value, tuple(sorted(each.columns)))
        for report in reports
        for each in report.differences
    }


def test_a_shop_that_is_open_is_copied_followed_compared_and_repaired(plan: Plan, tmp_path: Path):
    with running("sample_legacy", "--port", "0", ready="ready on", cwd=tmp_path) as line:
        with people(url_in(line), tmp_path):
            reconcile.install_capture(plan)
            with relaying(plan):
                reconcile.backfill_all(plan)
                for _ in range(2):
                    assert drift_of(plan) == set(), "what is on its way is no drift"
        reconcile.relay(plan, until_idle=True)
        assert [reconcile.reconcile(plan, name).verdict for name in plan.names] == ["clean"] * len(plan.names)
        assert all(status.known for status in reconcile.capture_status(plan))

        planted = plant(plan.databases["new"].url, seed=3, rounds=2)
        assert {each.what for each in planted} == KINDS.keys()
        assert drift_of(plan) == {(each.mapping, each.key, each.kind, tuple(sorted(each.columns))) for each in planted}

        report = {"mappings": [reconcile.reconcile(plan, name).document() for name in plan.names]}
        repair = reconcile.plan_repair(plan, reconcile.keys_of_report(report))
        assert repair.rows == len(planted)
        done = reconcile.repair(plan, repair, limit=MOST, budget=MOST)
        assert all(each.complete for each in done.values())
        assert drift_of(plan) == set()
        assert {standing.status.state.value for standing in reconcile.standings(plan)} == {"clean"}
