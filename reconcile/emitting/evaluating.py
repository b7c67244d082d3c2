"""A mapping's own SQL over rows that are no longer, or not yet again, in their table: in the database that they come from.

The rows stand where the table would, under its name, with its types: PostgreSQL makes its own rows of them, MariaDB columns of
the table's types, SQLite a temporary table with the same columns. What an expression looks up elsewhere is as it is now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, text
from sqlalchemy.exc import DBAPIError

from reconcile.databases import catalogue
from reconcile.databases.database import brief
from reconcile.databases.side import Side
from reconcile.emitting.image import literal_value, parse, word

Raw = tuple[Any, ...]
_PLACE, _IMAGE = "strangler_place", "strangler_image"


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a row cannot be read."""

    why: str


def evaluate(connection: Connection, side: Side, rows: Sequence[str]) -> list[Raw | Failed | None]:
    """For each row, as it was kept, what the side's outputs are; None for one that does not count.

    A row that fails is told with the reason, and has no part in what becomes of the others.
    """
    if not rows:
        return []
    found = _tried(connection, side, rows)
    if not isinstance(found, Failed):
        return found
    if len(rows) == 1:
        return [found]
    half = len(rows) // 2
    return evaluate(connection, side, rows[:half]) + evaluate(connection, side, rows[half:])


def _tried(connection: Connection, side: Side, rows: Sequence[str]) -> list[Raw | Failed | None] | Failed:
    try:
        with connection.begin_nested():
            found = {row[0]: row[1:] for row in _EVALUATE[side.database.dialect](connection, side, rows)}
    except DBAPIError as error:
        if error.connection_invalidated or _is_passing(error):
            raise
        return Failed(brief(error))
    except (ValueError, OverflowError) as error:  # what a driver cannot bind, or a row that was tampered with
        return Failed(str(error))
    return [tuple(found[place][1:]) if found[place][0] else None for place in range(1, len(rows) + 1)]


def _is_passing(error: DBAPIError) -> bool:
    """What is not the row's fault: locks, time limits, disks, a server that goes down."""
    original = error.orig
    state = str(getattr(original, "sqlstate", None) or "")
    number = original.args[0] if original is not None and original.args else None
    busy = any(word in str(original) for word in ("is locked", "disk", "interrupted"))
    return busy or state[:2] in ("08", "40", "53", "55", "57", "58") or number in (1205, 1213, 1317, 1969, 2006, 2013)


def _spelled(connection: Connection, element: ColumnElement[Any]) -> str:
    return str(element.compile(dialect=connection.dialect))


def _select(connection: Connection, side: Side, source: str) -> str:
    scope = "true" if side.scope is None else _spelled(connection, side.scope)
    outputs = "".join(f", {_spelled(connection, each)}" for each in side.outputs)
    return f"SELECT {_PLACE}, CASE WHEN {scope} THEN 1 ELSE 0 END{outputs} FROM {source}"


def _name(connection: Connection, side: Side) -> str:
    return connection.dialect.identifier_preparer.quote(side.table.name)


def _postgresql(connection: Connection, side: Side, rows: Sequence[str]) -> Sequence[Any]:
    name = _name(connection, side)
    source = (
        f"json_array_elements(CAST(%s AS json)) WITH ORDINALITY AS strangler_images({_IMAGE}, {_PLACE}) "
        f"CROSS JOIN LATERAL json_populate_record(NULL::{name}, {_IMAGE}) AS {name}"
    )
    return connection.exec_driver_sql(_select(connection, side, source), (f"[{','.join(rows)}]",)).all()


def _mariadb(connection: Connection, side: Side, rows: Sequence[str]) -> Sequence[Any]:
    quote = connection.dialect.identifier_preparer.quote
    live = connection.execute(text(_MY_COLUMNS), {"table": side.table.name}).all()
    images = [parse(row) for row in rows]
    arrays = [[word(image.get(column.name)) for column in live] for image in images]
    declared = ", ".join(
        f"{quote(column.name)} {_my_type(column)} PATH '$[{number}]' ERROR ON ERROR" for number, column in enumerate(live)
    )
    shown = ", ".join(f"UNHEX({quote(each.name)}) AS {quote(each.name)}" if each.bytes else quote(each.name) for each in live)
    inner = f"JSON_TABLE(%s, '$[*]' COLUMNS ({_PLACE} FOR ORDINALITY, {declared.replace('%', '%%')})) AS strangler_images"
    source = f"(SELECT {_PLACE}, {shown.replace('%', '%%')} FROM {inner}) AS {_name(connection, side)}"
    return connection.exec_driver_sql(_select(connection, side, source), (json.dumps(arrays),)).all()


def _my_type(column: Any) -> str:
    if column.bytes:
        return "longtext"
    if column.data_type == "bit":
        return "bigint unsigned"
    collated = f" CHARACTER SET {column.charset} COLLATE {column.collation}" if column.collation else ""
    if column.data_type in ("enum", "set", "uuid", "inet4", "inet6"):  # which JSON_TABLE has no columns of
        return f"longtext{collated}"
    return f"{column.column_type.replace('timestamp', 'datetime')}{collated}"  # it was kept in UTC


def _sqlite(connection: Connection, side: Side, rows: Sequence[str]) -> Sequence[Any]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    reads_only = connection.exec_driver_sql("PRAGMA query_only").scalar_one()
    connection.exec_driver_sql("PRAGMA query_only = OFF")  # nothing but a table of this connection's own is written
    try:
        live = connection.execute(text("SELECT name, type FROM pragma_table_xinfo(:table)"), {"table": side.table.name}).all()
        collations = catalogue.collations(connection, "sqlite", side.table.name)
        declared = ", ".join(f"{quote(name)} {kind} COLLATE {quote(collations.get(name, 'BINARY'))}" for name, kind in live)
        connection.exec_driver_sql(f"CREATE TEMP TABLE {_IMAGE} ({_PLACE} INTEGER PRIMARY KEY, {declared})")
        places = ", ".join("?" * (len(live) + 1))
        for number, image in enumerate(map(parse, rows), 1):
            values = tuple(literal_value(image.get(name, "NULL")) for name, _ in live)
            connection.exec_driver_sql(f"INSERT INTO temp.{_IMAGE} VALUES ({places})", (number, *values))
        return connection.exec_driver_sql(_select(connection, side, f"temp.{_IMAGE} AS {quote(side.table.name)}")).all()
    finally:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS temp.{_IMAGE}")
        connection.exec_driver_sql(f"PRAGMA query_only = {reads_only}")


_MY_COLUMNS = """
    SELECT column_name AS name, lower(data_type) AS data_type, lower(column_type) AS column_type, character_set_name AS charset,
        collation_name AS collation,
        lower(data_type) IN ('binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob') AS bytes
    FROM information_schema.columns WHERE table_schema = database() AND table_name = :table
    AND lower(data_type) NOT IN ('point', 'linestring', 'polygon', 'geometry', 'multipoint', 'multilinestring', 'multipolygon',
        'geometrycollection')
    ORDER BY ordinal_position
"""

_EVALUATE: Mapping[str, Callable[[Connection, Side, Sequence[str]], Sequence[Any]]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mariadb": _mariadb,
}
