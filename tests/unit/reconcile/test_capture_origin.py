"""An origin is the transaction's: it never reaches the next one, on the same connection or another."""

import pytest
from sqlalchemy import text

from reconcile.capturing.origin import mark
from reconcile.capturing.tables import METADATA, ORIGIN
from reconcile.databases import tables
from reconcile.databases.database import opened
from reconcile.mapping.model import Database as Address

READ = {
    "sqlite": "SELECT coalesce((SELECT origin FROM strangler_origin), '')",
    "postgresql": "SELECT coalesce(current_setting('strangler.origin', true), '')",
    "mariadb": "SELECT convert(coalesce(@strangler_origin, '') USING utf8mb4)",
}


@pytest.fixture
def database(fresh, dialect):
    with opened({"x": Address(fresh(dialect))}, "x") as (found,):
        tables.ensure(found, METADATA)
        yield found


def origin(connection, dialect):
    return connection.execute(text(READ[dialect])).scalar_one()


def origins_afterwards(database, dialect):
    """On every connection of the pool."""
    found = set()
    for _ in range(3):
        with database.writing() as connection:
            found.add(origin(connection, dialect))
    return found


def test_a_transaction_has_the_origin_that_was_set_last(database, dialect):
    with database.writing() as connection:
        assert origin(connection, dialect) == ""
        mark(connection, dialect, "relay")
        assert origin(connection, dialect) == "relay"
        mark(connection, dialect, "repair 'x'")
        assert origin(connection, dialect) == "repair 'x'"
        mark(connection, dialect, "")
        assert origin(connection, dialect) == ""


def test_the_next_transaction_has_none(database, dialect):
    with database.writing() as connection:
        mark(connection, dialect, "relay")
    assert origins_afterwards(database, dialect) == {""}


def test_nor_has_the_one_after_an_error(database, dialect):
    def fail():
        with database.writing() as connection:
            mark(connection, dialect, "relay")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert origins_afterwards(database, dialect) == {""}


def test_a_savepoint_does_not_end_it(database, dialect):
    with database.writing() as connection:
        mark(connection, dialect, "relay")
        with connection.begin_nested():
            connection.execute(text("SELECT 1"))
        assert origin(connection, dialect) == "relay"


def test_a_database_without_capture_needs_no_origin(fresh, dialect):
    with opened({"x": Address(fresh(dialect))}, "x") as (found,), found.writing() as connection:
        mark(connection, dialect, "relay")
        assert connection.execute(text("SELECT 1")).scalar() == 1, "the transaction goes on"


def test_sqlite_never_keeps_a_row_of_it(database, dialect):
    if dialect != "sqlite":
        pytest.skip("only SQLite keeps the mark as a row")
    with database.writing() as connection:
        mark(connection, dialect, "relay")
    with database.reading() as connection:
        assert connection.execute(ORIGIN.select()).all() == []
