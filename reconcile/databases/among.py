"""SQL: a column is one of these values, in as many statements as the dialect needs to find them by its index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, func

_AT_ONCE = 400  # SQLite built before 2020 takes 999 parameters


def among(connection: Connection, column: ColumnElement[Any], values: Sequence[Any]) -> list[ColumnElement[bool]]:
    """Conditions, each for some of the values. PostgreSQL gets them as one array, so that its statement is always the same."""
    if connection.dialect.name == "postgresql":
        return [column == func.any(list(values))] if values else []
    return [column.in_(some) for some in slices(values)]


def slices(values: Sequence[Any]) -> list[Sequence[Any]]:
    """As many as go into one statement."""
    return [values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE)]
