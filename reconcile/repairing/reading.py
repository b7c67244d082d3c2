"""Both sides of a few rows, as a repair looks at them: what the mapping makes of the source row, and what stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import Cells
from reconcile.mapping.pipeline import Misfit, Row

AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Both:
    """Rows by key, without those that are not there; misfits are source rows that cannot be mapped."""

    wanted: Mapping[Key, Cells]
    standing: Mapping[Key, Cells]
    misfits: Mapping[Key, Misfit]


def read(pair: Pair, keys: Sequence[Key]) -> Both:
    """The target first: a source row that changes in between is seen as it is now."""
    with pair.target.database.reading() as target:
        standing = dict(pair.standing(pair.target.rows(target, keys)))
        with pair.source.database.reading() as source:
            wanted = dict(pair.wanted(pair.source.rows(source, keys), Counter()))
            settled = settle(pair, source, target, {key: row for key, row in wanted.items() if isinstance(row, Row)}, standing)
    misfits = {key: row for key, row in wanted.items() if isinstance(row, Misfit)}
    return Both({key: row.cells for key, row in settled.items()}, {key: row.cells for key, row in standing.items()}, misfits)


def settle(
    pair: Pair, source: Connection, target: Connection, wanted: Mapping[Key, Row], standing: Mapping[Key, Row]
) -> dict[Key, Row]:
    """On the way back, a legacy column that already says what the new row says stays as it is: that is no drift."""
    if pair.back is None:
        return dict(wanted)
    both = [key for key in wanted if key in standing]
    kept = pair.kept(source, target, both)
    return {key: _kept(pair, row, standing[key], kept[key]) if key in kept else row for key, row in wanted.items()}


def _kept(pair: Pair, row: Row, standing: Row, names: frozenset[str]) -> Row:
    columns = zip(pair.mapping.columns, row.cells, standing.cells, strict=True)
    return replace(row, cells=tuple(stands if name in names else wanted for name, wanted, stands in columns))
