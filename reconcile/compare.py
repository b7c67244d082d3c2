"""One comparison of both sides: digests per chunk, then rows of the chunks that differ, then columns. It never writes.

What differs is judged on one reading. A row that is being written meanwhile can be reported as drift; a second pass tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from reconcile.canonical import Digest
from reconcile.chunk import Chunk, Key
from reconcile.pair import Pair
from reconcile.pipeline import Misfit, Row
from reconcile.report import KEPT, Cell, Difference, Drift, Progress, Report
from strangler.core.errors import DatabaseError, Refusal


@dataclass(slots=True)
class _Tally:
    """What has been found so far."""

    old_rows: int = 0
    new_rows: int = 0
    chunks: int = 0
    counts: Counter[Drift] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    misfits: dict[Key, Misfit] = field(default_factory=dict)
    unmapped: int = 0

    def add(self, difference: Difference) -> None:
        self.counts[difference.kind] += 1
        self.columns.update(difference.columns)
        if len(self.differences) < KEPT:
            self.differences.append(difference)

    def add_misfit(self, key: Key, misfit: Misfit) -> None:
        self.unmapped += 1
        if len(self.misfits) < KEPT:
            self.misfits[key] = misfit


def compare(pair: Pair, size: int, on_progress: Callable[[Progress], None]) -> Report:
    """Compare every key of either side once. An error ends the pass, and the report says so: it is then never clean."""
    tally, failure, exit_code = _Tally(), "", 3
    try:
        _compare_all(pair, size, tally, on_progress)
    except (DatabaseError, Refusal) as error:
        failure, exit_code = str(error), error.exit_code
    return Report(
        pair.mapping.name,
        str(pair.old),
        str(pair.new),
        tally.old_rows,
        tally.new_rows,
        tally.chunks,
        covered=not failure,
        counts=tally.counts,
        columns=tally.columns,
        differences=tuple(tally.differences),
        misfits=tally.misfits,
        unmapped=tally.unmapped,
        notes=tally.notes,
        failure=failure,
        exit_code_of_failure=exit_code,
    )


def difference(pair: Pair, key: Key, wanted: Row | None, standing: Row | None) -> Difference | None:
    """How one row differs, if it does."""
    if wanted is None or standing is None:
        return Difference(key, Drift.EXTRA if wanted is None else Drift.MISSING) if wanted or standing else None
    lanes = zip(pair.mapping.columns, wanted.cells, standing.cells, wanted.values, standing.values, strict=True)
    cells = tuple(Cell(name, old, new) for name, before, after, old, new in lanes if before != after)
    return Difference(key, Drift.CHANGED, cells) if cells else None


def _compare_all(pair: Pair, size: int, tally: _Tally, on_progress: Callable[[Progress], None]) -> None:
    pair.old.refuse_null_keys()
    pair.new.refuse_null_keys()
    total = pair.old.count()
    for chunk in pair.chunks(size):
        _compare_chunk(pair, chunk, tally)
        tally.chunks += 1
        on_progress(Progress(pair.mapping.name, tally.chunks, tally.old_rows, total))


def _compare_chunk(pair: Pair, chunk: Chunk, tally: _Tally) -> None:
    standing, wanted = _standing_digest(pair, chunk), _wanted_digest(pair, chunk, tally.notes)
    if standing == wanted:
        tally.old_rows += standing.rows
        tally.new_rows += standing.rows
    else:
        _narrow(pair, chunk, tally)


def _standing_digest(pair: Pair, chunk: Chunk) -> Digest:
    found = Digest()
    for _, row in pair.standing(pair.new.chunk(chunk)):
        found = found.plus(row.cells)
    return found


def _wanted_digest(pair: Pair, chunk: Chunk, notes: Counter[str]) -> Digest | None:
    """None if a row cannot be mapped: then the chunk equals nothing."""
    found: Digest | None = Digest()
    for _, row in pair.wanted(pair.old.chunk(chunk), notes):
        found = None if found is None or isinstance(row, Misfit) else found.plus(row.cells)
    return found


def _narrow(pair: Pair, chunk: Chunk, tally: _Tally) -> None:
    standing = dict(pair.standing(pair.new.chunk(chunk)))
    wanted = dict(pair.wanted(pair.old.chunk(chunk), Counter()))
    tally.old_rows += len(wanted)
    tally.new_rows += len(standing)
    for key in sorted(wanted.keys() | standing.keys()):
        row = wanted.get(key)
        if isinstance(row, Misfit):
            tally.add_misfit(key, row)
        elif found := difference(pair, key, row, standing.get(key)):
            tally.add(found)
