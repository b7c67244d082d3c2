"""Proof that a comparison of this mapping finds what it should: known drift, planted in a copy, and found exactly.

The first rows of the target are copied to a table of our own in the same database, which is dropped afterwards; the tables that
are compared every night are only read. The copy is then compared with the source as the target would be, by the same strategy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    TableClause,
    and_,
    delete,
    insert,
    literal_column,
    not_,
    null,
    select,
    table,
    update,
)
from sqlalchemy import column as named

from reconcile.comparing.compare import Options, compare
from reconcile.databases.chunk import Chunk, Key, show
from reconcile.databases.pair import Pair
from reconcile.databases.side import Side
from reconcile.mapping.pipeline import Row
from reconcile.reports.report import Drift, Report
from strangler.core.errors import Refusal

ROWS = 200
_PREFIX = "strangler_selftest_"

Found = Mapping[Key, tuple[Drift, tuple[str, ...]]]


@dataclass(frozen=True, slots=True)
class Plant:
    """Drift of a known kind in a known row."""

    key: Key
    kind: Drift
    column: str = ""
    twin: Key | None = None
    null: bool = False

    def __str__(self) -> str:
        what = f"{self.column} {'NULL' if self.null else 'of another row'}" if self.column else self.kind.value
        return f"{show(self.key)} ({what})"

    @property
    def expected(self) -> tuple[Drift, tuple[str, ...]]:
        return self.kind, (self.column,) if self.column else ()


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What was planted, what of it was missed, and what was found that was not there."""

    planted: tuple[Plant, ...]
    missed: tuple[Plant, ...] = ()
    surprises: tuple[Key, ...] = ()
    failure: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.planted) and not (self.missed or self.surprises or self.failure)

    def __str__(self) -> str:
        if self.failure:
            return f"self-test: {self.failure}"
        if not self.planted:
            return "self-test: no two rows of the target differ, so nothing could be planted"
        if self.passed:
            return f"self-test: {len(self.planted)} planted differences found, and nothing else"
        missed = ", ".join(map(str, self.missed))
        surprises = ", ".join(show(key) for key in self.surprises)
        return f"self-test failed: missed {missed or 'none'}; found what is not there: {surprises or 'none'}"


def plants(rows: Mapping[Key, Row], columns: Mapping[str, bool], key: tuple[str, ...]) -> list[Plant]:
    """One difference of each kind that these rows allow, each in a row of its own. `columns`: whether each may be NULL."""
    free = list(rows)
    found = [Plant(free.pop(), kind) for kind in (Drift.MISSING, Drift.EXTRA) if len(free) > 1]
    for index, (name, nullable) in enumerate(columns.items()):
        if name in key:
            continue
        for make in (_twin, _null if nullable else _nothing):
            plant = make(rows, free, index, name)
            if plant is not None:
                free.remove(plant.key)
                found.append(plant)
    return found


def run(pair: Pair, options: Options, token: str) -> SelfTest:
    """Plant and look. Raises Refusal if the database does not let us have a table."""
    high = pair.target.key_after(None, ROWS)
    chunk = Chunk(None, high)
    standing = dict(pair.standing(pair.target.chunk(chunk)))
    with _copied(pair, chunk, f"{_PREFIX}{token}") as copy:
        sample = replace(pair, source=_narrowed(pair.source, chunk), target=_moved(pair.target, copy))
        alone = replace(options, captured=False, rows=None, patience=replace(options.patience, settle=0.0))
        before = _found(compare(sample, alone, _quiet))
        planted = plants(
            {key: row for key, row in standing.items() if key not in before}, _nullable(pair), pair.mapping.target.key
        )
        with pair.target.database.writing() as connection:
            for plant in planted:
                _plant(connection, sample.target, plant)
        hidden = [plant.key for plant in planted if plant.kind is Drift.EXTRA]
        report = compare(replace(sample, source=_without(sample.source, hidden)), alone, _quiet)
    if report.failure:
        return SelfTest(tuple(planted), failure=report.failure)
    return judge(planted, before, _found(report))


