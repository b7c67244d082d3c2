"""The way home: the new side's rows written into the old tables without destroying what the old side alone knows."""

import pytest

from reconcile.applying.applied import DELETES, Applied
from reconcile.owning.ownership import set_owner
from reconcile.reports.report import Counts
from tests.unit.reconcile.applying_world import Applying

MAPPING = """
    name: things
    from: {database: old, table: thing, key: id, where: "deleted = 0"}
    to: {database: new, table: things, key: id}
    columns: {id: id, email: {sql: "lower(email)"}, status: {column: st, map: {A: active, I: inactive}}}
    back:
      columns: {email: email, st: {column: status, map: {active: A, inactive: I}}}
      defaults: {branch: 7, deleted: 0}
      delete: {set: {deleted: 1}}
"""
OWN = "branch INTEGER NOT NULL, deleted INTEGER NOT NULL"
OLD = f"CREATE TABLE thing (id INTEGER PRIMARY KEY, email VARCHAR(20), st VARCHAR(1), {OWN})"


@pytest.fixture
def home(tmp_path, fresh, dialect):
    """Two rows that went over; then the new side became the owner."""
    world = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    world.write(MAPPING)
    world.old(OLD, "INSERT INTO thing VALUES (1, 'Ann@X', 'A', 3, 0), (2, 'Bob@X', 'I', 4, 0)")
    world.new("CREATE TABLE things (id INTEGER PRIMARY KEY, email VARCHAR(20), status VARCHAR(10))")
    assert world.apply(1, 2).counts == Counts(inserted=2)
    set_owner(world.plan, "things", "new")
    return world


def rows(world: Applying) -> list:
    return world.old("SELECT id, email, st, branch, deleted FROM thing ORDER BY id")


def test_what_a_conversion_lost_is_not_written_over(home):
    assert home.apply(1, 2, back=True) == Applied(Counts(unchanged=2))
    home.new("UPDATE things SET status = 'inactive' WHERE id = 1", "UPDATE things SET email = 'bob@y' WHERE id = 2")
    assert home.apply(1, 2, back=True) == Applied(Counts(updated=2))
    assert rows(home) == [(1, "Ann@X", "I", 3, 0), (2, "bob@y", "I", 4, 0)]
    assert home.apply(1, 2, back=True) == Applied(Counts(unchanged=2))


def test_a_row_born_on_the_new_side_has_the_defaults_and_only_such_a_row(home):
    home.new("INSERT INTO things VALUES (5, 'eve@x', 'active')", "UPDATE things SET status = 'inactive' WHERE id = 1")
    assert home.apply(1, 5, back=True) == Applied(Counts(inserted=1, updated=1))
    assert rows(home)[0] == (1, "Ann@X", "I", 3, 0)
    assert rows(home)[2] == (5, "eve@x", "A", 7, 0)


def test_a_row_deleted_there_is_marked_here_and_comes_back_to_life(home):
    home.new("DELETE FROM things WHERE id = 1")
    assert home.apply(1, back=True, parts=DELETES) == Applied(Counts(deleted=1))
    assert rows(home)[0] == (1, "Ann@X", "A", 3, 1)
    assert home.apply(1, back=True) == Applied()
    home.new("INSERT INTO things VALUES (1, 'new@x', 'inactive')")
    assert home.apply(1, back=True) == Applied(Counts(inserted=1))
    assert rows(home)[0] == (1, "new@x", "I", 3, 0)


def test_a_row_that_is_outside_for_another_reason_is_not_written_over(home):
    home.write(MAPPING.replace('"deleted = 0"', '"deleted = 0 AND branch > 2"'))
    home.old("INSERT INTO thing VALUES (9, 'own', 'A', 1, 0)")
    home.new("INSERT INTO things VALUES (9, 'x', 'active')")
    applied = home.apply(9, back=True)
    assert (applied.counts, list(applied.failed)) == (Counts(), [(9,)])
    assert "which is not one of this mapping's rows" in applied.failed[9,]
    assert rows(home)[2] == (9, "own", "A", 1, 0)


def test_without_a_mark_the_row_goes(home):
    home.write(MAPPING.replace("      delete: {set: {deleted: 1}}", ""))
    home.new("DELETE FROM things WHERE id = 2")
    assert home.apply(2, back=True) == Applied(Counts(deleted=1))
    assert [row[0] for row in rows(home)] == [1]
