"""A mapping's own query, read as if it were a table: its columns as the database describes them, and a subquery."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

from sqlalchemy import TableClause, column, literal_column, select, text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.types import TypeEngine

from reconcile.databases.database import Database
from reconcile.databases.schema import Column, Table
from reconcile.mapping.kind import ANY, Kind, kind_of

_BINARY = 63  # MariaDB's number for "no character set"
_UNSIGNED = 32
_MARIADB: dict[int, type[TypeEngine[Any]]] = {
    **{1: mysql.SMALLINT, 2: mysql.SMALLINT, 9: mysql.MEDIUMINT, 3: mysql.INTEGER, 8: mysql.BIGINT},  # 1: 2 may be in it
    **dict.fromkeys((0, 246), mysql.DECIMAL),
    **{4: mysql.FLOAT, 5: mysql.DOUBLE, 7: mysql.TIMESTAMP, 12: mysql.DATETIME, 10: mysql.DATE, 11: mysql.TIME, 13: mysql.YEAR},
    **dict.fromkeys((249, 250, 251, 252, 253, 254, 15), mysql.LONGTEXT),
}


def subquery(name: str, sql: str, columns: Sequence[str]) -> TableClause:
    """The query as something to select from. It is only ever read, so it may pass for a table."""
    found = _text(f"\n{sql.rstrip().rstrip(';')}\n").columns(*(column(each) for each in columns)).subquery(name)
    return cast(TableClause, found)


def describe(database: Database, name: str, sql: str) -> Table:
    """What columns the query has. Raises DatabaseError if the database cannot read it."""
    inner = _text(f"(\n{sql.rstrip().rstrip(';')}\n) AS described")
    with database.reading() as connection:
        result: Any = connection.execute(select(literal_column("*")).select_from(inner).limit(0))
        columns = _DESCRIBED[database.dialect](result.cursor)
    return Table(name, columns)


def _text(sql: str) -> Any:
    """SQL as it is: a colon in it names no parameter."""
    return text(sql.replace(":", r"\:"))


def _column(declared: str, kind: Kind | None) -> Column:
    """Whether it may be NULL is not known, so nothing is made of it."""
    return Column(declared, kind, nullable=False)


def _untyped(cursor: Any) -> dict[str, Column]:
    """SQLite says names only; any row may hold anything."""
    return {str(each[0]): _column("", ANY) for each in cursor.description}


def _postgresql(cursor: Any) -> dict[str, Column]:
    known = cursor.connection.adapters.types
    return {each.name: _postgresql_column(each, known.get(each.type_code)) for each in cursor.description}


def _postgresql_column(described: Any, info: Any) -> Column:
    make: Any = postgresql.base.ischema_names.get(info.regtype) if info else None
    if make is None:
        return _column(described.type_display, None)
    if issubclass(make, postgresql.NUMERIC):
        found: TypeEngine[Any] = make(described.precision, described.scale)
    elif issubclass(make, postgresql.TIMESTAMP):
        found = make(timezone="with time zone" in info.regtype or info.name == "timestamptz")
    else:
        found = make()
    return _column(described.type_display, kind_of(found, "postgresql"))


def _mariadb(cursor: Any) -> dict[str, Column]:
    return {each.name: _mariadb_column(each) for each in cursor._result.fields}  # the description leaves out what matters


def _mariadb_column(described: Any) -> Column:
    make: Any = _MARIADB.get(described.type_code)
    if make is None:
        return _column(f"type {described.type_code}", None)
    if make is mysql.LONGTEXT and described.charsetnr == _BINARY:
        make = mysql.LONGBLOB
    sized = _SIZED.get(make)
    found: TypeEngine[Any] = sized(described) if sized else make()
    return _column(str(found), kind_of(found, "mariadb"))


def _whole(make: Any, described: Any) -> TypeEngine[Any]:
    return make(unsigned=bool(described.flags & _UNSIGNED))  # type: ignore[no-any-return]


_SIZED: dict[Any, Callable[[Any], TypeEngine[Any]]] = {
    **{make: partial(_whole, make) for make in (mysql.SMALLINT, mysql.MEDIUMINT, mysql.INTEGER, mysql.BIGINT)},
    mysql.DECIMAL: lambda described: mysql.DECIMAL(described.length - (described.scale > 0) - 1, described.scale),
    mysql.TIMESTAMP: lambda described: mysql.TIMESTAMP(fsp=described.scale),
    mysql.DATETIME: lambda described: mysql.DATETIME(fsp=described.scale),
}
_DESCRIBED = {"sqlite": _untyped, "postgresql": _postgresql, "mariadb": _mariadb}
