"""What a live table is like, as plain values: read once per run, so that what is decided from it can be tested without one."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import inspect, text
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import SAWarning

from reconcile.database import Database, saying
from reconcile.kind import Kind, kind_of

_FOLLOWERS = {  # SQLAlchemy's own reflection passes over ON DELETE where SQLite has it behind a column
    "sqlite": """
        SELECT DISTINCT child.name FROM sqlite_master AS child, pragma_foreign_key_list(child.name) AS reference
        WHERE child.type = 'table' AND lower(reference."table") = lower(:name)
        AND reference.on_delete NOT IN ('NO ACTION', 'RESTRICT') ORDER BY child.name
    """,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A live column. `filled` says that the database gives it a value when an insert does not."""

    type: str
    kind: Kind | None
    nullable: bool = True
    filled: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A live table or view.

    Attributes:
        unique, indexes: column names, in index order.
        followers: tables whose rows the database changes by itself when a row of this one goes (ON DELETE CASCADE, SET NULL).
    """

    name: str
    columns: Mapping[str, Column]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    followers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The names of a database's tables and views, and those that a run needs."""

    names: tuple[str, ...]
    tables: Mapping[str, Table] = field(default_factory=dict)


def read(database: Database, *names: str) -> Schema:
    """Look at the named tables of an open database; those that are not there are left out."""
    with saying(f"database {database.name}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # indexes on expressions are passed over
        inspector = inspect(database.engine)
        known = (*inspector.get_table_names(), *inspector.get_view_names())
        return Schema(known, {name: _table(database, inspector, name) for name in names if name in known})


def _table(database: Database, inspector: Inspector, name: str) -> Table:
    primary = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    found = inspector.get_indexes(name)
    whole = [index for index in found if not any(option.endswith("_where") for option in index.get("dialect_options", {}))]
    unique = [tuple(constraint["column_names"]) for constraint in inspector.get_unique_constraints(name)]
    unique += [_columns(index) for index in whole if index["unique"]]
    columns = {column["name"]: _column(column, primary) for column in inspector.get_columns(name)}
    listed = [names for names in (primary, *unique) if names]
    indexes = (*listed, *(_columns(index) for index in whole))
    return Table(name, columns, tuple(listed), indexes, _followers(database, name))


def _followers(database: Database, name: str) -> tuple[str, ...]:
    with database.reading() as connection:
        return tuple(connection.execute(text(_FOLLOWERS[database.engine.dialect.name]), {"name": name}).scalars())


def _columns(index: Any) -> tuple[str, ...]:
    return tuple(column or "" for column in index["column_names"])


def _column(found: Any, primary: tuple[str, ...]) -> Column:
    numbered = primary == (found["name"],) and str(found["type"]) == "INTEGER"  # SQLite's rowid
    filled = found["default"] is not None or numbered or "computed" in found or "identity" in found
    return Column(str(found["type"]), kind_of(found["type"]), found["nullable"], filled)
