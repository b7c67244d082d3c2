"""Opening a database, seeding it, and handing out numbers in it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, insert, select
from sqlalchemy.exc import IntegrityError, OperationalError

Row = Mapping[str, object]
T = TypeVar("T")

_ROWS_AT_ONCE = 5_000
_ATTEMPTS = 10
_NEXT_NUMBER = Lock()


def connect(url: str) -> Engine:
    """SQLite is opened so that readers and one writer, in any number of processes, get along."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def fill_if_empty(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    """Seeds never touch a table that has rows: they may be someone's work, or a data mapping's."""
    if connection.execute(select(table).limit(1)).first() is None:
        for chunk in _chunks(rows):
            connection.execute(insert(table), chunk)


def write(engine: Engine, work: Callable[[Connection], T]) -> T:
    """One transaction that takes the next number, one at a time here.

    Another process may take the same number, or on MariaDB the same lock; the database then lets one of the two go on, and the
    other tries again.
    """
    with _NEXT_NUMBER:
        for _ in range(_ATTEMPTS - 1):
            try:
                with engine.begin() as connection:
                    return work(connection)
            except (IntegrityError, OperationalError):
                continue
        with engine.begin() as connection:
            return work(connection)


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, _ROWS_AT_ONCE)):
        yield chunk


def _prepare_sqlite(connection: Any, _: object) -> None:
    for pragma in ("journal_mode = WAL", "busy_timeout = 5000", "synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