def judge(planted: list[Plant], before: Found, found: Found) -> SelfTest:
    """What was there before the planting is no surprise."""
    missed = tuple(plant for plant in planted if found.get(plant.key) != plant.expected)
    surprises = tuple(key for key in found if key not in before and key not in {plant.key for plant in planted})
    return SelfTest(tuple(planted), missed, surprises)


def _twin(rows: Mapping[Key, Row], free: list[Key], index: int, name: str) -> Plant | None:
    """A row gets the value of another one."""
    for key in free:
        for other, row in rows.items():
            if row.cells[index] != rows[key].cells[index]:
                return Plant(key, Drift.CHANGED, name, twin=other)
    return None


def _null(rows: Mapping[Key, Row], free: list[Key], index: int, name: str) -> Plant | None:
    key = next((each for each in free if rows[each].cells[index] != b"N"), None)
    return None if key is None else Plant(key, Drift.CHANGED, name, null=True)


def _nothing(rows: Mapping[Key, Row], free: list[Key], index: int, name: str) -> None:
    return None


def _nullable(pair: Pair) -> dict[str, bool]:
    columns = pair.live.columns if pair.live else {}
    return {name: name in columns and columns[name].nullable for name in pair.mapping.columns}


def _plant(connection: Connection, side: Side, plant: Plant) -> None:
    if plant.kind is Drift.EXTRA:
        return  # the source row is hidden instead: no key has to be made up
    here = side.is_one_of([plant.key])
    if plant.kind is Drift.MISSING:
        connection.execute(delete(side.table).where(here))
        return
    connection.execute(update(side.table).where(here).values({side.table.c[plant.column]: _value(side, plant)}))


def _value(side: Side, plant: Plant) -> Any:
    """What is planted, in SQL, so that it is a value of the column's own. MariaDB wants the twin looked up beforehand: LIMIT."""
    if plant.twin is None:
        return null()
    twin = select(side.table.c[plant.column].label("value")).where(side.is_one_of([plant.twin])).limit(1).subquery("twin")
    return select(twin.c.value).scalar_subquery()


@contextmanager
def _copied(pair: Pair, chunk: Chunk, name: str) -> Iterator[TableClause]:
    """The rows of a chunk in a table of our own."""
    target = pair.target
    columns = [target.table.c[column] for column in pair.mapping.columns]
    copy = table(name, *(named(column.name) for column in columns))
    query = select(*columns).select_from(target.table)
    query = query if target.scope is None else query.where(target.scope)
    engine = target.database.engine
    quoted = engine.dialect.identifier_preparer.quote(name)
    try:
        with target.database.writing() as connection:
            connection.exec_driver_sql(
                f"CREATE TABLE {quoted} AS {select(*columns).where(literal_column('1 = 0')).compile(engine)}"
            )
            connection.execute(insert(copy).from_select(list(pair.mapping.columns), query.where(*target.within(chunk))))
        yield copy
    finally:
        with target.database.writing() as connection:
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted}")


def _moved(side: Side, copy: TableClause) -> Side:
    """The same side over another table with the same columns."""
    parts = tuple(replace(part, column=copy.c[part.column.name]) for part in side.parts)
    outputs = tuple(copy.c)
    return replace(side, table=copy, parts=parts, outputs=outputs, scope=None)


def _narrowed(side: Side, chunk: Chunk) -> Side:
    return _where(side, side.within(chunk))


def _without(side: Side, keys: Sequence[Key]) -> Side:
    return _where(side, [not_(side.is_one_of(keys))] if keys else [])


def _where(side: Side, more: Sequence[ColumnElement[bool]]) -> Side:
    """The same side with fewer rows."""
    scopes = [*([] if side.scope is None else [side.scope]), *more]
    return replace(side, scope=and_(*scopes)) if scopes else side


def _found(report: Report) -> Found:
    if report.failure:
        raise Refusal(f"self-test: {report.failure}")
    return {each.key: (each.kind, each.columns) for each in report.differences} | dict.fromkeys(
        report.misfits, (Drift.MISSING, ())
    )


def _quiet(progress: object) -> None:
    pass
