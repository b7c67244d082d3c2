"""Keys in one order: by code point on every database and in Python, whatever types and collations the two tables declare.

An index serves that order where a column is in it already; elsewhere `check` says which index would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnClause,
    ColumnElement,
    Date,
    DateTime,
    LargeBinary,
    Numeric,
    Text,
    Uuid,
    and_,
    bindparam,
    cast,
    collate,
    false,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)
from sqlalchemy.types import NullType

from reconcile.databases.chunk import Key
from reconcile.mapping.kind import Kind

_CODE_POINT = {"sqlite": "BINARY", "postgresql": "C", "mariadb": "utf8mb4_nopad_bin"}
_IN_ORDER = {"sqlite": (), "postgresql": ("C", "POSIX", "ucs_basic"), "mariadb": ("utf8mb4_nopad_bin",)}
_ARRAYS = {int: BigInteger, str: Text, UUID: Uuid, date: Date, datetime: DateTime, Decimal: Numeric}

Columns = Sequence[ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Part:
    """One column of a side's key.

    Attributes:
        kind: what both sides' keys are made of here; `own`: what this side's column holds, a text that spells a date, say.
        collation: the column's, where it is known.
    """

    column: ColumnClause[Any]
    kind: Kind
    own: Kind
    dialect: str
    collation: str = ""

    @property
    def ordered(self) -> ColumnElement[Any]:
        """SQL that sorts, and is compared, as `kind` is in Python."""
        if "text" in (self.kind.name, self.own.name):
            return self._by_code_point
        if self.own.name == "uuid" and self.dialect == "mariadb":
            return cast(self.column, LargeBinary)  # its own order of uuids begins with the last digits
        return self.column

    @property
    def _by_code_point(self) -> ColumnElement[Any]:
        is_text = self.own.name in ("text", "any") and (self.dialect, self.own.kept) != ("postgresql", "padded")
        if is_text and self.collation in _IN_ORDER[self.dialect]:
            return self.column
        wanted = _CODE_POINT[self.dialect]
        if self.dialect == "mariadb":
            return collate(func.convert(self.column.op("USING")(literal_column("utf8mb4"))), wanted)
        return collate(self.column if is_text or self.dialect == "sqlite" else cast(self.column, Text), wanted)

    @property
    def is_found_in_order(self) -> bool:
        """Whether an index of the bare column, declared as usual, finds `ordered` too."""
        return self.ordered is self.column or (self.dialect == "sqlite" and self.collation in ("", "BINARY"))

    def compared(self, value: Any) -> Any:
        """A part of a key as it is compared with `ordered`."""
        if "text" in (self.kind.name, self.own.name):
            return _written(value)
        if self.own.name == "uuid" and self.dialect == "mariadb":
            return value.bytes
        return _written(value) if self.dialect == "sqlite" else value

    def looked_up(self, value: Any) -> Any:
        """The same as it is compared with the bare column. Raises ValueError for what the column cannot hold."""
        return self.own.stored(self.own.fit(_written(value) if isinstance(value, date) else value))

    def read(self, value: Any) -> Any:
        """A part of a key from what the driver read. Raises ValueError for what could not be found again by it."""
        found = self.kind.fit(value)
        if self.own.name != self.kind.name and self.own.name != "any" and self.own.fit(_written(found)) != self.own.fit(value):
            raise ValueError(f"is not the one way to write {self.kind.noun} there: {_written(found)!r}")
        return found


def _written(value: Any) -> Any:
    return str(value) if isinstance(value, date | UUID) else value


def at_least(columns: Columns, key: Key) -> ColumnElement[bool]:
    """``(a, b) >= (x, y)``, written so that every database can use an index that starts with a."""
    part, value = columns[0], key[0]
    if len(key) == 1:
        return and_(part >= value)
    return and_(part >= value, or_(part > value, at_least(columns[1:], key[1:])))


def below(columns: Columns, key: Key) -> ColumnElement[bool]:
    """``(a, b) < (x, y)``."""
    part, value = columns[0], key[0]
    if len(key) == 1:
        return and_(part < value)
    return and_(part <= value, or_(part < value, below(columns[1:], key[1:])))


def one_of(parts: Sequence[Part], keys: Sequence[Key]) -> ColumnElement[bool]:
    """The key is one of these: found by an index of the bare columns, and then equal by code point.

    An equal key is always among those that a looser collation calls equal, so nothing is missed. A key that the columns
    cannot hold is nobody's.
    """
    found = {key: looked_up for key in keys if (looked_up := _looked_up(parts, key)) is not None}
    if not found:
        return false()
    make = _ONE_OF[parts[0].dialect]
    bare = make([part.column for part in parts], list(found.values()))
    if parts[0].dialect == "postgresql" and all(part.own.name == part.kind.name for part in parts):
        return bare  # its collations order differently, but what they call equal is equal
    compared = [tuple(part.compared(value) for part, value in zip(parts, key, strict=True)) for key in found]
    exact = make([part.ordered for part in parts], compared)
    return exact if all(part.is_found_in_order for part in parts) or _is_strange(parts, compared) else and_(bare, exact)


def _is_strange(parts: Sequence[Part], keys: Sequence[Key]) -> bool:
    """Whether MariaDB may have no way to compare them with bare columns: what latin1 lacks, with a column of latin1."""
    return parts[0].dialect == "mariadb" and not all(part.isascii() for key in keys for part in key if isinstance(part, str))


def _looked_up(parts: Sequence[Part], key: Key) -> Key | None:
    try:
        return tuple(part.looked_up(value) for part, value in zip(parts, key, strict=True))
    except ValueError:
        return None


def _listed(columns: Columns, keys: Sequence[Key]) -> ColumnElement[bool]:
    return columns[0].in_([key[0] for key in keys]) if len(columns) == 1 else tuple_(*columns).in_(keys)


def _alternatives(columns: Columns, keys: Sequence[Key]) -> ColumnElement[bool]:
    """SQLite finds several columns by an index one key at a time; for a list of rows it reads the whole table."""
    if len(columns) == 1:
        return columns[0].in_([key[0] for key in keys])
    return or_(*(and_(*(part == value for part, value in zip(columns, key, strict=True))) for key in keys))


def _arrays(columns: Columns, keys: Sequence[Key]) -> ColumnElement[bool]:
    """One statement whatever the number of keys, so that it is prepared once."""
    lists = [_array([key[index] for key in keys]) for index in range(len(columns))]
    if len(columns) == 1:
        return columns[0] == func.any(lists[0])
    names = [f"part_{index}" for index in range(len(columns))]
    wanted = func.unnest(*lists).table_valued(*names, name="wanted").render_derived()
    return tuple_(*columns).in_(select(*(wanted.c[name] for name in names)))


def _array(values: list[Any]) -> ColumnElement[Any]:
    """PostgreSQL's numbers beyond 64 bits are numerics."""
    of = _ARRAYS[type(values[0])]
    if of is BigInteger and not all(-(2**63) <= value < 2**63 for value in values):
        of = Numeric
    return cast(bindparam(None, values, type_=NullType()), ARRAY(of))


_ONE_OF = {"sqlite": _alternatives, "postgresql": _arrays, "mariadb": _listed}
