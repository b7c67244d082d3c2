"""The one applier: idempotent, in scope, whole or not at all."""

import sqlite3
import threading
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from reconcile.applying.applied import BOTH, DELETES, UPSERTS
from reconcile.applying.budget import Budget
from reconcile.applying.change import Verb, decide
from reconcile.databases.pair import opened_pair
from reconcile.mapping.pipeline import Row
from reconcile.reports.report import Counts
from strangler.core.errors import ConfigError, DatabaseError, Refusal, UsageError
from strangler.core.units import Share

ALL = Budget(10_000, Share(1.0))
TABLE = "(id INTEGER PRIMARY KEY, value TEXT);"
AWKWARD = """
    name: things
    from: {database: old, table: thing, key: [a, b], where: "gone = 0"}
    to: {database: new, table: things, key: [x, y], where: "source = 'shop'"}
    columns: {x: a, y: b, source: {value: shop}, text: t, flag: {column: f, convert: bool}, n: {sql: "n + 0"}}
"""
ROWS = st.dictionaries(
    st.tuples(st.integers(-3, 3), st.text("aA'é\U0001f6b2 ", max_size=2)),
    st.tuples(
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
        st.sampled_from([None, "t", "N", 1, 0]),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.integers(0, 1),
    ),
    max_size=8,
)


def row(text: str) -> Row:
    return Row((text,), (text.encode(),))


WANTED = {(1,): row("a"), (2,): row("b"), (3,): row("c")}
STANDING = {(2,): row("b"), (3,): row("x"), (4,): row("d")}


def test_a_change_is_what_turns_one_state_into_the_other():
    found = decide(WANTED, STANDING, parts=BOTH)
    done = [(each.verb.name, each.key, each.columns) for each in found.changes]
    assert done == [("DELETE", (4,), ()), ("UPDATE", (3,), (0,)), ("INSERT", (1,), (0,))]
    assert (found.unchanged, found.left) == (1, frozenset())


@pytest.mark.parametrize(
    ("parts", "verbs", "left"),
    [(UPSERTS, [Verb.UPDATE, Verb.INSERT], {(4,)}), (DELETES, [Verb.DELETE], {(1,), (2,), (3,)})],
)
def test_what_was_not_asked_for_is_left_and_named(parts, verbs, left):
    found = decide(WANTED, STANDING, parts=parts)
    assert ([each.verb for each in found.changes], found.left) == (verbs, left)


def test_columns_that_are_kept_are_no_reason_to_write():
    assert decide(WANTED, STANDING, parts=UPSERTS, kept={(3,): frozenset({0})}).unchanged == 2


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(before=ROWS, after=ROWS, size=st.integers(1, 4))
def test_applying_all_keys_leaves_no_drift_and_applying_again_changes_nothing(world, before, after, size):
    columns = "(a INTEGER, b TEXT, t TEXT, f, n INTEGER, gone INTEGER NOT NULL, PRIMARY KEY (a, b));"
    new = "(x INTEGER, y TEXT, source TEXT NOT NULL, text TEXT, flag BOOLEAN, n INTEGER, PRIMARY KEY (source, x, y));"
    world.old(f"DROP TABLE IF EXISTS thing; CREATE TABLE thing {columns}")
    world.new(f"DROP TABLE IF EXISTS things; CREATE TABLE things {new}")
    world.new("INSERT INTO things VALUES (0, 'a', 'other', 'not ours', 1, 1);")
    world.write(AWKWARD)
    for rows in (before, after):
        world.old("DELETE FROM thing WHERE 1 = 1")
        world.old("INSERT INTO thing VALUES (?, ?, ?, ?, ?, ?)", [key + values for key, values in rows.items()])
        present = sum(values[-1] == 0 for values in rows.values())
        counts = world.backfill(chunk_rows=size, budget=ALL)
        again = world.backfill(chunk_rows=size, budget=ALL)
        report = world.reconcile(chunk_rows=size)
        assert again == Counts(unchanged=present)
        assert counts.rows - counts.deleted == present
        assert (report.clean, report.drifted, report.old_rows, report.new_rows) == (present > 0, 0, present, present)
    assert world.new("SELECT text FROM things WHERE source = 'other'") == [("not ours",)]


def test_only_the_keys_that_are_named_are_touched(numbered):
    assert numbered.apply((3,), ("4",), (3,), (99,)) == Counts(inserted=2)
    assert numbered.new("SELECT id FROM things ORDER BY id") == [(3,), (4,)]
    numbered.old("DELETE FROM thing WHERE id = 3")
    assert numbered.apply((3,)) == Counts(deleted=1)


