"""Many rows by one statement, where that is certain to say the same as one statement for each.

A row of its own costs a PostgreSQL client and server more than everything else that is done for it, and MariaDB a round trip.
Types that a list of values might not keep (enums, domains, JSON, what the reader of the schema does not know) go row by row, as
do keys that a collation might take for another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Double,
    LargeBinary,
    Numeric,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.types import NullType, TypeEngine

from reconcile.databases.pair import Pair

Columns = Mapping[str, Sequence[Any]]  # by name, a value for each row

_LISTS: Mapping[str, TypeEngine[Any]] = {  # by how PostgreSQL's reflection names a type; a length is the column's to enforce
    **dict.fromkeys(("SMALLINT", "INTEGER", "BIGINT"), BigInteger()),
    **dict.fromkeys(("VARCHAR", "CHAR", "TEXT"), Text()),
    **dict.fromkeys(("REAL", "FLOAT", "DOUBLE PRECISION"), Double()),
    **{"NUMERIC": Numeric(), "BOOLEAN": Boolean(), "DATE": Date(), "UUID": Uuid(), "BYTEA": LargeBinary()},
}
_PLAIN = frozenset(("integer", "text", "decimal", "float", "moment", "date", "time", "bytes"))
_ROWS, _CHARACTERS = 100, 500_000  # of one statement of MariaDB's: its packets have an end, and each row looks through the list


def updated(pair: Pair, connection: Connection, keys: Columns, values: Columns) -> bool:
    """Update rows by key; false, with nothing done, if it must be done one by one."""
    if pair.live is None or len(next(iter(keys.values()))) < 2:
        return False
    if connection.dialect.name == "postgresql":
        return _update_by_lists(pair, connection, keys, values)
    return connection.dialect.name == "mysql" and _update_by_cases(pair, connection, keys, values)


def inserted(pair: Pair, connection: Connection, values: Columns) -> bool:
    """Insert rows; false, with nothing done, if it must be done one by one."""
    given = _given(pair, values) if connection.dialect.name == "postgresql" else None
    if given is None:
        return False
    connection.execute(insert(pair.target.table).from_select(list(values), select(*given.values())), _bound(values))
    return True


def _update_by_lists(pair: Pair, connection: Connection, keys: Columns, values: Columns) -> bool:
    named = {**{f"key {name}": some for name, some in keys.items()}, **values}
    given = _given(pair, named, {f"key {name}": name for name in keys})
    if given is None or any(part.own.name != part.kind.name for part in pair.target.parts):
        return False
    table = pair.target.table
    here = [table.c[name] == given[f"key {name}"] for name in keys]
    here += [] if pair.target.scope is None else [pair.target.scope]
    statement = update(table).where(*here).values({name: given[name] for name in values})
    connection.execute(statement, _bound(named))
    return True


def _given(pair: Pair, values: Columns, columns: Mapping[str, str] | None = None) -> dict[str, ColumnElement[Any]] | None:
    """The values as columns of a table of PostgreSQL's, if they can be. `columns`: whose types those of another name have."""
    types = [_list_of(pair, (columns or {}).get(name, name), some) for name, some in values.items()]
    lists = [
        cast(bindparam(f"list_{index}", type_=NullType()), ARRAY(kept)) for index, kept in enumerate(types) if kept is not None
    ]
    if len(lists) < len(types):
        return None
    labels = [f"strangler_{index}" for index in range(len(lists))]
    given = func.unnest(*lists).table_valued(*labels, name="strangler_given").render_derived()
    return {name: given.c[label] for name, label in zip(values, labels, strict=True)}


def _bound(values: Columns) -> dict[str, Any]:
    return {f"list_{index}": list(some) for index, some in enumerate(values.values())}


def _list_of(pair: Pair, column: str, values: Sequence[Any]) -> TypeEngine[Any] | None:
    """The type of a list of a column's values; None if there is none that keeps them."""
    assert pair.live is not None
    found = pair.live.columns[column]
    if found.kind is None or found.kind.kept == "enum" or len({type(value) for value in values if value is not None}) > 1:
        return None
    if found.type == "TIMESTAMP":
        return DateTime(timezone=found.kind.kept == "zoned")
    return _LISTS.get(found.type.partition("(")[0])


def _update_by_cases(pair: Pair, connection: Connection, keys: Columns, values: Columns) -> bool:
    """``SET c = CASE key WHEN … THEN … END``: one table, so that its rows are found by the key as in any other statement."""
    assert pair.live is not None
    kinds = [pair.live.columns[name].kind for name in values]
    part = pair.target.parts[0]
    simple = len(keys) == 1 and part.own.name == part.kind.name == "integer" and part.column.name not in values
    if not simple or not all(kind is not None and kind.name in _PLAIN for kind in kinds):
        return False
    quote = connection.dialect.identifier_preparer.quote
    table, key = connection.dialect.identifier_preparer.format_table(pair.target.table), quote(part.column.name)
    scope = "" if pair.target.scope is None else f" AND {pair.target.scope.compile(dialect=connection.dialect)}"
    (wanted,) = keys.values()
    for rows in _portions(values.values(), len(wanted)):
        cases = ", ".join(f"{quote(name)} = CASE {key}{' WHEN %s THEN %s' * len(rows)} END" for name in values)
        words = f"UPDATE {table} SET {cases} WHERE {key} IN ({', '.join(['%s'] * len(rows))}){scope}"
        pairs = [each for some in values.values() for row in rows for each in (wanted[row], some[row])]
        connection.exec_driver_sql(words, (*pairs, *(wanted[row] for row in rows)))
    return True


def _portions(columns: Sequence[Sequence[Any]] | Any, many: int) -> Iterator[range]:
    """Rows that go into one statement."""
    start, size = 0, 0
    for row in range(many):
        added = sum(len(some[row]) for some in columns if isinstance(some[row], str | bytes))
        if row > start and (row - start >= _ROWS or size + added > _CHARACTERS):
            yield range(start, row)
            start, size = row, 0
        size += added
    yield range(start, many)
