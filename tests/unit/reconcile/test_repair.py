"""A repair from the outside: planned, applied to what is still as witnessed, undone exactly, and never a fight."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text, update

import reconcile
from reconcile.applying.budget import Budget, Halted
from reconcile.databases.clock import now
from reconcile.databases.database import opened
from reconcile.mapping.model import Column, Mapping, Plan, Source, Target
from reconcile.mapping.model import Database as Address
from reconcile.owning.ownership import set_owner
from reconcile.relaying import tables as relay_tables
from reconcile.repairing import repair as repairing
from reconcile.repairing.tables import JOURNAL
from reconcile.reports.report import Counts
from strangler.core.errors import Refusal, UsageError
from strangler.core.units import Share

ALL = Budget(10_000, Share(1.0))
KEYS = [(number,) for number in range(0, 12)]
CHANGED_SINCE = "the row to be repaired has changed since the plan was made"


def repair(world, planned, **options):
    return reconcile.repair(world.plan, planned, **({"limit": ALL, "budget": ALL} | options))["things"]


def plan(world, keys=KEYS):
    return reconcile.plan_repair(world.plan, {"things": keys})


def rows(world):
    return world.new("SELECT * FROM things ORDER BY id")


@pytest.fixture
def drifted(numbered):
    """Ten rows on the old side. On the new one, 3 is changed, 7 is missing and 0 is extra; there is a column of its own."""
    numbered.new("ALTER TABLE things ADD COLUMN own TEXT")
    numbered.new("INSERT INTO things (id, value, own) VALUES (?, ?, ?)", [(n, f"value {n}", f"own {n}") for n in range(1, 11)])
    numbered.new("UPDATE things SET value = 'wrong' WHERE id = 3")
    numbered.new("DELETE FROM things WHERE id = 7")
    numbered.new("INSERT INTO things VALUES (0, 'extra', 'own 0')", [()])
    return numbered


def test_a_plan_names_rows_and_how_they_differ_and_holds_no_values(drifted, tmp_path):
    planned = plan(drifted)
    (part,) = planned.parts
    assert [(item.key, item.kind.value, item.columns) for item in part.items] == [
        ("[0]", "extra", ()),
        ("[3]", "changed", ("value",)),
        ("[7]", "missing", ()),
    ]
    assert (part.written, part.epoch, part.rows) == ("new", 1, 10)
    reconcile.save_repair(planned, tmp_path / "plan.json")
    assert "wrong" not in (tmp_path / "plan.json").read_text()
    assert reconcile.load_repair(tmp_path / "plan.json") == planned
    assert "strangler_repair" not in str(drifted.new("SELECT name FROM sqlite_master"))  # planning writes nothing


def test_what_was_planned_is_written_and_undone_exactly(drifted):
    before = rows(drifted)
    planned = plan(drifted)
    done = repair(drifted, planned)
    assert (done.counts, done.right, done.complete) == (Counts(inserted=1, updated=1, deleted=1), 0, True)
    assert [row[:2] for row in rows(drifted)] == drifted.old("SELECT * FROM thing ORDER BY id")
    assert plan(drifted).rows == 0
    undone = reconcile.undo_repair(drifted.plan, planned.id)
    assert (undone.restored, undone.left) == (3, {})
    assert rows(drifted) == before
    with pytest.raises(UsageError, match=r"nothing of a plan .* is left to undo"):
        reconcile.undo_repair(drifted.plan, planned.id)


def test_a_plan_from_a_report(drifted):
    report = {"mapping": "things", "differences": [{"key": [3]}, {"key": [7]}, {"key": [8]}]}
    assert plan(drifted, reconcile.keys_of_report(report)["things"]).rows == 2
    assert reconcile.keys_of_report({"mappings": [report]}) == {"things": [(3,), (7,), (8,)]}
    with pytest.raises(UsageError, match="that is no report"):
        reconcile.keys_of_report({"verdict": "clean"})


def test_every_drifted_row_is_planned_however_many_a_report_keeps(numbered, monkeypatch):
    numbered.old("INSERT INTO thing VALUES (?, ?)", [(n, f"value {n}") for n in range(11, 1502)])
    seen = []
    planned = reconcile.plan_drift(numbered.plan, on_report=seen.append)
    assert (planned.rows, planned.parts[0].more, len(seen[0].differences)) == (1501, 0, 1000)
    with pytest.raises(Refusal, match="1,501 rows would be repaired, the limit is 75"):
        repair(numbered, planned, limit=Budget(1000, Share(0.05)))
    assert repair(numbered, planned).counts.inserted == 1501
    assert numbered.reconcile().clean


def test_what_does_not_fit_into_a_plan_is_told_and_counts_for_the_limit(numbered, tmp_path):
    planned = reconcile.plan_drift(numbered.plan, most=4)
    assert (planned.rows, planned.parts[0].more) == (4, 6)
    assert "    6 more differ and are not in this plan: plan again after it, or `backfill things`" in list(planned.lines())
    reconcile.save_repair(planned, tmp_path / "plan.json")
    again = reconcile.load_repair(tmp_path / "plan.json")
    assert again == planned
    with pytest.raises(Refusal, match="10 rows would be repaired, the limit is 9"):
        repair(numbered, again, limit=Budget(9, Share(1.0)))
    repair(numbered, again)
    assert reconcile.plan_drift(numbered.plan, most=6).rows == 6


def test_a_report_that_lists_less_than_it_counts_plans_less_and_says_so(numbered):
    document = json.loads(json.dumps(numbered.reconcile().document()))
    document["differences"] = document["differences"][:3]
    planned = reconcile.plan_repair(
        numbered.plan, reconcile.keys_of_report(document), more=reconcile.more_of_report({"mappings": [document]})
    )
    assert (planned.rows, planned.parts[0].more) == (3, 7)


def test_a_source_that_looks_empty_plans_no_deletions(numbered):
    numbered.backfill()
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    seen = []
    assert reconcile.plan_drift(numbered.plan, on_report=seen.append).rows == 0
    assert "are these the right databases?" in seen[0].why_not_clean


def test_rows_that_changed_since_the_plan_are_left_alone_and_named(drifted):
    planned = plan(drifted)
    drifted.new("UPDATE things SET value = 'newer' WHERE id IN (0, 3)")
    drifted.new("INSERT INTO things VALUES (7, 'newer', NULL)", [()])
    done = repair(drifted, planned)
    assert done.left == dict.fromkeys(("[0]", "[3]", "[7]"), CHANGED_SINCE)
    assert not done.complete
    assert [row[1] for row in rows(drifted) if row[0] in (0, 3, 7)] == ["newer"] * 3


def test_rows_that_are_right_by_now_are_counted_and_not_written(drifted):
    planned = plan(drifted)
    drifted.new("UPDATE things SET value = 'value 3' WHERE id = 3")
    done = repair(drifted, planned)
    assert (done.counts, done.right, done.left) == (Counts(inserted=1, deleted=1), 1, {})


def test_what_the_source_says_now_is_written_unless_another_thing_would_have_to_be_done(drifted):
    planned = plan(drifted)
    drifted.old("UPDATE thing SET value = 'later' WHERE id IN (3, 7)")
    drifted.old("INSERT INTO thing VALUES (0, 'born')", [()])
    done = repair(drifted, planned)
    assert (done.counts, list(done.left)) == (Counts(inserted=1, updated=1), ["[0]"])
    assert [row[1] for row in rows(drifted) if row[0] in (0, 3, 7)] == ["extra", "later", "later"]
    planned = plan(drifted)
    drifted.old("DELETE FROM thing WHERE id = 0")
    done = repair(drifted, planned)
    assert list(done.left) == ["[0]"]
    assert (0, "extra", "own 0") in rows(drifted)


def test_too_much_drift_is_refused_before_anything_is_written(drifted):
    before = rows(drifted)
    planned = plan(drifted)
    for limit in (Budget(2, Share(1.0)), Budget(1000, Share(0.2))):
        with pytest.raises(Refusal, match=r"things: 3 rows would be repaired, the limit is 2 .*a mistake in the mapping"):
            repair(drifted, planned, limit=limit)
    with pytest.raises(Refusal, match="the limit is 1 "):
        reconcile.repair(drifted.plan, planned)
    assert rows(drifted) == before


def test_deletes_are_under_the_shared_budget(drifted):
    drifted.new("INSERT INTO things VALUES (11, 'extra', NULL)", [()])
    with pytest.raises(Halted, match="rows would be deleted, the budget is 1"):
        repair(drifted, plan(drifted), budget=Budget(1, Share(1.0)))
    assert [row[0] for row in rows(drifted) if row[0] in (0, 11)] == [0, 11]


def test_undo_leaves_alone_what_has_changed_since_in_any_column(drifted):
    planned = plan(drifted)
    repair(drifted, planned)
    drifted.new("UPDATE things SET own = 'mine' WHERE id = 7")
    drifted.new("UPDATE things SET value = 'other' WHERE id = 3")
    undone = reconcile.undo_repair(drifted.plan, planned.id)
    why = "the row has changed since it was repaired"
    assert (undone.restored, undone.left) == (1, {"things [7]": why, "things [3]": why})
    assert (0, "extra", "own 0") in rows(drifted)
    assert (7, "value 7", "mine") in rows(drifted)


def test_a_row_repaired_three_times_is_frozen_and_its_writer_named(drifted):
    for _ in range(3):
        drifted.new("UPDATE things SET value = 'again' WHERE id = 3")
        assert repair(drifted, plan(drifted, [(3,)])).counts == Counts(updated=1)
    drifted.new("UPDATE things SET value = 'again' WHERE id = 3")
    (part,) = plan(drifted, [(3,), (7,)]).parts
    assert [item.key for item in part.items] == ["[7]"]
    assert part.frozen == {"[3]": "frozen: repaired 3 times within 7 days, so something else writes it"}
    with opened(drifted.plan.databases, "new") as (database,):
        relay_tables.ensure(database)
        with database.writing() as connection:
            moments = {"first_at": 1, "last_at": 2}
            connection.execute(
                relay_tables.ROGUE.insert(), {"mapping": "things", "key": "[3]", "writes": 4, "origin": ""} | moments
            )
    assert plan(drifted, [(3,)]).parts[0].frozen["[3]"].endswith("something else writes it: 4 writes, the last by an application")
    with opened(drifted.plan.databases, "new") as (database,), database.writing() as connection:
        connection.execute(update(JOURNAL).values(at=now(database) - 8 * 86_400_000_000))
    assert plan(drifted, [(3,)]).rows == 1


def test_a_row_that_was_repaired_too_often_since_the_plan_is_frozen_too(drifted):
    older = plan(drifted, [(3,)])
    for _ in range(3):
        repair(drifted, plan(drifted, [(3,)]))
        drifted.new("UPDATE things SET value = 'wrong' WHERE id = 3")
    assert list(repair(drifted, older).left.values()) == ["frozen: repaired 3 times within 7 days, so something else writes it"]


def test_what_was_undone_is_no_fight(drifted):
    for _ in range(4):
        planned = plan(drifted, [(3,)])
        assert repair(drifted, planned).counts == Counts(updated=1)
        reconcile.undo_repair(drifted.plan, planned.id)


def test_nothing_is_written_or_undone_when_the_owner_has_moved(drifted):
    before = plan(drifted, [(3,)])
    repair(drifted, before)
    planned = plan(drifted, [(7,)])
    set_owner(drifted.plan, "things", "new")
    set_owner(drifted.plan, "things", "old")
    with pytest.raises(Refusal, match="things: its owner has moved since the plan was made"):
        repair(drifted, planned)
    drifted.file.write_text(drifted.file.read_text().rstrip() + "\n    back: {columns: {value: value}}\n")
    set_owner(drifted.plan, "things", "new")
    with pytest.raises(Refusal, match="applications write the new database now, so nothing is put back there"):
        reconcile.undo_repair(drifted.plan, before.id)


def test_after_the_owner_has_moved_the_old_side_is_repaired(drifted):
    drifted.file.write_text(drifted.file.read_text().rstrip() + "\n    back: {columns: {value: value}}\n")
    set_owner(drifted.plan, "things", "new")
    before = drifted.old("SELECT * FROM thing ORDER BY id")
    planned = plan(drifted)
    assert (planned.parts[0].written, planned.rows) == ("old", 3)
    assert repair(drifted, planned).counts == Counts(inserted=1, updated=1, deleted=1)
    assert drifted.old("SELECT * FROM thing ORDER BY id") == [row[:2] for row in rows(drifted)]
    assert reconcile.undo_repair(drifted.plan, planned.id).restored == 3
    assert drifted.old("SELECT * FROM thing ORDER BY id") == before


def test_repairs_are_listed_and_pruned(drifted):
    assert reconcile.repairs(drifted.plan) == []
    first, second = plan(drifted, [(3,)]), plan(drifted, [(0,), (7,)])
    repair(drifted, first)
    repair(drifted, second)
    reconcile.undo_repair(drifted.plan, first.id)
    listed = {each.plan: each for each in reconcile.repairs(drifted.plan)}
    assert (listed[first.id].applied, listed[first.id].undone) == (0, 1)
    assert (listed[second.id].applied, listed[second.id].mappings, listed[second.id].database) == (2, ("things",), "new")
    assert reconcile.prune_repairs(drifted.plan, 1) == 0
    drifted.new("UPDATE strangler_repair SET at = at - 86400000000 WHERE 1 = 1")
    assert reconcile.prune_repairs(drifted.plan, 0.9) == 3
    assert reconcile.repairs(drifted.plan) == []


def test_the_journal_stands_in_the_repaired_database_only(drifted):
    repair(drifted, plan(drifted))
    kept = [json.loads(before) for (before,) in drifted.new("SELECT before FROM strangler_repair WHERE before IS NOT NULL")]
    assert sorted(row["id"] for row in kept) == [0, 3]
    assert drifted.old("SELECT count(*) FROM sqlite_master WHERE name = 'strangler_repair'") == [(0,)]


class Crash(BaseException):
    """As abrupt as a kill."""


@pytest.mark.parametrize("at", range(4))
def test_a_repair_that_is_cut_off_goes_on_and_all_of_it_can_be_undone(drifted, monkeypatch, at):
    monkeypatch.setattr(repairing, "AT_ONCE", 1)
    before, planned, steps = rows(drifted), plan(drifted), iter(range(9))

    def crash(_):
        if next(steps) == at:
            raise Crash

    if at < 3:
        with pytest.raises(Crash):
            repair(drifted, planned, on_progress=crash)
    done = repair(drifted, planned)
    assert done.complete
    assert done.right == (at + 1 if at < 3 else 0)
    assert plan(drifted).rows == 0
    assert reconcile.undo_repair(drifted.plan, planned.id).restored == 3
    assert rows(drifted) == before


SOME = st.dictionaries(st.integers(0, 6), st.none() | st.text("aA é\U0001f6b2", max_size=2), max_size=7)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(old=SOME, new=SOME)
def test_a_repair_leaves_no_drift_and_its_undo_leaves_what_was(numbered, old, new):
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    numbered.old("INSERT INTO thing VALUES (?, ?)", list(old.items()))
    numbered.new("DROP TABLE IF EXISTS strangler_repair; DROP TABLE IF EXISTS strangler_deletes; DELETE FROM things;")
    numbered.new("INSERT INTO things VALUES (?, ?)", list(new.items()))
    planned = plan(numbered)
    assert repair(numbered, planned).complete
    assert rows(numbered) == sorted(old.items())
    if planned.rows:
        assert reconcile.undo_repair(numbered.plan, planned.id).restored == planned.rows
    assert rows(numbered) == sorted(new.items())


@pytest.fixture
def family(world):
    world.old(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, code TEXT); CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER);"
    )
    world.new("CREATE TABLE parents (id INTEGER PRIMARY KEY, code TEXT UNIQUE);")
    world.new("CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents(id));")
    world.write(
        "{name: parents, from: {database: old, table: parent, key: id}, to: {database: new, table: parents, key: id}, "
        "columns: {id: id, code: code}}"
    )
    world.file.write_text(
        world.file.read_text() + "  - {name: children, from: {database: old, table: child, key: id}, "
        "to: {database: new, table: children, key: id}, columns: {id: id, parent: parent}}\n"
    )
    return world


def test_parents_are_repaired_before_their_children_and_go_after_them(family):
    family.old("INSERT INTO parent VALUES (1, 'a'), (2, 'b'); INSERT INTO child VALUES (1, 1), (2, 2);")
    family.new("INSERT INTO parents VALUES (8, 'b'), (9, 'c'); INSERT INTO children VALUES (1, 8), (3, 9);")
    before = family.new("SELECT * FROM parents ORDER BY id"), family.new("SELECT * FROM children ORDER BY id")
    keys = [(number,) for number in range(10)]
    planned = reconcile.plan_repair(family.plan, {"children": keys, "parents": keys})
    done = reconcile.repair(family.plan, planned, limit=ALL, budget=ALL)
    assert {name: (each.counts.deleted, each.failed, each.left) for name, each in done.items()} == {
        "parents": (2, {}, {}),
        "children": (1, {}, {}),
    }
    assert family.new("SELECT * FROM parents ORDER BY id") == [(1, "a"), (2, "b")]
    assert family.new("SELECT * FROM children ORDER BY id") == [(1, 1), (2, 2)]
    undone = reconcile.undo_repair(family.plan, planned.id)
    assert undone.left == {}
    assert (family.new("SELECT * FROM parents ORDER BY id"), family.new("SELECT * FROM children ORDER BY id")) == before


def test_what_the_database_does_not_take_is_named_and_everything_else_is_written(family):
    family.old("INSERT INTO child VALUES (1, 77), (2, 1); INSERT INTO parent VALUES (1, 'a');")
    planned = reconcile.plan_repair(family.plan, {"children": [(1,), (2,)], "parents": [(1,)]})
    done = reconcile.repair(family.plan, planned, limit=ALL, budget=ALL)
    assert (done["parents"].counts.inserted, done["children"].counts.inserted) == (1, 1)
    assert list(done["children"].failed) == ["[1]"]
    assert not done["children"].complete


@pytest.fixture
def servers_pair(fresh, dialect):
    """The same on every dialect: a plan over one table on each side."""
    urls = {"old": fresh(dialect), "new": fresh(dialect)}
    columns = {"id": Column("id"), "amount": Column("amount"), "at": Column("at"), "note": Column("note")}
    mapping = Mapping("things", Source("old", ("id",), "thing"), Target("new", "things", ("id",)), columns)
    plan = Plan({name: Address(url) for name, url in urls.items()}, (mapping,))
    moment = {"sqlite": "TIMESTAMP", "postgresql": "timestamp", "mariadb": "datetime(6)"}[dialect]
    with opened(plan.databases, "old", "new") as (old, new):
        for database, name in ((old, "thing"), (new, "things")):
            with database.writing() as connection:
                columns = f"amount decimal(12,2), at {moment}, note varchar(40), own varchar(9)"
                connection.exec_driver_sql(f"CREATE TABLE {name} (id bigint PRIMARY KEY, {columns})")
                for number in range(1, 31):
                    connection.execute(
                        text(f"INSERT INTO {name} VALUES (:id, :amount, '2024-03-31 02:30:00.000001', :note, 'own')"),
                        {"id": number, "amount": f"{number}.10", "note": f"é {number}"},
                    )
        yield plan, old, new


def test_on_every_dialect_drift_is_repaired_and_undone(servers_pair):
    plan, old, new = servers_pair

    def content(database, name, columns="*"):
        with database.reading() as connection:
            return connection.execute(text(f"SELECT {columns} FROM {name} ORDER BY id")).all()

    with new.writing() as connection:
        for statement in (
            "UPDATE things SET amount = amount + 0.01, own = 'x' WHERE id % 7 = 0",
            "UPDATE things SET note = '' WHERE id % 5 = 0",
            "UPDATE things SET at = NULL WHERE id = 4",
            "DELETE FROM things WHERE id % 11 = 0",
            "INSERT INTO things VALUES (-5, 1, NULL, 'extra', 'mine'), (99, 2.50, '2024-01-01 00:00:00', NULL, NULL)",
        ):
            connection.execute(text(statement))
    before = content(new, "things")
    keys = [(number,) for number in range(-10, 110)]
    planned = reconcile.plan_repair(plan, {"things": keys})
    assert planned.rows == 4 + 6 + 1 + 2 + 2
    done = reconcile.repair(plan, planned, limit=ALL, budget=ALL)["things"]
    assert (done.counts, done.complete) == (Counts(inserted=2, updated=11, deleted=2), True)
    assert content(new, "things", "id, amount, at, note") == content(old, "thing", "id, amount, at, note")
    assert reconcile.plan_repair(plan, {"things": keys}).rows == 0
    with new.reading() as connection:
        assert len(connection.execute(select(JOURNAL.c.id)).all()) == planned.rows
    assert reconcile.undo_repair(plan, planned.id).left == {}
    assert content(new, "things") == before