def test_columns_that_are_not_mapped_are_left_alone(world):
    mapping = "{name: things, from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}, "
    mapping += "columns: {id: id, value: value}}"
    world.create(
        f"CREATE TABLE thing {TABLE}", "CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT, own TEXT DEFAULT 'd');", mapping
    )
    world.old("INSERT INTO thing VALUES (1, 'a'), (2, 'b');")
    world.new("INSERT INTO things VALUES (1, 'x', 'mine');")
    assert world.backfill() == Counts(inserted=1, updated=1)
    assert world.new("SELECT * FROM things") == [(1, "a", "mine"), (2, "b", "d")]


def test_a_row_that_cannot_be_mapped_stops_its_chunk_and_says_which_and_why(world):
    mapping = """
        name: things
        from: {database: old, table: thing, key: id}
        to: {database: new, table: things, key: id}
        columns: {id: id, value: {column: value, map: {A: active, 1: one}}}
    """
    world.create(f"CREATE TABLE thing {TABLE}", f"CREATE TABLE things {TABLE}", mapping)
    world.old("INSERT INTO thing VALUES (1, 'A'), (2, '1'), (3, 'A'), (4, 'X'), (5, 'A');")
    with pytest.raises(Refusal, match=r"things: old.thing key 4: value: 'X' is not in the map: add it, or correct the row"):
        world.backfill(chunk_rows=2)
    assert world.new("SELECT id, value FROM things") == [(1, "active"), (2, "one")]
    world.old("UPDATE thing SET value = NULL WHERE id = 4")
    with pytest.raises(Refusal, match=r"key 4: value: NULL is not in the map"):
        world.backfill()
    world.file.write_text(world.file.read_text().replace("1: one", "1: one, null: ~"))
    world.backfill()
    assert world.new("SELECT value FROM things WHERE id = 4") == [(None,)]


def test_a_row_that_would_fall_outside_the_scope_is_not_written(world):
    mapping = """
        name: things
        from: {database: old, table: thing, key: id}
        to: {database: new, table: things, key: id, where: "value = 'shop'"}
        columns: {id: id, value: value}
    """
    world.create(f"CREATE TABLE thing {TABLE}", f"CREATE TABLE things {TABLE}", mapping)
    world.old("INSERT INTO thing VALUES (1, 'shop'), (2, 'other');")
    with pytest.raises(Refusal, match=r"key 2 would fall outside `to.where` .value = 'shop'."):
        world.backfill()
    assert world.new("SELECT count(*) FROM things") == [(0,)]


def test_a_row_that_the_table_refuses_is_named(world):
    mapping = "{name: things, from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}, "
    mapping += "columns: {id: id, value: value}}"
    world.create(f"CREATE TABLE thing {TABLE}", "CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT UNIQUE);", mapping)
    world.old("INSERT INTO thing VALUES (1, 'a'), (2, 'b'), (3, 'a');")
    with pytest.raises(DatabaseError, match=r"the row with key 3: what key 3 should have in value is what key 1 has: corr"):
        world.backfill()
    assert world.new("SELECT count(*) FROM things") == [(0,)]


def test_a_row_outside_the_scope_that_has_the_key_is_not_overwritten(world):
    mapping = """
        name: things
        from: {database: old, table: thing, key: id}
        to: {database: new, table: things, key: id, where: "source = 'shop'"}
        columns: {id: id, source: {value: shop}}
    """
    world.create(f"CREATE TABLE thing {TABLE}", "CREATE TABLE things (id INTEGER PRIMARY KEY, source TEXT);", mapping)
    world.old("INSERT INTO thing VALUES (1, 'a');")
    world.new("INSERT INTO things VALUES (1, 'other');")
    with pytest.raises(DatabaseError, match=r"the row with key 1: .* in id is what key 1 has, which is not one of this map"):
        world.backfill()
    assert world.new("SELECT source FROM things") == [("other",)]


def test_a_row_of_someone_else_with_the_same_key_is_neither_updated_nor_deleted(world):
    mapping = """
        name: things
        from: {database: old, table: thing, key: id}
        to: {database: new, table: things, key: id, where: "source = 'shop'"}
        columns: {id: id, source: {value: shop}, value: value}
    """
    new = "CREATE TABLE things (source TEXT, id INTEGER, value TEXT, PRIMARY KEY (source, id));"
    world.create(f"CREATE TABLE thing {TABLE}", new, mapping)
    world.old("INSERT INTO thing VALUES (1, 'a'), (3, 'c');")
    world.new(
        "INSERT INTO things VALUES ('fair', 1, 'x'), ('shop', 1, 'y'), ('fair', 2, 'x'), ('shop', 2, 'y'), ('fair', 3, 'x');"
    )
    assert world.backfill() == Counts(inserted=1, updated=1, deleted=1)
    assert world.new("SELECT id, value FROM things WHERE source = 'fair'") == [(1, "x"), (2, "x"), (3, "x")]
    assert world.reconcile().clean


