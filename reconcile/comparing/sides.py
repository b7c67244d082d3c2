"""Both sides of a pair made ready to be compared: what is known of them, how they will be read, and what is hashed of a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, text

from reconcile.comparing import cells, joined
from reconcile.comparing.digests import Reader
from reconcile.comparing.joined import Joined
from reconcile.comparing.strategy import Facts, Strategy, choose
from reconcile.databases.pair import Pair, read_source
from reconcile.databases.schema import Column, Table, read
from reconcile.databases.side import Side
from reconcile.databases.spelling import spell_row, spell_source, spell_target
from reconcile.mapping.kind import Kind

_SAME_HASH = re.compile(  # types whose values PostgreSQL hashes alike in every database, and apart where they differ
    r"(SMALLINT|INTEGER|BIGINT|BOOLEAN|DATE|UUID|BYTEA|TEXT|(VAR)?CHAR|NUMERIC|(DOUBLE PRECISION|REAL|TIMESTAMP|TIME))\b"
    r"(\(\d+(, ?\d+)?\))?( WITH(OUT)? TIME ZONE)?"
)
_LOOSE = """
    SELECT 1 FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
    WHERE a.attrelid = to_regclass(:name) AND NOT c.collisdeterministic AND a.attname IN :columns LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Spelled:
    """The canonical text of a row in SQL, and of its key alone."""

    row: cells.Expression
    key: cells.Expression


@dataclass(frozen=True, slots=True)
class Sides:
    """How a pair is compared.

    Attributes:
        readers: of the side that is read and of the one that is written; None where every row is read here.
        joined: both in one connection.
        keys: SQL of the canonical text of either side's key, where keys are in buckets rather than in order.
    """

    strategy: Strategy
    readers: tuple[Reader, Reader] | None = None
    keys: tuple[cells.Expression, cells.Expression] | None = None
    joined: Joined | None = None


def prepare(pair: Pair, wish: str | None = None, salt: int = 0) -> Sides:
    """Choose a strategy, or the wished one. Raises UsageError if that cannot be."""
    old, new = _live(pair)
    spelled = _spelled_source(pair, old), _spelled_target(pair)
    facts = Facts(
        (pair.source.database.dialect, pair.target.database.dialect),
        spelled=None not in spelled,
        alike=_alike(pair, old, new),
        unique=_is_unique(old, pair.mapping.source.key) and _is_unique(new, pair.mapping.target.key),
        served=_is_served(pair.source, old) and _is_served(pair.target, new),
        joinable=joined.can_join(pair),
    )
    strategy = choose(facts, wish)
    if strategy is Strategy.ROWS:
        return Sides(strategy)
    if strategy is Strategy.JOINED:
        return Sides(strategy, joined=joined.join(pair, old, new))
    source, target = _hashed(pair, strategy, spelled, salt)
    keys = None if facts.walkable else (_key(spelled[0]), _key(spelled[1]))
    return Sides(strategy, (_reader(pair.source, strategy, source), _reader(pair.target, strategy, target)), keys)


def _reader(side: Side, strategy: Strategy, cell: cells.Expression) -> Reader:
    return Reader(side, strategy, cells.rendered(cell, side.database.engine))


def _hashed(
    pair: Pair, strategy: Strategy, spelled: tuple[Spelled | None, Spelled | None], salt: int
) -> tuple[cells.Expression, cells.Expression]:
    """What is hashed of a row, on either side."""
    if strategy is Strategy.RECORDS:
        names = [column.column or "" for column in pair.mapping.columns.values()]
        return cells.record([pair.source.table.c[name] for name in names], salt), cells.record(pair.target.outputs, salt)
    sides = zip((pair.source, pair.target), spelled, strict=True)
    made = [_cell(strategy, one.row, side.database.dialect, salt) for side, one in sides if one]
    return made[0], made[1]


def _cell(strategy: Strategy, row: cells.Expression, dialect: str, salt: int) -> cells.Expression:
    if strategy is Strategy.HASHES:
        return cells.text_hash(row, salt)
    if strategy is Strategy.SUMS:
        return cells.leading(cells.salted(row, salt, dialect), cells.DIGITS, dialect)
    return row


def _key(spelled: Spelled | None) -> cells.Expression:
    assert spelled is not None
    return spelled.key


def _live(pair: Pair) -> tuple[Table, Table]:
    if pair.origin is not None and pair.live is not None:
        return pair.origin, pair.live
    old = read_source(pair.source.database, pair.mapping).tables[pair.mapping.source.name(pair.mapping.name)]
    return old, read(pair.target.database, pair.mapping.target.table).tables[pair.mapping.target.table]


def _spelled_source(pair: Pair, old: Table) -> Spelled | None:
    made, dialect = {}, pair.source.database.dialect
    for (name, column), kind in zip(pair.mapping.columns.items(), pair.kinds, strict=True):
        live = old.columns.get(column.column or "")
        cell = spell_source(column, kind, pair.source.table, live.kind if live else None, dialect)
        if cell is None:
            return None
        made[name] = cell
    return _put_together(pair, made, dialect)


def _spelled_target(pair: Pair) -> Spelled | None:
    made, dialect = {}, pair.target.database.dialect
    for name, kind, output in zip(pair.mapping.columns, pair.kinds, pair.target.outputs, strict=True):
        cell = spell_target(kind, output, dialect)
        if cell is None:
            return None
        made[name] = cell
    return _put_together(pair, made, dialect)


def _put_together(pair: Pair, made: dict[str, Any], dialect: str) -> Spelled:
    key = [made[name] for name in pair.mapping.target.key]
    return Spelled(spell_row(list(made.values()), dialect), spell_row(key, dialect))


def _alike(pair: Pair, old: Table, new: Table) -> bool:
    """Whether equal values hash alike and different ones apart, without any text."""
    columns = pair.mapping.columns.items()
    if not all(column.is_renamed and column.column in old.columns for _, column in columns):
        return False
    twins = [(old.columns[column.column or ""], new.columns[name]) for name, column in columns]
    if not all(_hash_alike(*both) for both in twins):
        return False
    return not any(_is_loose(side, table) for side, table in ((pair.source, old), (pair.target, new)))


def _hash_alike(one: Column, other: Column) -> bool:
    return one.type == other.type and bool(_SAME_HASH.fullmatch(one.type)) and _shape(one.kind) == _shape(other.kind)


def _shape(kind: Kind | None) -> tuple[Any, ...]:
    return (None,) if kind is None else (kind.name, kind.places, kind.kept)


def _is_loose(side: Side, table: Table) -> bool:
    """Whether a column has a collation in which different texts are equal, and hash alike."""
    if side.database.dialect != "postgresql":
        return True
    with side.database.reading() as connection:
        return _has_loose(connection, side, table)


def _has_loose(connection: Connection, side: Side, table: Table) -> bool:
    name = connection.dialect.identifier_preparer.format_table(side.table)
    query = text(_LOOSE).bindparams(bindparam("columns", expanding=True))
    return connection.execute(query, {"name": name, "columns": list(table.columns)}).first() is not None


def _is_unique(table: Table, key: tuple[str, ...]) -> bool:
    return any(set(names) <= set(key) for names in table.unique if names)


def _is_served(side: Side, table: Table) -> bool:
    """Whether an index begins with the key's columns, and has them in our order."""
    names = tuple(part.column.name for part in side.parts)
    return all(part.is_found_in_order for part in side.parts) and any(each[: len(names)] == names for each in table.indexes)
