"""Databases: opened carefully, closed for certain, and their errors said in one line without a password in it.

Only this file knows how a dialect begins a transaction. A new dialect is a row in `_OPENERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from reconcile.mapping import Database as Address
from strangler.core.errors import DatabaseError

_BUSY_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Database:
    """One open database. Every transaction has a connection of its own, so that what it reads is what is there now."""

    name: str
    engine: Engine

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot, in which nothing can be written."""
        with saying(f"database {self.name}"), self.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first moment; committed unless something raises."""
        locking = self.engine.execution_options(locking=True)
        with saying(f"database {self.name}"), locking.begin() as connection:
            yield connection


@contextmanager
def opened(addresses: Mapping[str, Address], *names: str) -> Iterator[tuple[Database, ...]]:
    """Open databases by name. Raises DatabaseError if one is not there."""
    databases: list[Database] = []
    try:
        for name in names:
            databases.append(_open(name, addresses[name]))
        yield tuple(databases)
    finally:
        for database in databases:
            database.engine.dispose()


@contextmanager
def saying(subject: str) -> Iterator[None]:
    """Turn the driver's errors into ours. Its messages with statement and parameters would show data, so they are cut."""
    try:
        yield
    except DBAPIError as error:
        raise DatabaseError(f"{subject}: {brief(error)}") from error
    except SQLAlchemyError as error:
        raise DatabaseError(f"{subject}: {type(error).__name__}: {str(error).splitlines()[0]}") from error


def brief(error: DBAPIError) -> str:
    """What the driver said, on one line, and what to do where that is known."""
    text = (str(error.orig).splitlines() or [type(error.orig).__name__])[0]
    return f"{text}: another program is writing, try again" if "database is locked" in text else text


def _open(name: str, address: Address) -> Database:
    try:
        url = make_url(address.url)
    except ArgumentError:
        raise DatabaseError(f"database {name}: its address cannot be read: write sqlite:///FILE.db") from None
    opener = _OPENERS.get(url.get_backend_name())
    if opener is None:
        shown = url.render_as_string(hide_password=True)
        raise DatabaseError(f"database {name} ({shown}): this version runs on {', '.join(_OPENERS)} only")
    return Database(name, opener(name, url))


def _open_sqlite(name: str, url: URL) -> Engine:
    """A missing file would be created, empty, by the driver; an empty database looks like rows that have gone."""
    if not url.database or url.database == ":memory:":
        raise DatabaseError(f"database {name}: a database in memory holds nothing: write sqlite:///FILE.db")
    if not url.database.startswith("file:") and not Path(url.database).is_file():
        raise DatabaseError(f"database {name}: there is no file {url.database} (in {Path.cwd()})")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late and by itself; `_begin_sqlite` does it
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that reads first and writes later may fail at once when another one wrote in between."""
    locking = connection.get_execution_options().get("locking")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if locking else "BEGIN")


_OPENERS: dict[str, Callable[[str, URL], Engine]] = {"sqlite": _open_sqlite}
