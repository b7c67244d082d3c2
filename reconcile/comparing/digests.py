"""Digests of stretches of one side, made where the data is: a number of rows and what stands for all they hold.

Sums are numbers of any size (no overflow, no XOR, in which equal rows would cancel out), salted so that what once collided
does not again. The text of a whole chunk is hashed in the order of its keys; if a database read it in another one, the chunk
would be looked at more closely, and nothing worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from itertools import pairwise
from math import ceil
from typing import Any

from sqlalchemy import ColumnElement, Connection, LargeBinary, Select, and_, case, cast, func, literal_column, or_, select, true

from reconcile.comparing import cells
from reconcile.comparing.strategy import Strategy
from reconcile.databases.chunk import Chunk, Key
from reconcile.databases.side import Side

_ALL: ColumnElement[Any] = literal_column(str(2**63 - 1))
_SPARSE = 4  # numbers for each row, up to which keys count as close together
_FAR = 2**62  # an integer beyond it is not counted on from: its column may end at 2**63 - 1

Expression = ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows of a stretch, and what they hash to; `bytes` were hashed in one piece. A digest that is not `sure` equals none."""

    rows: int
    value: str
    bytes: int = 0
    sure: bool = True

    def agrees(self, other: Digest) -> bool:
        """Whether both stretches hold the same rows."""
        return self.sure and other.sure and (self.rows, self.value) == (other.rows, other.value)


