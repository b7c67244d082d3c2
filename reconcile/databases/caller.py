"""An application's own connection, to run a statement of ours in its transaction: SQLAlchemy's or a driver's.

Nothing is imported that the application has not imported itself, and nothing is committed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from strangler.core.errors import UsageError

HERE = "\0"  # where a value belongs, in statements for `execute`

_DIALECTS = {  # by driver
    "sqlite3": "sqlite",
    **dict.fromkeys(("psycopg", "psycopg2"), "postgresql"),
    **dict.fromkeys(("pymysql", "MySQLdb", "mysql", "mariadb"), "mariadb"),
}
_AUTOMATIC: Mapping[str, Callable[[Any], bool]] = {  # whether a statement would be committed by itself
    "sqlite3": lambda connection: not connection.in_transaction and _sqlite_commits(connection),
    "psycopg": lambda connection: connection.autocommit and connection.info.transaction_status == 0,
    "psycopg2": lambda connection: connection.autocommit and connection.get_transaction_status() == 0,
    "pymysql": lambda connection: connection.get_autocommit() and not connection.server_status & 1,
}
_PLACES: Mapping[str, Callable[[int], str]] = {  # how a place for a value is written (PEP 249, and asyncpg's)
    "qmark": lambda _: "?",
    "format": lambda _: "%s",
    "pyformat": lambda _: "%s",
    "numeric": lambda number: f":{number}",
    "numeric_dollar": lambda number: f"${number}",
    "named": lambda number: f":p{number}",
}
Row = tuple[Any, ...]


class Caller:
    """A Session or Connection of SQLAlchemy, or a connection of a driver. Raises UsageError for anything else.

    Attributes:
        dialect: ``sqlite``, ``postgresql``, ``mariadb``, or what SQLAlchemy calls another one.
    """

    def __init__(self, connection: Any) -> None:
        if hasattr(connection, "run_sync"):
            raise UsageError("this would have to wait here: use it within `await session.run_sync(…)`")
        self._given = connection
        inner = connection.connection() if hasattr(connection, "get_bind") else connection  # a Session begins here
        self._inner = inner if hasattr(inner, "exec_driver_sql") else None
        self._driven = inner.connection.driver_connection if self._inner is not None else inner
        driver = _driver(self._driven)
        if self._inner is not None:
            self._style, self.quote = inner.dialect.paramstyle, inner.dialect.identifier_preparer.quote
            self.dialect = "mariadb" if inner.dialect.name == "mysql" else str(inner.dialect.name)
        else:
            self._style, self.dialect = getattr(sys.modules.get(driver), "paramstyle", ""), _DIALECTS.get(driver, "")
            self.quote = _quote("`" if self.dialect == "mariadb" else '"')
        if self._style not in _PLACES or not self.dialect:
            noun = type(connection).__name__
            raise UsageError(f"a {noun} is nothing to write through: give it a Session, a connection of SQLAlchemy or a driver's")

    def refuse_automatic(self, why: str) -> None:
        """Raises UsageError where every statement would be committed by itself, as far as that can be told."""
        commits = _AUTOMATIC.get(_driver(self._driven))
        if commits is not None and commits(self._driven):
            raise UsageError(f"no transaction is open, so {why}: begin one first")

    def execute(self, statement: str, *values: Any) -> Row | None:
        """Run a statement with a value at each `HERE`; the first row of what it gives."""
        return next(iter(self.rows(statement, *values)), None)

    def rows(self, statement: str, *values: Any) -> list[Row]:
        """The same, with all rows."""
        written, bound = self._written(statement), self._bound(values)
        if self._inner is not None:
            result = self._inner.exec_driver_sql(written, bound)
            return [tuple(row) for row in result] if result.returns_rows else []
        cursor = self._driven.cursor()
        try:
            cursor.execute(written, bound)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    @contextmanager
    def nested(self) -> Iterator[None]:
        """A savepoint: what is written within is taken back if it raises, and the transaction goes on as if it had not been."""
        if self.dialect == "sqlite" and not self._driven.in_transaction:  # else the savepoint would be the transaction
            self.execute("BEGIN IMMEDIATE")
        if self._inner is not None:
            with self._given.begin_nested():
                if self._given is not self._inner:
                    self._given.connection()  # a Session makes the savepoint when it is next asked for its connection
                yield
            return
        self.execute("SAVEPOINT strangler_once")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK TO SAVEPOINT strangler_once")
            raise
        self.execute("RELEASE SAVEPOINT strangler_once")

    def _written(self, statement: str) -> str:
        parts = (statement.replace("%", "%%") if "format" in self._style else statement).split(HERE)
        places = [_PLACES[self._style](number) for number in range(1, len(parts))]
        return "".join(f"{part}{place}" for part, place in zip(parts, [*places, ""], strict=True))

    def _bound(self, values: tuple[Any, ...]) -> Any:
        return {f"p{number}": value for number, value in enumerate(values, 1)} if self._style == "named" else values


def _driver(connection: Any) -> str:
    """The module that a connection comes from, also where an application has made a class of its own of it."""
    names = [each.__module__.partition(".")[0] for each in type(connection).__mro__]
    return next((name for name in names if hasattr(sys.modules.get(name), "paramstyle")), names[0])


def _quote(mark: str) -> Callable[[str], str]:
    return lambda name: mark + name.replace(mark, mark * 2) + mark


def _sqlite_commits(connection: Any) -> bool:
    if getattr(connection, "autocommit", -1) in (True, False):  # Python 3.12 has a second way to say it
        return connection.autocommit is True
    return connection.isolation_level is None
