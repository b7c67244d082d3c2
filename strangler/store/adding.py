"""Rows that are added to what is there: one statement for both dialects, and what JSON adds up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Table, case
from sqlalchemy.dialects import postgresql, sqlite

_INSERT: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert(connection: Connection, table: Table) -> Any:
    """The dialect's own INSERT, which knows what to do when a row is there already."""
    return _INSERT[connection.dialect.name](table)


def add(
    connection: Connection, table: Table, rows: Iterable[dict[str, Any]], how: Mapping[str, str], key: tuple[str, ...] = ()
) -> None:
    """Insert rows; where one with the same key is there, treat its columns as `how` says.

    Args:
        how: for each column ``add``, ``replace`` or ``greater``; the others stay as they are.
        key: columns; the primary key if none are given.
    """
    found = list(rows)
    if not found:
        return
    statement = insert(connection, table)
    changed = {name: _HOW[way](table.c[name], statement.excluded[name]) for name, way in how.items()}
    statement = statement.on_conflict_do_update(index_elements=key or [column.name for column in table.primary_key], set_=changed)
    connection.execute(statement, found)


_HOW: dict[str, Any] = {
    "add": lambda old, new: old + new,
    "replace": lambda old, new: new,
    "greater": lambda old, new: case((new > old, new), else_=old),
}


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Both together: numbers are added, at any depth, and of everything else the new one counts."""
    return {**old, **{name: _together(old.get(name), value) for name, value in new.items()}}


def summed(old: list[int], new: list[int]) -> list[int]:
    """Cell by cell; the shorter one is as if it ended with zeros."""
    longest = max(len(old), len(new))
    return [sum(pair) for pair in zip(_padded(old, longest), _padded(new, longest), strict=True)]


def _padded(cells: list[int], length: int) -> list[int]:
    return [*cells, *[0] * (length - len(cells))]


def _together(old: Any, new: Any) -> Any:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return merged(old, new)
    if _is_number(old) and _is_number(new):
        return old + new
    return new


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
