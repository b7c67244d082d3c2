"""What a live table is like, as plain values: read once per run, so that what is decided from it can be tested without one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, inspect
from sqlalchemy.engine import Inspector
from sqlalchemy.exc import SAWarning

from reconcile.databases import catalogue
from reconcile.databases.catalogue import Reference
from reconcile.databases.database import Database, saying
from reconcile.mapping.kind import JSON, LOOSE, Kind, kind_of


@dataclass(frozen=True, slots=True)
class Column:
    """A live column.

    Attributes:
        filled: whether the database gives it a value when an insert does not.
        computed: whether only the database may write it.
        collation: how its texts are compared, where that is known.
    """

    type: str
    kind: Kind | None
    nullable: bool = True
    filled: bool = False
    computed: bool = False
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A live table or view.

    Attributes:
        unique, indexes: column names, in index order.
        followers: tables whose rows the database changes by itself when a row of this one goes (ON DELETE CASCADE, SET NULL).
        parents: its foreign keys; `children`: those of other tables (or its own) that refer to it.
        triggers: names of those that fire for each row.
    """

    name: str
    columns: Mapping[str, Column]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    followers: tuple[str, ...] = ()
    parents: tuple[Reference, ...] = ()
    children: tuple[Reference, ...] = ()
    triggers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The names of a database's tables and views, and those that a run needs."""

    names: tuple[str, ...]
    tables: Mapping[str, Table] = field(default_factory=dict)


def read(database: Database, *names: str) -> Schema:
    """Look at the named tables of an open database; those that are not there are left out."""
    with saying(f"database {database.name}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # indexes on expressions are passed over
        with _inspecting(database) as (connection, inspector):
            known = (*inspector.get_table_names(), *inspector.get_view_names())
            return Schema(known, {name: _table(connection, database.dialect, inspector, name) for name in names if name in known})


@contextmanager
def _inspecting(database: Database) -> Iterator[tuple[Connection, Inspector]]:
    with database.engine.connect() as connection, ExitStack() as stack:
        if database.dialect == "postgresql":
            from reconcile.databases.loading import json_parsed

            stack.enter_context(json_parsed(connection.connection.driver_connection))
        yield connection, inspect(connection)


def _table(connection: Connection, dialect: str, inspector: Inspector, name: str) -> Table:
    references = catalogue.references(connection, dialect, name)
    triggers = catalogue.triggers(connection, dialect, name)
    collations = catalogue.collations(connection, dialect, name)
    untold = catalogue.untold(connection, dialect, name)
    primary = tuple(inspector.get_pk_constraint(name)["constrained_columns"])
    unique, indexes = _indexes(inspector, name, primary)
    children = tuple(each for each in references if each.parent.lower() == name.lower())
    return Table(
        name,
        {each["name"]: _column(each, primary, dialect, collations, untold) for each in inspector.get_columns(name)},
        unique,
        indexes,
        tuple(dict.fromkeys(each.child for each in children if each.follows_deletes)),
        tuple(each for each in references if each.child.lower() == name.lower()),
        children,
        triggers,
    )


def _indexes(
    inspector: Inspector, name: str, primary: tuple[str, ...]
) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """Those that keep columns unique, and all; an index on some of the rows is neither."""
    found = inspector.get_indexes(name, include_auto_indexes=True)  # SQLite: not all constraints are found in a table's text
    whole = [index for index in found if not any(option.endswith("_where") for option in index.get("dialect_options", {}))]
    unique = [tuple(constraint["column_names"]) for constraint in inspector.get_unique_constraints(name)]
    unique += [_columns(index) for index in whole if index["unique"]]
    listed = tuple(dict.fromkeys(names for names in (primary, *unique) if names))
    return listed, tuple(dict.fromkeys((*listed, *(_columns(index) for index in whole))))


def _columns(index: Any) -> tuple[str, ...]:
    return tuple(column or "" for column in index["column_names"])


def _column(
    found: Any, primary: tuple[str, ...], dialect: str, collations: Mapping[str, str], untold: Mapping[str, str]
) -> Column:
    name, computed = found["name"], "computed" in found
    numbered = primary == (name,) and (str(found["type"]) == "INTEGER" or found.get("autoincrement") is True)  # SQLite's rowid
    filled = found["default"] is not None or numbered or computed or "identity" in found
    kind = _kind(found["type"], dialect, untold.get(name))
    return Column(str(found["type"]), kind, found["nullable"], filled, computed, collations.get(name, ""))


def _kind(found: Any, dialect: str, truth: str | None) -> Kind | None:
    kind = kind_of(found, dialect)
    if truth == "json":
        return JSON
    return LOOSE if truth == "any" and kind and kind.name == "decimal" else kind
