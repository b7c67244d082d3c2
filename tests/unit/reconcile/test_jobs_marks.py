"""A database that went back to a backup makes its mappings unknown, on every dialect, until all rows were compared."""

from __future__ import annotations

import shutil

import pytest
from sqlalchemy import update

import reconcile
from reconcile.applying.budget import Budget
from reconcile.databases.database import opened
from reconcile.jobs import marks, parts
from reconcile.jobs.marks import MARK, gone_back, look
from strangler.core.guard.evidence import DataState
from strangler.core.units import Share
from tests.unit.reconcile.test_jobs_strays import place  # noqa: F401


@pytest.fixture
def plan(place):  # noqa: F811
    """Captured, compared and looked at a few times."""
    plan = reconcile.load(place.file, {})
    assert [look(plan) for _ in range(3)] == [{}] * 3
    assert reconcile.reconcile(plan, "things").clean
    return plan


def backup(plan, name: str) -> dict[str, int]:
    with opened(plan.databases, name) as (database,), database.reading() as connection:
        return {row.peer: row.number for row in connection.execute(MARK.select())}


def restore(plan, name: str, numbers: dict[str, int]) -> None:
    with opened(plan.databases, name) as (database,), database.writing() as connection:
        for peer, number in numbers.items():
            connection.execute(update(MARK).where(MARK.c.peer == peer).values(number=number))


@pytest.mark.parametrize("name", ["old", "new"])
def test_a_database_that_went_back_is_noticed_and_a_full_pass_makes_up_for_it(plan, name):
    kept = backup(plan, name)
    look(plan)
    (before,) = reconcile.standings(plan)
    assert (before.known, before.status.state) == (True, DataState.CLEAN)
    restore(plan, name, kept)
    (found,) = reconcile.standings(plan)  # which writes nothing, and notices it all the same
    why = f"database {name} went back: it was restored from a backup, or replaced by another one"
    assert (found.known, found.status.state, found.status.why) == (False, DataState.UNKNOWN, why)
    said = list[str]()
    parts.marks(plan, None, said.append)
    assert said == [f"marks: {why}: all its mappings are unknown until a `reconcile` was clean"]
    assert (gone_back(plan), look(plan)) == ({}, {})
    (found,) = reconcile.standings(plan)
    assert (found.known, why in found.why_unknown) == (False, True)
    assert "make a full pass" in reconcile.reconcile(plan, "things", incremental=True).failure
    assert reconcile.reconcile(plan, "things").clean
    assert reconcile.standings(plan)[0].known


def test_a_comparison_notices_it_by_itself_and_does_not_rest_on_what_was_before(plan):
    kept = backup(plan, "old")
    look(plan)
    restore(plan, "old", kept)
    assert "went back" in reconcile.reconcile(plan, "things", incremental=True).failure


def test_a_look_that_was_cut_off_or_overtaken_is_no_alarm(plan, monkeypatch):
    with opened(plan.databases, "old", "new") as (old, new):
        marks._grow(old, new)  # cut off before it was seen
        marks._grow(new, old)
        assert look(plan) == {}
        grow = marks._grow

        def overtaken(database, peer):
            number = grow(database, peer)
            monkeypatch.setattr(marks, "_grow", grow)
            assert look(plan) == {}
            return number

        monkeypatch.setattr(marks, "_grow", overtaken)
        assert look(plan) == {}
    assert look(plan) == {}


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_another_history_of_the_same_database_is_one_that_went_back(plan):
    with opened(plan.databases, "new") as (database,), database.writing() as connection:
        identity = connection.execute(MARK.select()).one().identity
        assert identity.endswith(" 00000001")
        connection.execute(update(MARK).values(identity=identity[:-1] + "0"))
    assert "database old went back" in look(plan)["things"]
    assert look(plan) == {}


def test_without_capture_there_are_no_marks(place):  # noqa: F811
    plan = reconcile.load(place.file, {})
    reconcile.remove_capture(plan, discard=True)
    assert look(plan) == {}
    with opened(plan.databases, "old") as (database,):
        assert not marks._has(database, MARK.name)


def test_a_file_that_is_put_back_is_noticed_with_the_changes_that_are_gone_with_it(numbered):
    plan = numbered.plan
    reconcile.install_capture(plan)
    reconcile.backfill(plan, "things")
    reconcile.relay(plan, until_idle=True)
    assert reconcile.reconcile(plan, "things").clean
    shutil.copy(numbered.folder / "old.db", numbered.folder / "backup.db")
    numbered.old("UPDATE thing SET value = 'later' WHERE id = 3")
    reconcile.relay(plan, until_idle=True)
    assert reconcile.reconcile(plan, "things", incremental=True).clean
    shutil.copy(numbered.folder / "backup.db", numbered.folder / "old.db")
    assert "went back" in reconcile.standings(plan)[0].status.why
    assert reconcile.reconcile(plan, "things").drifted == 1
    reconcile.repair(plan, reconcile.plan_drift(plan), limit=Budget(10, Share(1.0)))
    assert reconcile.reconcile(plan, "things").clean
    assert reconcile.standings(plan)[0].known
