"""Whole rows of a table, mapped columns and all others, read so that they can be put back as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    and_,
    bindparam,
    cast,
    column,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.types import Float, NullType

from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.databases.side import Side
from reconcile.repairing.exact import Values

_KEYS_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Whole:
    """A side's table with every column that can be written, by name.

    `scope` is the side's own, unless a deletion only takes a row out of it: then the row must still be found.
    """

    side: Side
    scope: ColumnElement[Any] | None
    columns: Mapping[str, ColumnElement[Any]]

    def rows(self, connection: Connection, keys: Sequence[Key]) -> dict[Key, Values]:
        """Those of the rows that are there."""
        found: dict[Key, Values] = {}
        width = len(self.side.key)
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            query = select(*self.side.key, *self.columns.values()).where(*self._scoped(keys[start : start + _KEYS_AT_ONCE]))
            for row in connection.execute(query):
                key = tuple(part.read(value) for part, value in zip(self.side.parts, row, strict=False))
                found[key] = dict(zip(self.columns, row[width:], strict=True))
        return found

    def restore(self, connection: Connection, key: Key, now: Values | None, before: Values | None) -> None:
        """Make a row what it was: back again, without what was inserted, or with the values that were changed."""
        if before is None:
            connection.execute(delete(self.side.table).where(*self._scoped([key])))
        elif now is None:
            connection.execute(insert(self.side.table).values(self._given(before)))
        else:
            changed = {name: value for name, value in before.items() if not _same(value, now[name])}
            connection.execute(update(self.side.table).where(*self._scoped([key])).values(self._given(changed)))

    def _given(self, values: Values) -> dict[Any, Any]:
        return {self.side.table.c[name]: _as_it_is(value) for name, value in values.items()}

    def _scoped(self, keys: Sequence[Key]) -> list[ColumnElement[bool]]:
        here = [self.side.is_one_of(keys)]
        return here if self.scope is None else [*here, and_(self.scope)]


def whole(connection: Connection, pair: Pair) -> Whole:
    """Look at the live table. Columns that the database computes are left out: nobody can put them back."""
    side = pair.target
    softly = pair.back is not None and pair.back.deletion is not None
    found = inspect(connection).get_columns(side.table.name)
    columns = {each["name"]: _exactly(side, each, side.database.dialect) for each in found if "computed" not in each}
    return Whole(side, None if softly else side.scope, columns)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _exactly(side: Side, found: Any, dialect: str) -> ColumnElement[Any]:
    """PostgreSQL reads its own text of every type back exactly. MariaDB shows six digits of a FLOAT, but all of a double."""
    plain: ColumnElement[Any] = side.table.c[found["name"]]
    if dialect == "postgresql":
        return cast(plain, Text).label(None)
    if dialect == "mariadb" and isinstance(found["type"], Float) and found["type"].__visit_name__ == "FLOAT":
        return (plain + column("0e0", is_literal=True)).label(None)
    return plain


def _as_it_is(value: Any) -> Any:
    """A value without a type: PostgreSQL then takes a text for whatever the column holds."""
    return bindparam(None, value, type_=NullType())
