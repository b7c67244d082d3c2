"""Another schema of another style by the same commands, from PostgreSQL to MariaDB: nothing in the code knows of either."""

from __future__ import annotations

from pathlib import Path

import pytest

import reconcile
from reconcile.mapping.model import Plan
from strangler.core.errors import Refusal
from tests.northwind import records


@pytest.fixture
def plan(fresh, tmp_path: Path) -> Plan:
    shop, store = fresh("postgresql"), fresh("mariadb")
    records.create(shop, store)
    (tmp_path / "mappings.yaml").write_text(records.MAPPINGS, "utf-8")
    return reconcile.load(tmp_path / "mappings.yaml", {"SHOP": shop, "STORE": store})


def verdicts(plan: Plan) -> dict[str, str]:
    reports = [reconcile.reconcile(plan, name) for name in plan.names]
    return {report.mapping: report.verdict.value + report.why_not_clean for report in reports}


def test_a_record_shop_is_copied_and_followed(plan: Plan):
    environ = {name.upper(): database.url for name, database in plan.databases.items()}
    assert [str(problem) for problem in reconcile.check(plan.file, environ) if not problem.warning] == []
    reconcile.install_capture(plan)
    reconcile.backfill_all(plan)
    assert verdicts(plan) == dict.fromkeys(plan.names, "clean")

    records.run(plan.databases["shop"].url, *records.CHANGES)
    with pytest.raises(Refusal, match=r"^songs: \d+ rows would be deleted, the budget is 20 "):
        reconcile.relay(plan, until_idle=True)  # one artist took this many rows along; someone has to want that
    reconcile.resume(plan, "songs", 300)
    reconcile.resume(plan, "list_songs", 240)
    reconcile.relay(plan, until_idle=True)
    assert reconcile.dead_letters(plan) == []
    assert verdicts(plan) == dict.fromkeys(plan.names, "clean")


def test_json_is_drift_by_what_it_says_and_not_by_how_it_is_written(plan: Plan):
    reconcile.backfill_all(plan)
    store = plan.databases["store"].url
    records.run(
        store,
        """UPDATE performers SET about = '{ "nested":{"a":12345678901234567890, "z":"“”"}, "é":[1,2.5,null,true] }'""",
        "UPDATE performers SET about = json_set(about, '$.nested.a', 1) WHERE name = 'Artist 7'",
        "UPDATE staff SET manager_id = 3 WHERE id = 1",
        "UPDATE songs SET style = 'rock' WHERE style = 'electronic' AND id < 20",
    )
    found = [
        (each.mapping, row.key, row.columns)
        for name in plan.names
        for each in [reconcile.reconcile(plan, name)]
        for row in each.differences
    ]
    assert [columns for mapping, _, columns in found if mapping == "performers"] == [("about",)]
    assert [(key, columns) for mapping, key, columns in found if mapping == "staff"] == [((1,), ("manager_id",))]
    assert {columns for mapping, _, columns in found if mapping == "songs"} == {("style",)}
    assert {mapping for mapping, _, _ in found} == {"performers", "staff", "songs"}