@dataclass(frozen=True, slots=True)
class Reader:
    """Makes digests of chunks of one side.

    Attributes:
        cell: SQL of what is hashed of a row: a text, or a number that already is a hash.
    """

    side: Side
    strategy: Strategy
    cell: Expression

    @property
    def dialect(self) -> str:
        return self.side.database.dialect

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One snapshot, in which hashes can be made."""
        with self.side.database.reading() as connection:
            if self.strategy is Strategy.SUMS and self.dialect == "sqlite":
                cells.teach(connection)
            yield connection

    def step(self, low: Key | None, size: int) -> tuple[Chunk, Digest]:
        """The chunk of the next `size` rows from a key on, and its digest; its end is open if there are no more."""
        if self._counts_on:
            return self._step_on(low, size)
        chunk = Chunk(low, self.side.key_after(low, size))
        return chunk, self.digest(chunk)

    def digest(self, chunk: Chunk) -> Digest:
        """The digest of one chunk."""
        with self.reading() as connection:
            return self._digest(connection, chunk)

    def parts(self, chunks: Sequence[Chunk]) -> list[Digest]:
        """Digests of adjacent chunks, in one reading."""
        with self.reading() as connection:
            if self.dialect == "sqlite":
                return [self._digest(connection, chunk) for chunk in chunks]
            return self._grouped(connection, chunks)

    def marks(self, chunks: Sequence[Chunk]) -> dict[Key, object]:
        """By key, what stands for each row of some chunks. A row of which that cannot be made equals none."""
        with self.reading() as connection:
            return {self.key(row[:-1]): _marked(row[-1]) for row in connection.execute(self._listed(chunks))}

    def cuts(self, chunk: Chunk, rows: int, parts: int) -> list[Key]:
        """Keys that cut a chunk of so many rows into about as many parts of the same size."""
        low, high = chunk.low, chunk.high
        if self._is_number and low and high and high[0] - low[0] <= _SPARSE * rows:  # no need to look
            step = ceil((high[0] - low[0]) / parts)
            return [(number,) for number in range(low[0] + step, high[0], step)]
        return self.every(chunk, max(2, ceil(rows / parts)))

    def every(self, chunk: Chunk, rows: int) -> list[Key]:
        """Every so-manieth key of a chunk, without its first."""
        numbers = func.row_number().over(order_by=self.side.ordered).label("number")
        keyed = self._within(select(*self._named_key, numbers), chunk).subquery("keyed")
        query = select(*keyed.c[:-1]).where(keyed.c.number > 1, keyed.c.number % rows == 1).order_by(keyed.c.number)
        with self.side.database.reading() as connection:
            return [self.key(row) for row in connection.execute(query)]

    def key(self, row: Sequence[Any]) -> Key:
        """A key from what the driver read."""
        return tuple(part.read(value) for part, value in zip(self.side.parts, row, strict=True))

    @property
    def _named_key(self) -> list[Expression]:
        return [column.label(f"part_{index}") for index, column in enumerate(self.side.key)]

    @property
    def _counts_on(self) -> bool:
        """Whether the key after a key is known without looking. MariaDB would write what it hashes to a table first."""
        return self._is_number and self.dialect != "mariadb"

    @property
    def _is_number(self) -> bool:
        part = self.side.parts[0]
        return len(self.side.parts) == 1 and part.kind.name == part.own.name == "integer"

    def _step_on(self, low: Key | None, size: int) -> tuple[Chunk, Digest]:
        key = self.side.key[0].label("last")
        picked = self._ordered(self._picked(Chunk(low), key)).limit(size).subquery("picked")
        query = self._summed(select(func.max(picked.c.last).label("last")).select_from(picked), picked.c.cell)
        with self.reading() as connection:
            *found, last = connection.execute(query).one()
        digest = self._made(found)
        if digest.rows < size:
            return Chunk(low), digest
        high = self.side.parts[0].read(last)
        return Chunk(low, (high + 1,) if high < _FAR else self.side.key_after(low, size)), digest

    def _digest(self, connection: Connection, chunk: Chunk) -> Digest:
        if self.strategy is Strategy.TEXT and self.dialect == "mariadb":  # InnoDB reads in the order of its primary key
            query = self._summed(self._within(select(), chunk), self.cell)
        else:
            query = self._picked(chunk)
            picked = (self._ordered(query) if self.strategy is Strategy.TEXT else self._once(query)).subquery("picked")
            query = self._summed(select().select_from(picked), picked.c.cell)
        return self._made(connection.execute(query).one())

    def _once(self, query: Select[Any]) -> Select[Any]:
        """The same rows behind a fence: without it a cell that is counted and summed would be made twice."""
        return query.limit(_ALL) if self.dialect == "mariadb" else query.offset(literal_column("0"))

    def _grouped(self, connection: Connection, chunks: Sequence[Chunk]) -> list[Digest]:
        """One scan of all of them; each row says which part it is in."""
        part, whole = self._part(chunks).label("part"), Chunk(chunks[0].low, chunks[-1].high)
        if self.strategy is Strategy.TEXT:
            query = self._summed(self._within(select(part), whole).group_by(part), self.cell, self.side.ordered)
        else:
            picked = self._once(self._picked(whole, part)).subquery("picked")
            query = self._summed(select(picked.c.part).select_from(picked).group_by(picked.c.part), picked.c.cell)
        found = {int(number): self._made(rest) for *rest, number in connection.execute(query)}
        return [found.get(number, Digest(0, self._nothing)) for number in range(len(chunks))]

    def _part(self, chunks: Sequence[Chunk]) -> Expression:
        """The number of the part that a row is in: counted where all are of one width, else found by halves."""
        if self._is_number and (width := _width(chunks)):
            start: Expression = literal_column(str((chunks[0].low or (0,))[0]))
            divided = "DIV" if self.dialect == "mariadb" else "/"
            return (self.side.key[0].op("-")(start)).op(divided)(literal_column(str(width)))

        def find(first: int, last: int) -> Expression:
            if first == last:
                return literal_column(str(first))
            middle = (first + last) // 2
            below = self.side.within(Chunk(None, chunks[middle].high))[0]
            return case((below, find(first, middle)), else_=find(middle + 1, last))

        return find(0, len(chunks) - 1)

    def _listed(self, chunks: Sequence[Chunk]) -> Select[Any]:
        within = [and_(*self.side.within(chunk)) if chunk != Chunk() else true() for chunk in chunks]
        query = select(*self._named_key, self._mark.label("mark")).select_from(self.side.table).where(or_(*within))
        return query if self.side.scope is None else query.where(self.side.scope)

    @property
    def _mark(self) -> Expression:
        """What stands for one row: its hash, or where there is none but its text, an MD5 of that."""
        if self.strategy is not Strategy.TEXT:
            return self.cell
        return cast(self.cell, LargeBinary) if self.dialect == "sqlite" else func.md5(self.cell)

    def _picked(self, chunk: Chunk, *more: Expression) -> Select[Any]:
        return self._within(select(self.cell.label("cell"), *more), chunk)

    def _within(self, query: Select[Any], chunk: Chunk) -> Select[Any]:
        query = query.select_from(self.side.table).where(*self.side.within(chunk))
        return query if self.side.scope is None else query.where(self.side.scope)

    def _ordered(self, query: Select[Any]) -> Select[Any]:
        return query.order_by(*self.side.ordered)

    def _summed(self, query: Select[Any], cell: Expression, order: Sequence[Expression] = ()) -> Select[Any]:
        """Rows, cells that could be made, what they come to and its length, and then what the query has already."""
        counts = func.count().label("counted"), self._made_cells(cell).label("made")
        if self.strategy is not Strategy.TEXT:
            return _before(query, *counts, cells.total(cell, self.dialect).label("total"), literal_column("0").label("bytes"))
        whole = cells.joined(cell, self.dialect, order)
        if self.dialect == "mariadb":  # looking at the text twice would make it twice, and keeping it would write it to a file
            return _before(query, *counts, func.md5(whole).label("total"), literal_column("0").label("bytes"))
        joined = _before(query, *counts, whole.label("whole")).subquery("joined")
        rest = [column for column in joined.c if column.name not in ("counted", "made", "whole")]
        value = cast(joined.c.whole, LargeBinary) if self.dialect == "sqlite" else func.md5(joined.c.whole)
        return select(joined.c.counted, joined.c.made, value, cells.length(joined.c.whole, self.dialect), *rest)

    def _made_cells(self, cell: Expression) -> Expression:
        """How many cells could be made; all of them where it would be made once more for that, and need not be counted.

        SQLite fails rather than make none. What MariaDB cuts is missing in the text of its chunk, and never on both sides.
        """
        is_text = self.dialect == "mariadb" and self.strategy is Strategy.TEXT
        return func.count() if self.dialect == "sqlite" or is_text else func.count(cell)

    @property
    def _nothing(self) -> str:
        return md5(b"", usedforsecurity=False).hexdigest() if self.strategy is Strategy.TEXT else "None"

    def _made(self, found: Sequence[Any]) -> Digest:
        """A cell that could not be made is NULL, and would be passed over by every sum."""
        rows, made, value, length = found
        if not rows:
            return Digest(0, self._nothing)
        if isinstance(value, bytes):
            value = md5(value, usedforsecurity=False).hexdigest()
        return Digest(rows, str(value), int(length), sure=rows == made and value is not None)


def _width(chunks: Sequence[Chunk]) -> int | None:
    """How many numbers each of these adjacent chunks holds, the last at most; None if that is not the same for all."""
    lows = [chunk.low[0] for chunk in chunks if chunk.low]
    widths = {after - before for before, after in pairwise(lows)}
    high = chunks[-1].high
    if len(lows) < len(chunks) or high is None or len(widths) != 1:
        return None
    width = int(widths.pop())
    return width if high[0] - lows[-1] <= width else None


def _marked(mark: Any) -> object:
    if mark is None:
        return object()
    return md5(mark, usedforsecurity=False).hexdigest() if isinstance(mark, bytes) else str(mark)


def _before(query: Select[Any], *columns: Expression) -> Select[Any]:
    """The same query with other columns before its own."""
    return query.with_only_columns(*columns, *query.selected_columns)
