"""Status counts what may have left drift behind, until all rows were looked at again."""

from __future__ import annotations

import pytest
from sqlalchemy import insert, update

import reconcile
from reconcile.databases.clock import now
from reconcile.databases.database import opened
from reconcile.owning.ownership import set_owner
from reconcile.relaying import tables as relaying
from reconcile.relaying.tables import DEAD, PENDING, ROGUE, SKIPPED, WAITING
from tests.unit.reconcile.test_pairs import Place

MAPPINGS = """
version: 1
databases: {old: 'OLD', new: 'NEW'}
mappings:
  - name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value}
"""


@pytest.fixture
def place(tmp_path, fresh, dialect):
    found = Place(tmp_path, fresh(dialect), fresh(dialect))
    found.run("old", "CREATE TABLE thing (id INTEGER PRIMARY KEY, value VARCHAR(9))", "INSERT INTO thing VALUES (1, 'a')")
    found.run("new", "CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(9))", "INSERT INTO things VALUES (1, 'a')")
    words = MAPPINGS.replace("OLD", found.addresses["old"]).replace("NEW", found.addresses["new"])
    found.file.write_text(words, "utf-8")
    reconcile.install_capture(reconcile.load(found.file, {}))
    return found


def write(plan, name: str, table, **values) -> None:
    with opened(plan.databases, name) as (database,):
        relaying.ensure(database)
        moment = {column.name: now(database) for column in table.columns if column.name.endswith("_at") or column.name == "at"}
        with database.writing() as connection:
            connection.execute(insert(table).values(**{**moment, "mapping": "things", **values}))


def pending(plan, name: str, state: str) -> None:
    plain = {"version": 1, "attempts": 0, "deaths": 0, "origin": "", "lease_until": 0}
    write(plan, name, PENDING, key="[1]", state=state, **plain)


def counts(plan) -> tuple[object, ...]:
    (found,) = reconcile.standings(plan)
    assert found.trouble == ""
    return found.skipped, found.rogue, found.rogue_key, found.stranded


def test_they_count_until_a_full_pass_was_clean(place):
    plan = reconcile.load(place.file, {})
    write(plan, "old", SKIPPED, key="[1]", reason="known", actor="ann")
    write(plan, "new", ROGUE, key="[1]", writes=3, origin="")
    write(plan, "new", ROGUE, key="[2]", writes=1, origin="")
    pending(plan, "new", WAITING)
    assert counts(plan) == (1, 2, "[2]", 1)
    assert reconcile.reconcile(plan, "things").clean
    assert counts(plan) == (0, 0, "", 0)
    with opened(plan.databases, "new") as (database,), database.writing() as connection:
        connection.execute(update(ROGUE).where(ROGUE.c.key == "[1]").values(last_at=now(database)))
    assert counts(plan) == (0, 1, "[1]", 0)


def test_what_the_owner_has_waiting_is_not_stranded_and_given_up_keys_are_dead_letters(place):
    plan = reconcile.load(place.file, {})
    pending(plan, "old", WAITING)
    pending(plan, "new", DEAD)
    assert counts(plan) == (0, 0, "", 0)


def test_after_a_move_the_sides_are_looked_at_the_other_way_round(place):
    plan = reconcile.load(place.file, {})
    write(plan, "old", ROGUE, key="[1]", writes=1, origin="")
    pending(plan, "old", WAITING)
    assert counts(plan) == (0, 0, "", 0)
    set_owner(plan, "things", "new")
    assert counts(plan) == (0, 1, "[1]", 1)