@pytest.mark.parametrize("key", ["a", "[a, b]"])
def test_rows_are_found_by_index_however_many_columns_the_key_has(world, key):
    """SQLite looks for several columns at once in the whole table: 25 s for what takes 5 s by index."""
    table = "(a INTEGER, b TEXT COLLATE BINARY, PRIMARY KEY (a, b));"
    mapping = (
        f"{{name: things, from: {{database: old, table: thing, key: {key}}}, to: {{database: new, table: things, key: {key}}}, "
    )
    world.create(f"CREATE TABLE thing {table}", f"CREATE TABLE things {table}", mapping + "columns: {a: a, b: b}}")
    with opened_pair(world.plan, "things") as pair, pair.target.database.reading() as connection:
        wanted = select(pair.target.table).where(pair.target.is_one_of([(1, "x"), (2, "y")] if "b" in key else [(1,), (2,)]))
        literal = wanted.compile(connection, compile_kwargs={"literal_binds": True})
        steps = [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {literal}")]
    assert any(step.startswith("SEARCH things USING") for step in steps)
    assert not any(step.startswith("SCAN") for step in steps)


def test_a_delete_frees_a_unique_value_for_a_row_of_the_same_chunk(world):
    mapping = "{name: things, from: {database: old, table: thing, key: id}, to: {database: new, table: things, key: id}, "
    mapping += "columns: {id: id, value: value}}"
    world.create(f"CREATE TABLE thing {TABLE}", "CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT UNIQUE);", mapping)
    world.old("INSERT INTO thing VALUES (1, 'a'), (2, 'b');")
    world.new("INSERT INTO things VALUES (1, 'x'), (9, 'a'), (8, 'b');")
    assert world.backfill(budget=ALL) == Counts(inserted=1, updated=1, deleted=2)
    assert world.reconcile().clean


def test_the_source_is_read_after_the_lock_is_held(numbered):
    """A writer on the new side holds its lock; the old row changes meanwhile. What is applied is what is true afterwards."""
    with closing(sqlite3.connect(numbered.folder / "new.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        applying = threading.Thread(target=numbered.apply, args=((1,),))
        applying.start()
        applying.join(0.3)  # it waits for the lock; if it read first, it has the old value by now
        numbered.old("UPDATE thing SET value = 'later' WHERE id = 1")
        other.execute("COMMIT")
        applying.join()
    assert numbered.new("SELECT value FROM things") == [("later",)]


def test_both_sides_may_be_one_database(world):
    world.create(f"CREATE TABLE thing {TABLE}", "CREATE TABLE other (id);", "name: things")
    world.old(f"CREATE TABLE things {TABLE} INSERT INTO thing VALUES (1, 'a');")
    text = "{name: things, from: {database: old, table: thing, key: id}, to: {database: old, table: things, key: id}, "
    world.write(text + "columns: {id: id, value: value}}")
    assert world.backfill() == Counts(inserted=1)
    assert world.reconcile().clean


@pytest.mark.parametrize(
    ("key", "message"),
    [(("x",), "the key 'x' of old.thing is not a whole number"), ((1, 2), "has 2 parts; old.thing has the key id")],
)
def test_what_is_not_a_key_is_refused(numbered, key, message):
    with pytest.raises(UsageError, match=message):
        numbered.apply(key)


def test_an_unknown_mapping_is_refused_with_the_nearest(numbered):
    import reconcile

    with pytest.raises(UsageError, match=r"has no mapping 'thngs'; did you mean 'things'"):
        reconcile.backfill(numbered.plan, "thngs")


def test_what_cannot_work_with_the_schemas_is_refused_before_anything_is_written(numbered):
    numbered.file.write_text(numbered.file.read_text().replace("value: value", "value: valeu"))
    with pytest.raises(ConfigError, match=r"mappings\[0\].columns.value: 'valeu' is not a column of thing; did you mean 'value'"):
        numbered.backfill()


def test_progress_is_told_per_chunk(numbered):
    seen = []
    numbered.backfill(chunk_rows=4, on_progress=seen.append)
    assert [(each.chunks, each.rows, each.total, each.share) for each in seen] == [
        (1, 4, 10, 0.4),
        (2, 8, 10, 0.8),
        (3, 10, 10, 1.0),
    ]
