"""Databases: opened carefully, closed for certain, and their errors said in one line without a password in it.

How a dialect connects and begins a transaction is said in its own file: `sqlite`, `postgresql`, `mariadb`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from reconcile.databases import mariadb, postgresql, sqlite
from reconcile.mapping.model import Database as Address
from strangler.core.errors import DatabaseError

_OPENERS = {"sqlite": sqlite.open_engine, "postgresql": postgresql.open_engine}
_OPENERS |= dict.fromkeys(("mariadb", "mysql"), mariadb.open_engine)
_SHOWN = "sqlite, postgresql and mariadb"


@dataclass(frozen=True, slots=True)
class Database:
    """One open database.

    A transaction never outlives its `with`, and what one reads is what is there when it begins to read.
    """

    name: str
    engine: Engine

    @property
    def dialect(self) -> str:
        """``sqlite``, ``postgresql`` or ``mariadb``."""
        return "mariadb" if self.engine.dialect.name == "mysql" else self.engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot, in which nothing can be written."""
        with saying(f"database {self.name}"), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, committed unless something raises.

        SQLite holds the write lock from its first moment. PostgreSQL and MariaDB run at READ COMMITTED: every statement sees
        what is committed when it begins, so rows that are read after a lock was taken are never older than the lock.
        """
        engine = self.engine.execution_options(strangler="writing")
        with saying(f"database {self.name}"), engine.begin() as connection:
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
    original = error.orig
    words = (
        original.args[1] if original is not None and len(original.args) == 2 and isinstance(original.args[1], str) else original
    )
    text = (str(words).splitlines() or [type(original).__name__])[0]
    return f"{text}: another program is writing, try again" if "database is locked" in text else text


def _open(name: str, address: Address) -> Database:
    try:
        url = make_url(address.url)
    except ArgumentError:
        raise DatabaseError(f"database {name}: its address cannot be read: write sqlite:///FILE.db") from None
    opener = _OPENERS.get(url.get_backend_name())
    shown = url.render_as_string(hide_password=True)
    if opener is None:
        raise DatabaseError(f"database {name} ({shown}): this version runs on {_SHOWN} only")
    return Database(name, _opened_engine(f"database {name}", url, shown))


def _opened_engine(subject: str, url: URL, shown: str) -> Engine:
    try:
        engine = _OPENERS[url.get_backend_name()](subject, url)
    except NoSuchModuleError:
        raise DatabaseError(f"{subject} ({shown}): no such driver: write postgresql+psycopg:// or mariadb+pymysql://") from None
    except ModuleNotFoundError as error:
        extra = "postgresql" if url.get_backend_name() == "postgresql" else "mariadb"
        raise DatabaseError(f"{subject} ({shown}): {error.name} is missing: pip install 'strangler[{extra}]'") from None
    try:
        with saying(subject), engine.connect():
            return engine
    except BaseException:
        engine.dispose()
        raise
