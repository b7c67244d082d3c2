"""MariaDB: getting rid of rows without looking at any other.

Left to choose, it reads a small table whole to delete from it, and then waits for every row that a writer has not committed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from reconcile.outbox.shape import Shape


def clear_by_key(connection: Connection, shape: Shape, rows: Sequence[tuple[Any, ...]], primary: bool) -> None:
    """Delete or mark the rows of these identities. `primary`: the identity is the primary key."""
    if primary and len(shape.identity) == 1 and all(isinstance(row[0], int) for row in rows):
        connection.exec_driver_sql(_at_once(connection, shape), (json.dumps([row[0] for row in rows]),))
    else:
        connection.exec_driver_sql(_one_by_one(connection, shape), list(rows))


def _at_once(connection: Connection, shape: Shape) -> str:
    """One look into the key per row."""
    table, (name, *_) = _quoted(connection, shape)
    taken = "JSON_TABLE(%s, '$[*]' COLUMNS (id BIGINT PATH '$')) AS taken"
    joined = f"{taken} STRAIGHT_JOIN {table} FORCE INDEX (PRIMARY) ON {table}.{name} = taken.id"
    if shape.mark is None:
        return f"DELETE {table} FROM {joined}"
    return f"UPDATE {joined} SET {table}.{_marking(connection, shape)}"


def _one_by_one(connection: Connection, shape: Shape) -> str:
    table, names = _quoted(connection, shape)
    here = " AND ".join(f"{name} = %s" for name in names)
    if shape.mark is None:
        return f"DELETE FROM {table} WHERE {here}"
    return f"UPDATE {table} SET {_marking(connection, shape)} WHERE {here}"


def _marking(connection: Connection, shape: Shape) -> str:
    assert shape.mark
    column, moment = shape.mark
    return f"{_quote(connection, column.name)} = {str(moment).replace('%', '%%')}"


def _quoted(connection: Connection, shape: Shape) -> tuple[str, list[str]]:
    return _quote(connection, shape.table.name), [_quote(connection, column.name) for column in shape.identity]


def _quote(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name).replace("%", "%%")
