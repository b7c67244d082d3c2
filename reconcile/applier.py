"""The one place that writes rows: given keys, it makes the new side say what the old side says now.

State, not operations: it takes the lock first and reads the old side after, so whoever comes late writes what is true then,
and applying twice changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Executable, and_, bindparam, delete, insert, update
from sqlalchemy.exc import IntegrityError

from reconcile.budget import Allowance
from reconcile.chunk import Key, show
from reconcile.database import brief
from reconcile.pair import Pair
from reconcile.pipeline import Misfit, Row
from reconcile.report import Counts
from strangler.core.errors import DatabaseError, Refusal

_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Change:
    """What has to be done to the new side, by key."""

    inserts: Mapping[Key, Row]
    updates: Mapping[Key, Row]
    deletes: Collection[Key]
    unchanged: int


def change(wanted: Mapping[Key, Row], standing: Mapping[Key, Row]) -> Change:
    """What turns the standing rows into the wanted ones."""
    inserts = {key: row for key, row in wanted.items() if key not in standing}
    updates = {key: row for key, row in wanted.items() if key in standing and row.cells != standing[key].cells}
    deletes = [key for key in standing if key not in wanted]
    return Change(inserts, updates, deletes, len(wanted) - len(inserts) - len(updates))


def apply(pair: Pair, keys: Collection[Key], allowance: Allowance) -> Counts:
    """Bring the rows with these keys up to date, in one transaction.

    Raises Refusal, with nothing written, for a row that cannot be mapped, for more deletes than the allowance has left, and
    for rows that would fall outside `to.where`.
    """
    ordered, notes = sorted(set(keys)), Counter[str]()
    with pair.new.database.writing() as connection:
        wanted = _wanted(pair, ordered, notes)
        planned = change(wanted, dict(pair.standing(pair.new.rows(connection, ordered))))
        allowance.spend(len(planned.deletes))
        _write(pair, connection, planned)
        _refuse_outside(pair, connection, [*planned.inserts, *planned.updates])
    return Counts(len(planned.inserts), len(planned.updates), len(planned.deletes), planned.unchanged, notes)


def _wanted(pair: Pair, keys: Sequence[Key], notes: Counter[str]) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    with pair.old.database.reading() as connection:
        for key, row in pair.wanted(pair.old.rows(connection, keys), notes):
            if isinstance(row, Misfit):
                raise Refusal(
                    f"{pair.mapping.name}: {pair.old} key {show(key)}: {row.column}: {_shown(row.value)} {row.reason}; "
                    "nothing of its chunk was written"
                )
            found[key] = row
    return found


def _write(pair: Pair, connection: Connection, planned: Change) -> None:
    """Deletes first: a row that goes may hold the unique value of one that comes."""
    if planned.deletes:
        _execute(pair, connection, _delete(pair), {key: _key(key) for key in planned.deletes})
    if planned.updates:
        _execute(pair, connection, _update(pair), {key: _key(key) | _row(pair, row) for key, row in planned.updates.items()})
    if planned.inserts:
        _execute(pair, connection, _insert(pair), {key: _row(pair, row) for key, row in planned.inserts.items()})


def _delete(pair: Pair) -> Executable:
    return delete(pair.new.table).where(_here(pair))


def _update(pair: Pair) -> Executable:
    return update(pair.new.table).where(_here(pair)).values(_values(pair, leave=pair.mapping.target.key))


def _insert(pair: Pair) -> Executable:
    return insert(pair.new.table).values(_values(pair))


def _here(pair: Pair) -> ColumnElement[bool]:
    """SQL: the row with the key that is bound, if it is this mapping's."""
    key = [column == bindparam(f"key_{index}") for index, column in enumerate(pair.new.key)]
    return and_(*key) if pair.new.scope is None else and_(*key, pair.new.scope)


def _values(pair: Pair, leave: Collection[str] = ()) -> dict[ColumnElement[Any], Any]:
    names = enumerate(pair.mapping.columns)
    return {pair.new.table.c[name]: bindparam(f"value_{index}") for index, name in names if name not in leave}


def _key(key: Key) -> dict[str, Any]:
    return {f"key_{index}": value for index, value in enumerate(key)}


def _row(pair: Pair, row: Row) -> dict[str, Any]:
    pairs = zip(pair.kinds, row.values, strict=True)
    return {f"value_{index}": None if value is None else kind.stored(value) for index, (kind, value) in enumerate(pairs)}


def _execute(pair: Pair, connection: Connection, statement: Executable, rows: Mapping[Key, dict[str, Any]]) -> None:
    """All rows at once; if the table refuses one, once more row by row to say which."""
    try:
        with connection.begin_nested():
            connection.execute(statement, list(rows.values()))
    except IntegrityError:
        for key, values in rows.items():
            _execute_one(pair, connection, statement, key, values)


def _execute_one(pair: Pair, connection: Connection, statement: Executable, key: Key, values: dict[str, Any]) -> None:
    try:
        connection.execute(statement, values)
    except IntegrityError as error:
        raise DatabaseError(
            f"{pair.mapping.name}: {pair.new} refuses the row with key {show(key)}: {brief(error)}; nothing of its chunk was "
            "written. If another row holds what this one needs, `apply` that row's key first"
        ) from error


def _refuse_outside(pair: Pair, connection: Connection, keys: Sequence[Key]) -> None:
    """A row outside `to.where` would never be compared, updated or deleted again."""
    if pair.new.scope is None or not keys:
        return
    inside = {key for key, _ in pair.new.rows(connection, sorted(keys))}
    outside = [key for key in keys if key not in inside]
    if outside:
        raise Refusal(
            f"{pair.mapping.name}: the row with key {show(outside[0])} would fall outside `to.where` "
            f"({pair.mapping.target.where}): let `columns` set what it asks for; nothing of its chunk was written"
        )


def _shown(value: Any) -> str:
    text = "NULL" if value is None else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
