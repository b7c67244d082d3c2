"""Values as SQL text: what `mapping.canonical.encode` makes of a value in Python, made by the database that has it.

Both must agree byte by byte, or not at all: where SQL cannot be certain of one value, it spells ``X`` on the side that is
written and ``?`` on the side that is read. Neither is a valid cell and they differ from each other, so the rows are then looked
at one by one, in Python, which decides. Where it could be certain of no value, there is no SQL form: None.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, FromClause, literal_column

from reconcile.databases.spelling import mariadb, postgresql, sqlite, steps
from reconcile.databases.spelling.cell import Dialect
from reconcile.mapping.canonical import encode
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column

_DIALECTS: dict[str, Dialect] = {"sqlite": sqlite.DIALECT, "postgresql": postgresql.DIALECT, "mariadb": mariadb.DIALECT}
_TARGET_DOUBT, _SOURCE_DOUBT = "X", "?"

Cell = ColumnElement[str]


def spell_target(kind: Kind, column: ColumnElement[Any], dialect: str) -> Cell | None:
    """A column of this kind as it stands, as one cell of a row."""
    return _DIALECTS[dialect].cell(kind, kind, column, _TARGET_DOUBT)


def spell_source(column: Column, kind: Kind, read_from: FromClause, found: Kind | None, dialect: str) -> Cell | None:
    """What a mapping makes of a row for a column of this kind; `found` is the kind of the old column, or of its
    expression as `kind_of_expression` tells it (None: not known)."""
    own = _DIALECTS[dialect]
    if not column.is_read:
        return _constant(own, kind, column.constant)
    value = _value(column, read_from)
    return None if value is None or found is None else steps.spell(own, column, kind, value, found, _SOURCE_DOUBT)


def _value(column: Column, read_from: FromClause) -> ColumnElement[Any] | None:
    if column.column is not None:
        return read_from.c[column.column]
    return None if column.sql is None else literal_column(f"(\n{column.sql}\n)")


def spell_row(cells: Sequence[Cell], dialect: str) -> Cell:
    """The cells of a row, one after the other."""
    return _DIALECTS[dialect].join(cells)


def _constant(own: Dialect, kind: Kind, written: str | None) -> Cell | None:
    try:
        return own.quoted(encode(kind, None if written is None else kind.fit(written)).decode())
    except ValueError:
        return None
