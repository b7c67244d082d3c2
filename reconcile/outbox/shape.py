"""How a table of events is read, whatever its columns are called and hold: one SQL expression for each part of an event.

A part that the `columns` of the file do not name is looked for under the name that `outbox init` gives it. Everything that is
read this way is of one kind in the end, and no row can make it fail: one that did would stop the rows behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    LargeBinary,
    TableClause,
    Text,
    column,
    literal_column,
    table,
    text,
)
from sqlalchemy.types import TypeEngine

from reconcile.checking.finding import Finding, unknown_table
from reconcile.databases import query
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.databases.schema import Column, Schema, Table, read
from reconcile.mapping.kind import ANY
from reconcile.outbox.model import Outbox
from strangler.core.errors import Refusal

USUAL = {
    "order": "id",
    "id": "event_id",
    **{part: part for part in ("type", "key", "payload", "content_type", "headers", "version", "at")},
}
NEEDED = ("order", "type", "payload")
_TEXT, _BYTES, _NUMBER, _MOMENT = "text", "bytes", "number", "moment"
_HOLDS = {"order": _NUMBER, "payload": _BYTES, "version": _NUMBER, "at": _MOMENT}  # the others are text
_TYPES: Mapping[str, TypeEngine[Any]] = {_TEXT: Text(), _BYTES: LargeBinary(), _NUMBER: BigInteger(), _MOMENT: BigInteger()}
_FITS = {_NUMBER: ("integer",), _MOMENT: ("integer", "moment", "date")}


@dataclass(frozen=True, slots=True)
class Shape:
    """A table of events, as SQL for statements of its database.

    Attributes:
        identity: columns that name a row; the order alone where that does.
        order: a whole number; rows of one key that were written one after the other have growing ones.
        parts: `id`, `type`, `key`, `payload` (bytes), `content_type`, `headers` (JSON text), `version` and `at` (µs since
            1970-01-01 UTC). Id, type, payload, content_type and at are never NULL.
        waiting: true for a row that was not taken over yet.
        mark: the column to set, and to what, when a row is taken over; None: rows are deleted then.
    """

    table: TableClause
    identity: tuple[ColumnClause[Any], ...]
    order: ColumnElement[int]
    parts: Mapping[str, ColumnElement[Any]]
    waiting: ColumnElement[bool]
    mark: tuple[ColumnClause[Any], ColumnElement[Any]] | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """Where a part comes from: SQL, and what that is known to hold. `named`: it is a column by itself."""

    sql: str
    live: Column
    named: bool = True


def look(database: Database, outbox: Outbox) -> Shape:
    """How the outbox's table is read. Raises Refusal for a table that holds no events, or is not there."""
    schema = read(database, outbox.table)
    wrong = [finding for finding in inspect(database, outbox, schema) if not finding.warning]
    if wrong:
        raise Refusal(f"outbox {outbox.table} in database {database.name}: {wrong[0].message}")
    return _shape(database, outbox, schema.tables[outbox.table])


def inspect(database: Database, outbox: Outbox, schema: Schema) -> Iterator[Finding]:
    """Why the table cannot be read as events, each at its place below `outbox`. Warnings are `check`'s."""
    live = schema.tables.get(outbox.table)
    if live is None:
        missing = unknown_table(("table",), outbox.table, schema.names)
        yield replace(missing, message=f"{missing.message}; `outbox init` makes it")
        return
    parts = _parts(database, outbox, live)
    for part in NEEDED:
        if part not in parts:
            yield Finding(("columns",), f"{live.name} has no column {USUAL[part]}: say under `columns` which one is the {part}")
    for part, found in parts.items():
        yield from _misfit(database.dialect, part, found, live)
    if not live.unique:
        yield Finding(("table",), f"{live.name} has no primary key: nothing names the row that was taken over")
    if outbox.mark is not None:
        yield from _unmarkable(live, outbox.mark)
    if database.dialect == "sqlite" and _encoding(database) != "UTF-8":
        yield Finding(("database",), "keeps its texts in UTF-16, and payloads are to be UTF-8: events cannot be read from it")


def chosen(outbox: Outbox, live: Table) -> dict[str, str]:
    """Part to what is read for it: what the file says, and the usual columns that are there."""
    usual = {part: name for part, name in USUAL.items() if name in live.columns}
    return {**usual, **outbox.columns}


