"""Who owns a mapping: told in both databases, moved in an order that never opens both ways, and asked before every write."""

import threading

import pytest

from reconcile.applying.applied import Applied
from reconcile.databases.database import opened
from reconcile.owning import ownership
from reconcile.owning.ownership import Ownership, WrongWay, agreed, set_owner
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError, Refusal, UsageError
from tests.unit.reconcile.applying_world import Applying

MAPPING = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value}
    back: {columns: {value: value}}
"""


@pytest.fixture
def world(tmp_path, fresh, dialect):
    found = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    found.write(MAPPING)
    found.old("CREATE TABLE thing (id INTEGER PRIMARY KEY, value VARCHAR(20))", "INSERT INTO thing VALUES (1, 'a')")
    found.new("CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(20))")
    return found


def told(world: Applying) -> list[Ownership]:
    with opened(world.plan.databases, "old", "new") as databases:
        return [ownership.standing(database, "things") for database in databases]


def test_without_a_word_the_old_side_owns(world):
    assert agreed(world.plan, "things") == Ownership("old", 1)
    assert told(world) == [Ownership(), Ownership()]


def test_a_move_is_told_in_both_databases_and_counted(world):
    assert set_owner(world.plan, "things", "new") == Ownership("new", 2)
    assert told(world) == [Ownership("new", 2)] * 2
    assert set_owner(world.plan, "things", "new") == Ownership("new", 2)
    assert set_owner(world.plan, "things", "old") == agreed(world.plan, "things") == Ownership("old", 3)


def test_only_the_side_that_is_not_the_owner_is_written(world):
    assert world.apply(1) == Applied(Counts(inserted=1))
    with pytest.raises(WrongWay, match=r"things: its owner is old .epoch 1., so the old one is written by applications"):
        world.apply(1, back=True)
    set_owner(world.plan, "things", "new")
    with pytest.raises(WrongWay, match=r"its owner is new .epoch 2."):
        world.apply(1)
    world.new("UPDATE things SET value = 'b' WHERE id = 1")
    assert world.apply(1, back=True).counts == Counts(updated=1)
    assert world.old("SELECT value FROM thing") == [("b",)]


@pytest.mark.parametrize(("owner", "after"), [("new", Ownership("new", 2)), ("old", Ownership("old", 3))])
def test_a_move_that_was_cut_off_stops_both_ways_until_it_is_settled_either_way(world, owner, after):
    cut_off(world)
    assert told(world) == [Ownership("old", 1), Ownership("new", 2)]
    with pytest.raises(Refusal, match=r"the owner is old .epoch 1., the new one says new .epoch 2.: a move was cut off"):
        agreed(world.plan, "things")
    for back in (False, True):
        with pytest.raises(Refusal):
            world.apply(1, back=back)
    assert set_owner(world.plan, "things", owner) == after
    assert told(world) == [after, after]


def cut_off(world: Applying) -> None:
    """Move to the new side, with an old database that does not take it."""
    columns = "mapping VARCHAR(200) PRIMARY KEY, epoch BIGINT NOT NULL, changed_at BIGINT NOT NULL, "
    world.old(f"CREATE TABLE strangler_owner ({columns} owner VARCHAR(3) NOT NULL CHECK (owner = 'old'))")
    with pytest.raises(DatabaseError):
        set_owner(world.plan, "things", "new")
    world.old("DROP TABLE strangler_owner")


def test_a_target_restored_from_before_the_move_takes_nothing(world):
    """It says again that the old side owns; only the other database knows better."""
    set_owner(world.plan, "things", "new")
    world.new("UPDATE strangler_owner SET owner = 'old', epoch = 1")
    with pytest.raises(Refusal, match="a move was cut off, or one of them was restored"):
        world.apply(1)
    assert world.new("SELECT count(*) FROM things") == [(0,)]


def test_a_move_waits_for_whoever_is_writing_and_whoever_comes_later_is_refused(world):
    world.apply(1)
    moved = threading.Event()

    def move() -> None:
        set_owner(world.plan, "things", "new")
        moved.set()

    with world.pair() as pair, pair.target.database.writing() as connection:
        assert ownership.read(connection, "things", lock=True) == Ownership("old", 1)
        mover = threading.Thread(target=move)
        mover.start()
        assert not moved.wait(0.3)
    mover.join()
    with pytest.raises(WrongWay):
        world.apply(1)


def test_two_appliers_share_the_lock(world):
    if world.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    with world.pair() as pair, pair.target.database.writing() as one, pair.target.database.writing() as other:
        ownership.ensure_tables(pair.target.database)
        assert ownership.read(one, "things", lock=True) == ownership.read(other, "things", lock=True)


def test_both_sides_in_one_database_have_one_owner(tmp_path, fresh, dialect):
    address = fresh(dialect)
    world = Applying(tmp_path, dialect, address, address)
    world.write(MAPPING)
    world.old("CREATE TABLE thing (id INTEGER PRIMARY KEY, value VARCHAR(20))", "INSERT INTO thing VALUES (1, 'a')")
    world.old("CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(20))")
    assert world.apply(1).counts == Counts(inserted=1)
    assert set_owner(world.plan, "things", "new") == agreed(world.plan, "things") == Ownership("new", 2)


def test_an_owner_is_one_of_two(world):
    with pytest.raises(UsageError, match="either old or new, not 'legacy'"):
        set_owner(world.plan, "things", "legacy")


def test_two_processes_may_begin_at_once(world):
    """Both find no table, and both create it."""
    errors: list[BaseException] = []
    barrier = threading.Barrier(4)

    def begin() -> None:
        with world.pair() as pair:
            barrier.wait()
            try:
                ownership.ensure_tables(pair.target.database)
                ownership.ensure_row(pair.target.database, "things")
            except DatabaseError as error:
                errors.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
