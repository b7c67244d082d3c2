"""After the cutover: what is written on the new side comes to stand in the legacy tables, on every dialect."""

from __future__ import annotations

from threading import Thread

import pytest

from reconcile.capturing.install import install
from reconcile.owning import ownership
from reconcile.relaying.stations import Station
from reconcile.relaying.status import status
from tests.unit.reconcile.relaying import Families, drain

MAPPINGS = """
  - name: parents
    from: {database: old, table: parent, key: id}
    to: {database: new, table: parents, key: id}
    columns: {id: id, name: {sql: "upper(name)"}, grade: grade}
    back:
      columns: {name: name, grade: grade}
  - name: children
    from: {database: old, table: child, key: id}
    to: {database: new, table: children, key: id}
    columns: {id: id, parent_id: parent, name: name}
    back:
      columns: {parent: parent_id, name: name}
"""


@pytest.fixture
def families(fresh, dialect, tmp_path):
    """Two parents and a child went over, and the new side is the owner now; the legacy side spells names its own way."""
    found = Families(tmp_path, fresh(dialect), fresh(dialect), MAPPINGS)
    found.write("INSERT INTO parent VALUES (1, 'Ann', '1'), (2, 'Bob', '2')", "INSERT INTO child VALUES (10, 1, 'cleo')")
    found.settle()
    install(found.plan, side="new")
    for name in found.plan.names:
        ownership.set_owner(found.plan, name, "new")
    yield found
    found.close()


def legacy(families):
    return families.rows(families.old, "parent"), families.rows(families.old, "child")


def change(families, *statements):
    families.run_all(families.new, ";".join(statements))


def test_rows_that_are_born_changed_and_deleted_there_come_home_and_nothing_else_is_touched(families):
    change(
        families,
        "UPDATE parents SET grade = 9 WHERE id = 1",
        "INSERT INTO parents VALUES (3, 'EVE', 3)",
        "INSERT INTO children VALUES (11, 3, 'dan')",
        "DELETE FROM children WHERE id = 10",
    )
    families.settle()
    assert legacy(families) == ([(1, "Ann", "9"), (2, "Bob", "2"), (3, "EVE", "3")], [(11, 3, "dan")])
    assert [(found.database, found.waiting, found.rogue_keys) for found in status(families.plan).mappings] == [("new", 0, 0)] * 2


def test_a_parent_whose_key_changes_comes_home_under_its_new_key_with_its_children(families):
    change(
        families,
        "INSERT INTO parents VALUES (7, 'ZOE', 1)",
        "UPDATE children SET parent_id = 7 WHERE id = 10",
        "UPDATE parents SET id = 8 WHERE id = 2",
    )
    families.settle()
    parents, children = legacy(families)
    assert [key for key, _, _ in parents] == [1, 7, 8]
    assert children == [(10, 7, "cleo")]


def test_a_relay_that_runs_turns_around_with_the_owner_and_back_again(families):
    with families.relay() as relay:
        change(families, "UPDATE parents SET grade = 5 WHERE id = 2")
        drain(relay)
        assert legacy(families)[0] == [(1, "Ann", "1"), (2, "Bob", "5")]
        for name in families.plan.names:
            ownership.set_owner(families.plan, name, "old")
        families.write("UPDATE parent SET grade = '6' WHERE id = 1")
        drain(relay)
    assert families.parents == [(1, "ANN", 6), (2, "BOB", 5)]


def test_what_the_legacy_application_still_writes_is_named_and_not_taken_over(families):
    families.write("UPDATE parent SET grade = '77' WHERE id = 2")
    families.settle()
    (found, _) = status(families.plan).mappings
    assert (found.rogue_writes, found.rogue_key) == (1, "[2]")
    assert families.parents == [(1, "ANN", 1), (2, "BOB", 2)]


def test_a_relay_that_is_held_up_while_the_owner_moves_takes_nothing_for_somebody_elses(fresh, dialect, tmp_path, monkeypatch):
    """Between its look at who owns and what it takes; the first move ever, of which there is no row to look at before."""
    families = Families(tmp_path, fresh(dialect), fresh(dialect), MAPPINGS)
    install(families.plan, side="new")
    families.write("INSERT INTO parent VALUES (1, 'Ann', '1')")

    def move_and_write():
        ownership.set_owner(families.plan, "parents", "new")
        change(families, "UPDATE parents SET grade = 9 WHERE id = 1")

    looked, meanwhile = Station.moved, Thread(target=move_and_write)

    def held_up(station, connection):
        found = looked(station, connection)
        if station.database.name == "new" and not meanwhile.ident:
            meanwhile.start()
            meanwhile.join(1.0)  # it may not come to an end: then it waits for us
        return found

    with families.relay() as relay:
        drain(relay)
        monkeypatch.setattr(Station, "moved", held_up)
        drain(relay)
        meanwhile.join()
        drain(relay)
    assert legacy(families)[0] == [(1, "Ann", "9")]
    assert [found.rogue_keys for found in status(families.plan).mappings] == [0, 0]
    families.close()
