"""Unique values that change hands between rows, on every dialect."""

import pytest

from reconcile.applying.applied import UPSERTS
from reconcile.reports.report import Counts
from tests.unit.reconcile.applying_world import Applying

MAPPING = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, seat: seat, name: name}
"""
OLD = "CREATE TABLE thing (id INTEGER PRIMARY KEY, seat {seat}, name VARCHAR(10))"
NEW = "CREATE TABLE things (id INTEGER PRIMARY KEY, seat {seat} UNIQUE, name VARCHAR(10), own VARCHAR(10) DEFAULT 'mine')"
SEATS = {
    "text, nullable": "VARCHAR(40)",
    "text": "VARCHAR(40) NOT NULL",
    "short text": "VARCHAR(8) NOT NULL",
    "number": "INTEGER NOT NULL",
}


@pytest.fixture(params=SEATS)
def seated(request, tmp_path, fresh, dialect):
    """Four rows, alike on both sides, each with a seat of its own."""
    world = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    world.write(MAPPING)
    world.old(OLD.format(seat=SEATS[request.param]))
    world.new(NEW.format(seat=SEATS[request.param]))
    for number in range(1, 5):
        world.old(f"INSERT INTO thing VALUES ({number}, '{number}0', 'n{number}')")
    world.apply(1, 2, 3, 4)
    return world


def take(world: Applying, **seats: int) -> None:
    """Give seats on the old side, where nothing keeps them unique."""
    for key, seat in seats.items():
        world.old(f"UPDATE thing SET seat = '{seat}' WHERE id = {key[1:]}")


def seats(world: Applying) -> dict[int, str]:
    return {key: str(seat) for key, seat in world.new("SELECT id, seat FROM things")}


def test_two_rows_exchange_a_unique_value(seated):
    take(seated, _1=20, _2=10)
    applied = seated.apply(1, 2)
    assert (applied.counts, applied.failed, applied.deferred) == (Counts(updated=2), {}, {})
    assert seats(seated) == {1: "20", 2: "10", 3: "30", 4: "40"}
    assert seated.new("SELECT DISTINCT own FROM things") == [("mine",)]


def test_three_rows_hand_it_round(seated):
    take(seated, _1=20, _2=30, _3=10)
    assert seated.apply(1, 2, 3).failed == {}
    assert seats(seated) == {1: "20", 2: "30", 3: "10", 4: "40"}


@pytest.mark.parametrize("keys", [(1,), (2,)])
def test_a_row_that_is_not_among_the_keys_is_reached_for(seated, keys):
    take(seated, _1=20, _2=30, _3=10)
    applied = seated.apply(*keys)
    assert (applied.failed, applied.counts.updated) == ({}, 3)
    assert seats(seated) == {1: "20", 2: "30", 3: "10", 4: "40"}


def test_a_chain_ends_at_a_free_value_whatever_its_order(seated):
    take(seated, _1=20, _2=30, _3=40, _4=50)
    assert seated.apply(1, 2, 3, 4).failed == {}
    assert seats(seated) == {1: "20", 2: "30", 3: "40", 4: "50"}


def test_two_rows_that_both_want_it_are_both_named_and_nothing_else_is_held_up(seated):
    take(seated, _1=20, _3=33)
    applied = seated.apply(1, 2, 3)
    assert applied.failed == {(1,): "what key 1 should have in seat is what key 2 has: correct one of them"}
    assert applied.counts == Counts(updated=1, unchanged=1)
    assert seats(seated) == {1: "10", 2: "20", 3: "33", 4: "40"}
    assert seated.apply(1).failed == applied.failed


def test_a_new_row_takes_the_value_of_one_that_goes(seated):
    seated.old("DELETE FROM thing WHERE id = 2", "INSERT INTO thing VALUES (5, '20', 'n5')")
    applied = seated.apply(5, parts=UPSERTS)
    assert (applied.counts, applied.failed) == (Counts(inserted=1, deleted=1), {})
    assert seats(seated) == {1: "10", 3: "30", 4: "40", 5: "20"}


def test_a_row_of_nobody_s_is_never_taken_for_one_of_ours(tmp_path, fresh, dialect):
    world = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    world.write(
        MAPPING.replace("key: id}\n    columns: {", "key: id, where: \"src = 'shop'\"}\n    columns: {src: {value: shop}, ", 1)
    )
    world.old(OLD.format(seat="INTEGER"), "INSERT INTO thing VALUES (1, 10, 'a'), (2, 20, 'b')")
    world.new("CREATE TABLE things (id INTEGER PRIMARY KEY, seat INTEGER UNIQUE, name VARCHAR(10), src VARCHAR(10))")
    world.new("INSERT INTO things VALUES (7, 10, 'x', 'fair')")
    applied = world.apply(1, 2)
    assert applied.failed == {(1,): "what key 1 should have in seat is what key 7 has, which is not one of this mapping's rows"}
    assert world.new("SELECT id, seat, src FROM things ORDER BY id") == [(2, 20, "shop"), (7, 10, "fair")]


FAMILY = (
    """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, seat: seat, name: name}
    """,
    """
    name: parts
    from: {database: old, table: part, key: id}
    to: {database: new, table: parts, key: id}
    columns: {id: id, thing_id: thing}
    """,
)


@pytest.mark.parametrize("rule", ["", "ON DELETE CASCADE"])
def test_a_row_whose_key_changes_keeps_its_unique_value_and_its_children_follow(seated, rule):
    seated.write(*FAMILY)
    seated.old("CREATE TABLE part (id INTEGER PRIMARY KEY, thing INTEGER)", "INSERT INTO part VALUES (7, 2)")
    reference = f"thing_id INTEGER NOT NULL, FOREIGN KEY (thing_id) REFERENCES things (id) {rule}"
    seated.new(f"CREATE TABLE parts (id INTEGER PRIMARY KEY, {reference})", "INSERT INTO parts VALUES (7, 2)")
    seated.old("UPDATE thing SET id = 5 WHERE id = 2", "UPDATE part SET thing = 5")
    applied = seated.apply(2, 5)
    assert (applied.counts, applied.failed, list(applied.deferred)) == (Counts(inserted=1), {}, [(2,)])
    assert seats(seated)[5] == "20"
    assert seated.apply(7, name="parts").counts == Counts(updated=1)
    assert seated.apply(2, 5).counts == Counts(deleted=1, unchanged=1)
    assert seats(seated) == {1: "10", 3: "30", 4: "40", 5: "20"}
