"""Locks of keys: one writer per row, held to the end of the transaction, and gone with it whatever happens."""

import threading

import pytest
from sqlalchemy import event, text

from reconcile.applying import locks
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Database as Address
from strangler.core.errors import DatabaseError


class Wanting:
    """Someone who wants keys, in a thread of their own; `has_them` when they got them."""

    def __init__(self, database: Database, *keys: int, mapping: str = "things") -> None:
        self.has_them = threading.Event()
        self.thread = threading.Thread(target=self._want, args=(database, mapping, keys))
        self.thread.start()

    def _want(self, database: Database, mapping: str, keys: tuple[int, ...]) -> None:
        with database.writing() as connection:
            take(database, connection, *keys, mapping=mapping)
        self.has_them.set()

    def within(self, seconds: float) -> bool:
        return self.has_them.wait(seconds)


@pytest.fixture
def database(fresh, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: nobody else holds a lock")
    before = threading.enumerate()
    with opened({"x": Address(fresh(dialect))}, "x") as (found,):
        yield found
        for thread in threading.enumerate():
            if thread not in before:
                thread.join(20)


def take(database: Database, connection, *keys: int, mapping: str = "things") -> None:
    locks.lock(connection, database.dialect, mapping, [(key,) for key in keys])


def test_a_key_is_held_until_the_transaction_ends(database):
    with database.writing() as connection:
        take(database, connection, 1, 2, 3)
        assert Wanting(database, 4).within(5)
        assert Wanting(database, 1, mapping="others").within(5)
        wanting = Wanting(database, 3, 4)
        assert not wanting.within(0.3)
    assert wanting.within(5)


def test_nobody_waits_for_a_second_lock_when_the_first_is_not_to_be_had(database, monkeypatch):
    if database.dialect != "mariadb":
        pytest.skip("PostgreSQL ends the statement with its first lock")
    monkeypatch.setattr(locks, "_WAIT_SECONDS", 1)
    first, *others = sorted(range(1, 9), key=lambda key: locks.number("things", (key,)))
    with database.writing() as holding, database.writing() as connection:
        take(database, holding, first)
        with pytest.raises(DatabaseError, match="locked for 1 s"):
            take(database, connection, first, *others)
        assert Wanting(database, *others).within(5)


def test_all_locks_together_are_waited_for_no_longer_than_one(database, monkeypatch):
    if database.dialect != "mariadb":
        pytest.skip("PostgreSQL ends the statement with its first lock")
    asked = []
    event.listen(database.engine, "before_cursor_execute", lambda *found: asked.append(found[2]))
    with database.writing() as connection:
        take(database, connection, 1, 2, 3)
    assert [words for words in asked if "GET_LOCK" in words] == [words for words in asked if "max_statement_time = 10" in words]


def test_an_error_lets_go_too(database):
    def fail() -> None:
        with database.writing() as connection:
            take(database, connection, 1)
            connection.execute(text("SELECT * FROM nothing"))

    with pytest.raises(DatabaseError):
        fail()
    assert Wanting(database, 1).within(5)


def test_the_next_user_of_a_pooled_connection_holds_nothing(database):
    for _ in range(3):
        with database.writing() as connection:
            take(database, connection, 1, 2)
    with database.writing(), database.writing(), database.writing():
        assert Wanting(database, 1, 2).within(5)


def test_a_session_that_is_killed_has_neither_lock_nor_transaction(database):
    ours = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()"}[database.dialect]
    kill = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}[database.dialect]

    def be_killed() -> None:
        with database.writing() as connection:
            take(database, connection, 1)
            session = connection.execute(text(ours)).scalar_one()
            with database.engine.connect() as other:
                other.exec_driver_sql(kill.format(session))
            assert Wanting(database, 1).within(5)
            connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseError):
        be_killed()


def test_many_who_want_the_same_keys_in_any_order_all_get_them(database):
    """Taken as they come, two of them would soon wait for each other."""
    wanting = []
    for number in range(8):
        keys = [*range(200)] if number % 2 else [*reversed(range(200))]
        wanting.append(Wanting(database, *keys))
    assert all(each.within(20) for each in wanting)


def test_a_batch_of_locks_fits(database):
    size = locks.KEYS_AT_ONCE[database.dialect]
    with database.writing() as connection:
        take(database, connection, *range(size))
        assert not Wanting(database, size - 1).within(0.2)


def test_no_two_keys_of_a_small_table_share_a_lock():
    numbers = {locks.number("things", (key,)) for key in range(10_000)} | {locks.number("things", (1, key)) for key in range(100)}
    assert len(numbers) == 10_100
    assert all(-(2**63) <= number < 2**63 for number in numbers)
    assert locks.number("things", (1, 23)) != locks.number("things", (12, 3)) != locks.number("things", ("12", "3"))
