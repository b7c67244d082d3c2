"""What differs and what a repair would do, as pages read it: masked, bounded, true of now, and never a repair."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import Any

import pytest

import reconcile
from reconcile.comparing.recheck import Patience
from reconcile.databases.database import opened
from reconcile.jobs.details import Details, beside
from reconcile.jobs.drift import AGAIN, Drifts
from reconcile.jobs.look import standings
from reconcile.mapping.canonical import typed_key
from reconcile.owning.ownership import set_owner
from reconcile.repairing.outlook import outlook
from strangler.core.errors import Refusal


@pytest.fixture
def drifted(numbered):
    """A hundred rows on the old side. On the new one 3 is changed, 7 is missing, and 0 is extra."""
    numbered.old("INSERT INTO thing VALUES (?, ?)", [(n, f"value {n}") for n in range(11, 101)])
    numbered.backfill()
    numbered.new("UPDATE things SET value = 'secret' WHERE id = 3")
    numbered.new("DELETE FROM things WHERE id = 7")
    numbered.new("INSERT INTO things VALUES (0, 'hidden')")
    return numbered


def compare(world) -> None:
    reconcile.reconcile(world.plan, "things", patience=Patience(settle=0.0))


def drift(world, drifts: Drifts | None = None) -> dict[str, Any] | None:
    plan = world.plan
    (standing,) = standings(plan)
    return (drifts or Drifts()).of(plan, standing, reconcile.passes(plan, "things"))


def repairs(world, drifts: Drifts | None = None) -> dict[str, str]:
    found = drift(world, drifts)
    assert found is not None
    return {each["key"]: each["repair"] for each in found["samples"]}


def test_samples_are_masked_and_say_what_a_repair_would_do_now(drifted):
    compare(drifted)
    found = drift(drifted)
    assert found is not None
    assert (found["missing"], found["extra"], found["changed"], found["columns"]) == (1, 1, 1, {"value": 1})
    assert repairs(drifted) == {"0": "delete", "3": "update", "7": "insert"}
    assert [each["cells"] for each in found["samples"] if each["cells"]] == [
        [{"column": "value", "old": "text of 7", "new": "text of 6"}]
    ]
    assert found["repair"] == {
        "trouble": "",
        "written": "new",
        "counts": {"insert": 1, "update": 1, "delete": 1},
        "refusals": [],
    }
    drifted.new("UPDATE things SET value = 'value 3' WHERE id = 3")
    assert repairs(drifted)["3"] == "right by now"


def test_after_the_owner_has_moved_it_is_the_old_side_that_would_be_written(drifted):
    drifted.file.write_text(drifted.file.read_text().rstrip() + "\n    back: {columns: {value: value}}\n")
    compare(drifted)
    set_owner(drifted.plan, "things", "new")
    found = drift(drifted)
    assert found is not None
    assert repairs(drifted) == {"0": "insert", "3": "update", "7": "delete"}
    assert (found["repair"]["written"], found["repair"]["counts"]) == ("old", {"insert": 1, "update": 1, "delete": 1})


def test_counts_are_turned_around_with_the_owner(drifted):
    drifted.file.write_text(drifted.file.read_text().rstrip() + "\n    back: {columns: {value: value}}\n")
    drifted.new("DELETE FROM things WHERE id IN (8, 9)")
    compare(drifted)
    (passed,) = reconcile.passes(drifted.plan, "things")
    assert outlook(drifted.plan, passed, []).counts == {"insert": 3, "update": 1, "delete": 1}
    set_owner(drifted.plan, "things", "new")
    assert outlook(drifted.plan, passed, []).counts == {"insert": 1, "update": 1, "delete": 3}


def test_more_than_a_repair_may_do_is_said_in_its_own_words(drifted):
    drifted.new("INSERT INTO things VALUES (?, ?)", [(n, "x") for n in range(200, 260)])
    compare(drifted)
    found = drift(drifted)
    assert found is not None
    limit, deletes = found["repair"]["refusals"]
    assert "63 rows would be repaired, the limit is 8 (1,000 rows and 5% of 160)" in limit
    assert "`strangler data backfill things`" in limit
    assert "61 rows would be deleted, the budget is 8" in deletes
    assert "--max-deletes 61" in deletes
    assert len(found["samples"]) == 20
    planned = reconcile.plan_drift(drifted.plan, ["things"])
    with pytest.raises(Refusal, match="63 rows would be repaired, the limit is 8"):
        reconcile.repair(drifted.plan, planned)


def test_a_pass_over_what_changed_does_not_know_how_many_rows_there_are(drifted):
    drifted.new("INSERT INTO things VALUES (?, ?)", [(n, "x") for n in range(200, 260)])
    compare(drifted)
    (passed,) = reconcile.passes(drifted.plan, "things")
    assert outlook(drifted.plan, passed, []).refusals
    assert outlook(drifted.plan, replace(passed, full=False), []).refusals == ()


def test_rows_are_looked_at_again_after_a_while_or_for_another_pass(drifted):
    compare(drifted)
    now = [1000.0]
    drifts = Drifts(lambda: now[0])
    assert repairs(drifted, drifts)["3"] == "update"
    drifted.new("UPDATE things SET value = 'value 3' WHERE id = 3")
    assert repairs(drifted, drifts)["3"] == "update"
    now[0] += AGAIN + 1
    assert repairs(drifted, drifts)["3"] == "right by now"
    drifted.new("UPDATE things SET value = 'other' WHERE id = 3")
    compare(drifted)
    assert repairs(drifted, drifts)["3"] == "update"


def test_what_is_clean_again_drifts_no_more(drifted):
    compare(drifted)
    drifts = Drifts()
    assert drift(drifted, drifts)
    drifted.backfill(restart=True)
    compare(drifted)
    assert drift(drifted, drifts) is None


def test_what_cannot_be_told_is_said_and_the_samples_stay(drifted):
    compare(drifted)
    with opened(drifted.plan.databases, "new") as (new,), new.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE things RENAME TO gone")
    found = drift(drifted)
    assert found is not None
    assert found["repair"]["trouble"]
    assert [each["repair"] for each in found["samples"]] == ["", "", ""]


def test_the_document_holds_no_values_and_is_its_owners_alone(drifted, tmp_path):
    compare(drifted)
    document = tmp_path / "store.data.json"
    Details(document).post(drifted.plan)
    text = beside(document).read_text()
    assert stat.S_IMODE(beside(document).stat().st_mode) == 0o600
    assert "secret" not in text
    assert "hidden" not in text
    assert "value 7" not in text
    ((told,),) = (file["mappings"] for file in json.loads(text)["files"].values())
    assert told["drift"]["repair"]["counts"] == {"insert": 1, "update": 1, "delete": 1}
    assert "samples" not in told["passes"][0]["counts"]
    assert told["next"].startswith("`strangler data ")


@pytest.mark.parametrize(
    ("text", "typed"), [("[7]", "7"), ('["a,b"]', "a,b"), ('[5,"a,b"]', '5,"a,b"'), ("nonsense", "nonsense"), ("7", "7")]
)
def test_a_key_is_shown_as_one_types_it(text, typed):
    assert typed_key(text) == typed
