"""Two SQLite files compared by one connection that has both of them: row beside row, as the files keep them.

No text is made and nothing is hashed where both sides keep the same value and it is certain what that value means; only where
they do not are the canonical texts compared. Every chunk is a connection and a short reading of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from sqlalchemy import Connection, FromClause, Select, TableClause, and_, case, exists, func, literal_column, or_, select, table
from sqlalchemy import column as named

from reconcile.comparing.cells import Expression
from reconcile.databases.chunk import Chunk, Key
from reconcile.databases.pair import Pair
from reconcile.databases.schema import Table
from reconcile.databases.side import Side
from reconcile.databases.spelling import spell_source, spell_target
from reconcile.databases.spelling.sqlite import is_certain
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column

_OTHER = "strangler_new"  # the new side's file, beside the old side's
_THREADS = 2
_AHEAD = 2 * _THREADS  # chunks that are read or wait to be

Joins = Sequence[tuple[Expression, Expression]]


@dataclass(frozen=True, slots=True)
class Beside:
    """One chunk of both sides: rows of each, and the keys of those that differ or that only one side has."""

    chunk: Chunk
    source_rows: int
    target_rows: int
    keys: Sequence[Key] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """Both sides in one connection.

    Attributes:
        source, target: as that connection knows them.
        same: SQL that is true where a row of each means the same.
        file: the new side's.
    """

    source: Side
    target: Side
    same: Expression
    file: str

    def compare(self, chunk: Chunk) -> Beside:
        """One chunk, in one reading of both."""
        with self._reading() as connection:
            rows, met, different = connection.execute(self._counts(chunk)).one()
            counted = select(func.count()).select_from(self.target.table).where(*self.target.within(chunk))
            there = int(connection.execute(counted).scalar_one())
            keys = list(self._keys(connection, self.source, self._differing(chunk))) if different else []
            if there > met:
                keys += self._keys(connection, self.target, self._extra(chunk))
        return Beside(chunk, rows, there, keys)

    def _counts(self, chunk: Chunk) -> Select[Any]:
        """Rows, those of them that have a row beside them, and those that do not mean the same."""
        counts: list[Any] = [func.count(), func.count(self.target.key[0]), func.count(self._differs)]
        return self._both(select(*counts), chunk)

    def _differing(self, chunk: Chunk) -> Select[Any]:
        return self._both(select(*self.source.key), chunk).where(self._differs == literal_column("1"))

    def _extra(self, chunk: Chunk) -> Select[Any]:
        twin = exists().select_from(self.source.table).where(self._on)
        return select(*self.target.key).select_from(self.target.table).where(*self.target.within(chunk), ~twin)

    def _both(self, query: Select[Any], chunk: Chunk) -> Select[Any]:
        joined = self.source.table.outerjoin(self.target.table, self._on)
        return query.select_from(joined).where(*self.source.within(chunk))

    @property
    def _differs(self) -> Expression:
        """1, or NULL. What is neither true nor false differs."""
        return case((self.same, literal_column("NULL")), else_=literal_column("1"))

    @property
    def _on(self) -> Expression:
        return and_(*(one == other for one, other in zip(self.target.ordered, self.source.ordered, strict=True)))

    @staticmethod
    def _keys(connection: Connection, side: Side, query: Select[Any]) -> Iterator[Key]:
        for row in connection.execute(query):
            yield tuple(part.read(value) for part, value in zip(side.parts, row, strict=True))

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.source.database.reading() as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"ATTACH ? AS {_OTHER}", (self.file,))  # before the transaction begins, which is with the first query
            yield connection


def can_join(pair: Pair) -> bool:
    """Whether one connection can read both sides, and every name in the mapping's own SQL stays what it was: those of the
    target's `where` would be looked for in the old file first."""
    sides = pair.source, pair.target
    return all(side.database.dialect == "sqlite" and _is_file(side) for side in sides) and pair.target.scope is None


def _is_file(side: Side) -> bool:
    url = side.database.engine.url
    return bool(url.database) and not str(url.database).startswith("file:") and not url.query


def join(pair: Pair, old: Table, new: Table) -> Joined | None:
    """Both sides made ready; None if there is a column of which SQL cannot tell whether it means the same."""
    picked = select(*pair.source.table.c).select_from(pair.source.table)
    here = picked if pair.source.scope is None else picked.where(pair.source.scope)
    there = table(pair.target.table.name, *(named(each.name) for each in pair.target.table.c), schema=_OTHER)
    source, target = _placed(pair.source, here.subquery("old_row")), _placed(pair.target, there.alias("new_row"))
    columns = zip(pair.mapping.columns.items(), pair.kinds, strict=True)
    tests = [_same(each, kind, (source, target), (old, new), name) for (name, each), kind in columns]
    found = [test for test in tests if test is not None]
    if len(found) < len(tests):
        return None
    return Joined(source, target, and_(*found), str(pair.target.database.engine.url.database))


def _placed(side: Side, clause: FromClause) -> Side:
    """The same side under another name."""
    parts = tuple(replace(part, column=cast(Any, clause.c[part.column.name])) for part in side.parts)
    return replace(side, table=cast(TableClause, clause), parts=parts, scope=None)


def _same(each: Column, kind: Kind, sides: tuple[Side, Side], live: tuple[Table, Table], name: str) -> Expression | None:
    """Whether one column of two rows means the same."""
    source, target = sides
    old = live[0].columns.get(each.column or "")
    texts = (
        spell_source(each, kind, source.table, old.kind if old else None, "sqlite"),
        spell_target(kind, target.table.c[name], "sqlite"),
    )
    if texts[0] is None or texts[1] is None:
        return None
    spelled = texts[0] == texts[1]
    if old is None or not each.is_renamed or not _is_kept_alike(old.kind, kind):
        return spelled
    mine, theirs = source.table.c[each.column or ""], target.table.c[name]
    certain = or_(mine.is_(None), is_certain(kind, mine))
    return or_(and_(mine.collate("BINARY").is_not_distinct_from(theirs), certain), spelled)


def _is_kept_alike(found: Kind | None, kind: Kind) -> bool:
    return found is not None and (found.name, found.places, found.kept, found.length) == (
        kind.name,
        kind.places,
        kind.kept,
        kind.length,
    )


def walk(pair: Pair, joined: Joined, size: int, low: Key | None) -> Generator[Beside, None, None]:
    """All chunks from a key on, in order; some are read at once."""
    with ThreadPoolExecutor(_THREADS, "reconcile") as threads:
        waiting: deque[Future[Beside]] = deque()
        try:
            for chunk in pair.chunks(size, low):
                waiting.append(threads.submit(joined.compare, chunk))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)
