"""One side of a mapping: its table or query, read by key. Both sides are read by the same few statements.

Values come raw from the driver, never through a column type: a type would repair, round or choke on what is to be compared.
Keys sort alike on every database and in Python (`ordering`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnClause, ColumnElement, Connection, Select, TableClause, func, literal_column, or_, select

from reconcile.databases import catalogue, ordering
from reconcile.databases.chunk import Chunk, Key, show
from reconcile.databases.database import Database
from reconcile.mapping.canonical import parse_key_text
from reconcile.mapping.kind import Kind
from strangler.core.errors import Refusal, UsageError

_KEYS_AT_ONCE = 400  # SQLite built before 2020 takes 999 parameters, and a key may have two columns


@dataclass(frozen=True, slots=True)
class Side:
    """A table, which of its rows count, and what is read of each.

    Attributes:
        table: the table, or the mapping's query standing for one.
        parts: the key's columns.
        scope: SQL that is true for the rows that count.
        outputs: the expressions that make up a row.
    """

    database: Database
    table: TableClause
    parts: tuple[ordering.Part, ...]
    scope: ColumnElement[Any] | None
    outputs: tuple[ColumnElement[Any], ...]

    def __str__(self) -> str:
        return f"{self.database.name}.{self.table.name}"

    @property
    def key(self) -> tuple[ColumnClause[Any], ...]:
        """The key's columns."""
        return tuple(part.column for part in self.parts)

    @property
    def key_kinds(self) -> tuple[Kind, ...]:
        """What both sides' keys are made of."""
        return tuple(part.kind for part in self.parts)

    @property
    def ordered(self) -> tuple[ColumnElement[Any], ...]:
        """The key's columns as they are sorted and compared."""
        return tuple(part.ordered for part in self.parts)

    def count(self) -> int:
        """How many rows count."""
        with self.database.reading() as connection:
            return self.count_within(connection)

    def about(self) -> int:
        """How many rows count, for a progress: as the database's statistics have it, and counted only where they have nothing."""
        with self.database.reading() as connection:
            name = self.table.name if self.scope is None else ""
            known = catalogue.estimate(connection, self.database.dialect, name)
            return self.count_within(connection) if known is None else known

    def count_within(self, connection: Connection) -> int:
        """The same, in a transaction that is open already."""
        return int(connection.execute(self._within(select(func.count()).select_from(self.table))).scalar_one())

    def refuse_null_keys(self) -> None:
        """A row without a key is in no range of keys, so nothing would ever look at it."""
        null = or_(*(column.is_(None) for column in self.key))
        with self.database.reading() as connection:
            if connection.execute(self._within(select(literal_column("1")).select_from(self.table).where(null)).limit(1)).first():
                raise Refusal(f"{self} has rows whose key is NULL: give them one, or leave them out with `where`")

    def key_after(self, low: Key | None, count: int) -> Key | None:
        """The key that `count` rows from `low` on come before; None if there are no more than that."""
        query = self._within(select(*self.key)).where(*self.within(Chunk(low))).order_by(*self.ordered).offset(count).limit(1)
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        key = self._key(row)
        self._refuse_twice(key, low)  # as many equal keys as a chunk has rows would never end
        return key

    def keys(self, chunk: Chunk) -> list[Key]:
        """The keys of a chunk, in order."""
        query = self._within(select(*self.key)).where(*self.within(chunk)).order_by(*self.ordered)
        with self.database.reading() as connection:
            return list(self._unique(self._key(row) for row in connection.execute(query)))

    def chunk(self, chunk: Chunk) -> Iterator[tuple[Key, tuple[Any, ...]]]:
        """Keys and raw outputs of a chunk, in order of keys."""
        query = self._within(select(*self.key, *self.outputs)).where(*self.within(chunk)).order_by(*self.ordered)
        with self.database.reading() as connection:
            yield from self._rows(connection, query)

    def rows(self, connection: Connection, keys: Sequence[Key]) -> Iterator[tuple[Key, tuple[Any, ...]]]:
        """Keys and raw outputs of those of the given keys that are there, within an open transaction."""
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            query = self._within(select(*self.key, *self.outputs).where(self.is_one_of(some))).order_by(*self.ordered)
            yield from self._rows(connection, query)

    def is_one_of(self, keys: Sequence[Key]) -> ColumnElement[bool]:
        """SQL: the row's key is one of these."""
        return ordering.one_of(self.parts, keys)

    def within(self, chunk: Chunk) -> list[ColumnElement[bool]]:
        """SQL: the row's key is in the chunk; all of these hold."""
        found = []
        if chunk.low is not None:
            found.append(ordering.at_least(self.ordered, self._compared(chunk.low)))
        if chunk.high is not None:
            found.append(ordering.below(self.ordered, self._compared(chunk.high)))
        return found

    def parse_key_text(self, text: str) -> Key:
        """A key from JSON, whichever database wrote it. Raises UsageError if it cannot be one."""
        try:
            return self.parse_key(parse_key_text(text))
        except ValueError as error:
            raise UsageError(f"{text!r} is not a key of {self}: {error}") from None

    def parse_key(self, words: Sequence[Any]) -> Key:
        """A key as someone typed it, or a database wrote it. Raises UsageError if it cannot be one."""
        if len(words) != len(self.key):
            names = ", ".join(column.name for column in self.key)
            raise UsageError(f"the key {show(tuple(words))} has {len(words)} parts; {self} has the key {names}")
        try:
            return tuple(kind.fit(word) for kind, word in zip(self.key_kinds, words, strict=True))
        except ValueError as error:
            raise UsageError(f"the key {show(tuple(words))} of {self} {error}") from None

    def _compared(self, key: Key) -> Key:
        return tuple(part.compared(value) for part, value in zip(self.parts, key, strict=True))

    def _within(self, query: Select[Any]) -> Select[Any]:
        return query if self.scope is None else query.where(self.scope)

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
            return tuple(part.read(value) for part, value in zip(self.parts, row, strict=True))
        except ValueError as error:
            raise Refusal(f"{self} has a row with the key {show(tuple(row))}, which {error}: correct that row") from None