def _parts(database: Database, outbox: Outbox, live: Table) -> dict[str, _Part]:
    return {part: _part(database, live, words) for part, words in chosen(outbox, live).items()}


def _part(database: Database, live: Table, words: str) -> _Part:
    """A column by its name, in the case that it has where case tells nothing; anything else is an expression."""
    found = live.columns.get(words)
    if found is not None:
        return _Part(database.engine.dialect.identifier_preparer.quote(words), found)
    sql = f"(\n{words}\n)"
    quoted = database.engine.dialect.identifier_preparer.quote(live.name)
    described = query.describe(database, live.name, f"SELECT {sql} AS value FROM {quoted}")
    return _Part(sql, next(iter(described.columns.values())), named=False)


def _misfit(dialect: str, part: str, found: _Part, live: Table) -> Iterator[Finding]:
    kind = found.live.kind or ANY
    fits = _FITS.get(_HOLDS.get(part, _TEXT))
    told_by_row = dialect == "sqlite" and (kind.name == "any" or part == "at")
    if fits is not None and kind.name not in fits and not told_by_row:
        yield Finding(("columns", part), f"{_named(found, live)} is {found.live.type or kind.noun}: {_WANTED[part]}")


_WANTED = {
    "order": "events need a whole number that grows from row to row, which is what an identity or AUTO_INCREMENT gives",
    "version": "the version of a key is a whole number: write an expression, or leave it out",
    "at": "write an expression that gives a timestamp, or a number of s, ms or µs since 1970; or leave it out",
}


def _named(found: _Part, live: Table) -> str:
    return f"{live.name}.{found.sql}" if found.named else "the expression"


def _unmarkable(live: Table, name: str) -> Iterator[Finding]:
    found = live.columns.get(name)
    if found is None:
        yield Finding(("mark",), f"{name!r} is not a column of {live.name}")
    elif (found.kind or ANY).name not in ("moment", "date", "integer", "boolean", "text", "any"):
        yield Finding(("mark",), f"{live.name}.{name} is {found.type}: it takes a timestamp, a whole number or true and false")


def _encoding(database: Database) -> str:
    with database.reading() as connection:
        return str(connection.execute(text("PRAGMA encoding")).scalar_one())


def _shape(database: Database, outbox: Outbox, live: Table) -> Shape:
    parts = _parts(database, outbox, live)
    clause = table(live.name, *(column(name) for name in live.columns))
    order = parts.pop("order")
    named = next((name for name in live.columns if name == chosen(outbox, live)["order"]), "")
    identity = (named,) if (named,) in live.unique else live.unique[0]
    return Shape(
        clause,
        tuple(clause.c[name] for name in identity),
        literal_column(order.sql, BigInteger()),
        {name: _expression(database, name, parts, order, live) for name in USUAL if name != "order"},
        _waiting(clause, live, outbox.mark),
        None if outbox.mark is None else (clause.c[outbox.mark], _marking(database, live.columns[outbox.mark])),
    )


def _expression(database: Database, name: str, parts: Mapping[str, _Part], order: _Part, live: Table) -> ColumnElement[Any]:
    holds = _HOLDS.get(name, _TEXT)
    found = parts.get(name)
    spelled = _SPELLINGS[database.dialect][holds](found) if found else "NULL"
    fallback = _FALLBACKS.get(name, _none)(database, parts, order, live)
    return literal_column(f"COALESCE({spelled}, {fallback})" if fallback else spelled, _TYPES[holds])


def _none(*_: object) -> str:
    return ""


def _derived_id(database: Database, _: object, order: _Part, live: Table) -> str:
    prefix = "'" + live.name.replace("'", "''") + ":'"
    return f"CONCAT({prefix}, {order.sql})" if database.dialect == "mariadb" else f"{prefix} || {order.sql}"


def _content_type(database: Database, parts: Mapping[str, _Part], *_: object) -> str:
    kind = parts["payload"].live.kind
    return "'application/octet-stream'" if kind is not None and kind.name == "bytes" else "'application/json'"


_FALLBACKS: Mapping[str, Callable[[Database, Mapping[str, _Part], _Part, Table], str]] = {
    "id": _derived_id,
    "type": lambda *_: "''",
    "payload": lambda database, *_: {"sqlite": "x''", "postgresql": "''::bytea", "mariadb": "x''"}[database.dialect],
    "content_type": _content_type,
    "at": lambda database, *_: str(now(database)),
}


