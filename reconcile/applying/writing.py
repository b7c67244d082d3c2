"""Changes as statements: rows that take the same one are sent together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, true, update

from reconcile.applying.change import Change, Verb
from reconcile.applying.together import inserted, updated
from reconcile.databases.chunk import Key
from reconcile.databases.ordering import Part
from reconcile.databases.pair import Pair


def write(pair: Pair, connection: Connection, changes: Sequence[Change]) -> None:
    """Make changes, which stand in their order."""
    for (verb, columns), some in groupby(changes, key=lambda change: (change.verb, change.columns)):
        _WRITE[verb](pair, connection, columns, list(some))


def stored(pair: Pair, change: Change, index: int) -> Any:
    """A wanted value as the target's driver takes it."""
    assert change.row is not None
    value = change.row.values[index]
    return None if value is None else pair.kinds[index].stored(value)


def is_row(pair: Pair) -> ColumnElement[bool]:
    """SQL: the row's key is the one that is bound, whatever the column's collation takes for equal."""
    found = []
    for index, part in enumerate(pair.target.parts):
        found.append(part.column == bindparam(f"key_{index}"))
        if part.ordered is not part.column:
            found.append(part.ordered == bindparam(f"exact_{index}"))
    return and_(*found)


def bound(pair: Pair, key: Key) -> dict[str, Any]:
    """What `is_row` takes."""
    values: dict[str, Any] = {}
    for index, (part, value) in enumerate(zip(pair.target.parts, key, strict=True)):
        values |= _bound_part(part, index, value)
    return values


def names(pair: Pair) -> tuple[str, ...]:
    """The mapped columns, by their number."""
    return tuple(pair.mapping.columns)


def _bound_part(part: Part, index: int, value: Any) -> dict[str, Any]:
    exact = {} if part.ordered is part.column else {f"exact_{index}": part.compared(value)}
    return {f"key_{index}": part.looked_up(value)} | exact


def _delete(pair: Pair, connection: Connection, _: tuple[int, ...], changes: list[Change]) -> None:
    """A mapping that deletes softly only sets what says so."""
    here = and_(pair.target.is_one_of([change.key for change in changes]), _in_scope(pair))
    if pair.back is not None and pair.back.deletion is not None:
        connection.execute(update(pair.target.table).where(here).values(pair.back.deletion))
    else:
        connection.execute(delete(pair.target.table).where(here))


def _update(pair: Pair, connection: Connection, columns: tuple[int, ...], changes: list[Change]) -> None:
    keys = {
        part.column.name: [part.looked_up(change.key[index]) for change in changes]
        for index, part in enumerate(pair.target.parts)
    }
    if updated(pair, connection, keys, _by_column(pair, columns, changes)):
        return
    statement = update(pair.target.table).where(is_row(pair), _in_scope(pair)).values(_values(pair, columns))
    connection.execute(statement, [bound(pair, change.key) | _row(pair, change) for change in changes])


def _revive(pair: Pair, connection: Connection, columns: tuple[int, ...], changes: list[Change]) -> None:
    """A row that was deleted softly is outside the scope until it is written."""
    assert pair.back is not None
    values = pair.back.revival | _values(pair, columns)
    statement = update(pair.target.table).where(is_row(pair)).values(values)
    connection.execute(statement, [bound(pair, change.key) | _row(pair, change) for change in changes])


def _insert(pair: Pair, connection: Connection, columns: tuple[int, ...], changes: list[Change]) -> None:
    defaults = {} if pair.back is None else pair.back.defaults
    if not defaults and len(changes) > 1 and inserted(pair, connection, _by_column(pair, columns, changes)):
        return
    statement = insert(pair.target.table).values(defaults | _values(pair, columns))
    connection.execute(statement, [_row(pair, change) for change in changes])


def _in_scope(pair: Pair) -> ColumnElement[Any]:
    return true() if pair.target.scope is None else pair.target.scope


def _by_column(pair: Pair, columns: Sequence[int], changes: Sequence[Change]) -> dict[str, list[Any]]:
    found = names(pair)
    return {found[index]: [stored(pair, change, index) for change in changes] for index in columns}


def _values(pair: Pair, columns: Sequence[int]) -> dict[str, Any]:
    found = names(pair)
    return {found[index]: bindparam(f"value_{index}") for index in columns}


def _row(pair: Pair, change: Change) -> dict[str, Any]:
    return {f"value_{index}": stored(pair, change, index) for index in change.columns}


_WRITE = {Verb.DELETE: _delete, Verb.UPDATE: _update, Verb.REVIVE: _revive, Verb.INSERT: _insert}
