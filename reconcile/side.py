"""One side of a mapping: its table, read by key. Both sides are read by the same few statements.

Values come raw from the driver, never through a column type: a type would repair, round or choke on what is to be compared.
Keys sort by code point on every database and in Python (`_sorted`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    Connection,
    Select,
    TableClause,
    and_,
    collate,
    func,
    literal_column,
    or_,
    select,
    tuple_,
)

from reconcile.chunk import Chunk, Key, show
from reconcile.database import Database
from reconcile.kind import Kind
from strangler.core.errors import Refusal, UsageError

_CODE_POINT_ORDER = {"sqlite": "BINARY", "postgresql": "C", "mysql": "utf8mb4_nopad_bin", "mariadb": "utf8mb4_nopad_bin"}
_KEYS_AT_ONCE = 400  # SQLite built before 2020 takes 999 parameters, and a key may have two columns


@dataclass(frozen=True, slots=True)
class Side:
    """A table, which of its rows count, and what is read of each.

    Attributes:
        key: the key's columns, and `key_kinds` what they hold.
        scope: SQL that is true for the rows that count.
        outputs: the expressions that make up a row.
    """

    database: Database
    table: TableClause
    key: tuple[ColumnClause[Any], ...]
    key_kinds: tuple[Kind, ...]
    scope: ColumnElement[Any] | None
    outputs: tuple[ColumnElement[Any], ...]

    def __str__(self) -> str:
        return f"{self.database.name}.{self.table.name}"

    def count(self) -> int:
        """How many rows count."""
        with self.database.reading() as connection:
            return int(connection.execute(self._within(select(func.count()).select_from(self.table))).scalar_one())

    def refuse_null_keys(self) -> None:
        """A row without a key is in no range of keys, so nothing would ever look at it."""
        null = or_(*(column.is_(None) for column in self.key))
        with self.database.reading() as connection:
            if connection.execute(self._within(select(literal_column("1")).select_from(self.table).where(null)).limit(1)).first():
                raise Refusal(f"{self} has rows whose key is NULL: give them one, or leave them out with `where`")

    def key_after(self, low: Key | None, count: int) -> Key | None:
        """The key that `count` rows from `low` on come before; None if there are no more than that."""
        query = self._within(self._range(select(*self.key), Chunk(low))).order_by(*self._sorted).offset(count).limit(1)
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        key = self._key(row)
        self._refuse_twice(key, low)  # as many equal keys as a chunk has rows would never end
        return key

    def keys(self, chunk: Chunk) -> list[Key]:
        """The keys of a chunk, in order."""
        query = self._within(self._range(select(*self.key), chunk)).order_by(*self._sorted)
        with self.database.reading() as connection:
            return list(self._unique(self._key(row) for row in connection.execute(query)))

    def chunk(self, chunk: Chunk) -> Iterator[tuple[Key, tuple[Any, ...]]]:
        """Keys and raw outputs of a chunk, in order of keys."""
        query = self._within(self._range(select(*self.key, *self.outputs), chunk)).order_by(*self._sorted)
        with self.database.reading() as connection:
            yield from self._rows(connection, query)

    def rows(self, connection: Connection, keys: Sequence[Key]) -> Iterator[tuple[Key, tuple[Any, ...]]]:
        """Keys and raw outputs of those of the given keys that are there, within an open transaction."""
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            query = self._within(select(*self.key, *self.outputs).where(self.is_one_of(some))).order_by(*self._sorted)
            yield from self._rows(connection, query)

    def is_one_of(self, keys: Sequence[Key]) -> ColumnElement[bool]:
        """SQL: the row's key is one of these."""
        if len(self.key) == 1:
            return self._sorted[0].in_([key[0] for key in keys])
        first = [key[0] for key in keys]  # without its ends, SQLite looks for several columns at once in the whole table
        return and_(self._sorted[0].between(min(first), max(first)), tuple_(*self._sorted).in_(keys))

    def parse_key(self, words: Sequence[str]) -> Key:
        """A key as someone typed it. Raises UsageError if it cannot be one."""
        if len(words) != len(self.key):
            names = ", ".join(column.name for column in self.key)
            raise UsageError(f"the key {show(tuple(words))} has {len(words)} parts; {self} has the key {names}")
        try:
            return tuple(kind.fit(word) for kind, word in zip(self.key_kinds, words, strict=True))
        except ValueError as error:
            raise UsageError(f"the key {show(tuple(words))} of {self} {error}") from None

    @property
    def _sorted(self) -> tuple[ColumnElement[Any], ...]:
        """The key's columns, compared by code point whatever collation the table declares."""
        collation = _CODE_POINT_ORDER[self.database.engine.dialect.name]
        pairs = zip(self.key, self.key_kinds, strict=True)
        return tuple(collate(column, collation) if kind.name == "text" else column for column, kind in pairs)

    def _within(self, query: Select[Any]) -> Select[Any]:
        return query if self.scope is None else query.where(self.scope)

    def _range(self, query: Select[Any], chunk: Chunk) -> Select[Any]:
        if chunk.low is not None:
            query = query.where(_at_least(self._sorted, chunk.low))
        return query if chunk.high is None else query.where(_below(self._sorted, chunk.high))

    def _rows(self, connection: Connection, query: Select[Any]) -> Iterator[tuple[Key, tuple[Any, ...]]]:
        """Split each row into key and outputs; a key that stands twice would be compared or written once only."""
        width, last = len(self.key), None
        for row in connection.execute(query):
            key = self._key(row[:width])
            self._refuse_twice(key, last)
            yield key, tuple(row[width:])
            last = key

    def _unique(self, keys: Iterator[Key]) -> Iterator[Key]:
        last = None
        for key in keys:
            self._refuse_twice(key, last)
            yield key
            last = key

    def _refuse_twice(self, key: Key, last: Key | None) -> None:
        if key == last:
            raise Refusal(f"{self} has the key {show(key)} twice: choose a key that names one row, or narrow `where`")

    def _key(self, row: Sequence[Any]) -> Key:
        try:
            return tuple(kind.fit(value) for kind, value in zip(self.key_kinds, row, strict=True))
        except ValueError as error:
            raise Refusal(f"{self} has a row with the key {show(tuple(row))}, which {error}: correct that row") from None


def _at_least(columns: Sequence[ColumnElement[Any]], key: Key) -> ColumnElement[bool]:
    """``(a, b) >= (x, y)``, written so that every database can use an index that starts with a."""
    column, value = columns[0], key[0]
    if len(key) == 1:
        return and_(column >= value)
    return and_(column >= value, or_(column > value, _at_least(columns[1:], key[1:])))


def _below(columns: Sequence[ColumnElement[Any]], key: Key) -> ColumnElement[bool]:
    column, value = columns[0], key[0]
    if len(key) == 1:
        return and_(column < value)
    return and_(column <= value, or_(column < value, _below(columns[1:], key[1:])))