def _holds_bytes(found: _Part) -> bool:
    return found.live.kind is not None and found.live.kind.name == "bytes"


def _counts(found: _Part) -> bool:
    return found.live.kind is not None and found.live.kind.name in _FITS[_NUMBER]


def _magnitude(sql: str) -> str:
    """Whole seconds, ms, µs or ns since 1970: no number of the years 1973 to 5138 is of two of them."""
    return (
        f"CASE WHEN {sql} < 100000000000 THEN {sql} * 1000000 WHEN {sql} < 100000000000000 THEN {sql} * 1000 "
        f"WHEN {sql} < 100000000000000000 THEN {sql} ELSE {{whole}} END"
    )


def _sqlite_text(found: _Part) -> str:
    return f"CASE typeof({found.sql}) WHEN 'blob' THEN lower(hex({found.sql})) ELSE CAST({found.sql} AS TEXT) END"


def _sqlite_moment(found: _Part) -> str:
    number = _magnitude(found.sql).format(whole=f"{found.sql} / 1000")
    told = f"CAST(round((julianday({found.sql}) - 2440587.5) * 86400000) AS INTEGER) * 1000"  # exact to the millisecond
    counted = f"WHEN 'integer' THEN {number} WHEN 'real' THEN CAST({number} AS INTEGER)"
    return f"CASE typeof({found.sql}) {counted} WHEN 'text' THEN {told} END"


def _postgresql_text(found: _Part) -> str:
    return f"encode({found.sql}, 'hex')" if _holds_bytes(found) else f"({found.sql})::text"


def _postgresql_bytes(found: _Part) -> str:
    return found.sql if _holds_bytes(found) else f"convert_to(({found.sql})::text, 'UTF8')"


def _postgresql_moment(found: _Part) -> str:
    if _counts(found):
        return f"({_magnitude(f'{found.sql}::numeric').format(whole=f'div({found.sql}, 1000)')})::bigint"
    return f"CASE WHEN isfinite({found.sql}) THEN (extract(epoch FROM {found.sql}) * 1000000)::bigint END"


def _mariadb_text(found: _Part) -> str:
    return f"LOWER(HEX({found.sql}))" if _holds_bytes(found) else f"CONVERT({found.sql} USING utf8mb4)"


def _mariadb_bytes(found: _Part) -> str:
    return found.sql if _holds_bytes(found) else f"CAST(CONVERT({found.sql} USING utf8mb4) AS BINARY)"


def _mariadb_moment(found: _Part) -> str:
    if _counts(found):
        return _magnitude(found.sql).format(whole=f"{found.sql} DIV 1000")
    return f"TIMESTAMPDIFF(MICROSECOND, '1970-01-01', {found.sql})"


_SPELLINGS: Mapping[str, Mapping[str, Callable[[_Part], str]]] = {
    "sqlite": {
        _TEXT: _sqlite_text,
        _BYTES: lambda found: f"CAST({found.sql} AS BLOB)",
        _NUMBER: lambda found: f"CASE typeof({found.sql}) WHEN 'integer' THEN {found.sql} END",
        _MOMENT: _sqlite_moment,
    },
    "postgresql": {
        _TEXT: _postgresql_text,
        _BYTES: _postgresql_bytes,
        _NUMBER: lambda found: f"{found.sql}::bigint",
        _MOMENT: _postgresql_moment,
    },
    "mariadb": {
        _TEXT: _mariadb_text,
        _BYTES: _mariadb_bytes,
        _NUMBER: lambda found: found.sql,
        _MOMENT: _mariadb_moment,
    },
}


def _waiting(clause: TableClause, live: Table, mark: str | None) -> ColumnElement[bool]:
    if mark is None:
        return literal_column("1 = 1")
    untouched = clause.c[mark].is_(None)
    is_switch = (live.columns[mark].kind or ANY).name == "boolean"
    return untouched | (clause.c[mark] == literal_column("false")) if is_switch else untouched


_NOW = {  # the current time as a timestamp column takes it; sessions are in UTC
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "clock_timestamp()",
    "mariadb": "sysdate(6)",
}


def _marking(database: Database, found: Column) -> ColumnElement[Any]:
    kind = (found.kind or ANY).name
    if kind == "boolean":
        return literal_column("true")
    return now(database) if kind == "integer" else literal_column(_NOW[database.dialect])
