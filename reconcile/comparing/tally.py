"""What a pass has found so far, and the report that it becomes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from reconcile.comparing.looking import Finding
from reconcile.comparing.recheck import Outcome
from reconcile.comparing.walk import Stretch
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.mapping.pipeline import Misfit, Row
from reconcile.reports.report import KEPT, Cell, Cost, Difference, Drift, Report, Standing

_STANDINGS = {
    Outcome.DRIFT: Standing.DRIFT,
    Outcome.STUCK: Standing.STUCK,
    Outcome.IN_FLIGHT: Standing.IN_FLIGHT,
    Outcome.UNDECIDED: Standing.UNDECIDED,
}
_DRIFTED = (Standing.DRIFT, Standing.STUCK, Standing.NORMALISATION)
KEYS_KEPT = 20_000  # of rows that were found to differ: with more, a pass that was cut off is begun anew


@dataclass(slots=True)
class Tally:
    """Counts of everything, and the first of what can be shown."""

    accept_normalisation: bool = False
    old_rows: int = 0
    new_rows: int = 0
    chunks: int = 0
    read: int = 0
    bytes: int = 0
    counts: Counter[Drift] = field(default_factory=Counter)
    columns: Counter[str] = field(default_factory=Counter)
    standings: Counter[Standing] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    unsettled: list[Key] = field(default_factory=list)
    misfits: dict[Key, Misfit] = field(default_factory=dict)
    unmapped: int = 0
    found: list[Key] = field(default_factory=list)
    on_drift: Callable[[Key], None] | None = None  # told of each drifted row, however many are kept

    def cover(self, stretch: Stretch) -> None:
        """A stretch was compared."""
        self.old_rows += stretch.source_rows
        self.new_rows += stretch.target_rows
        self.chunks += not stretch.part
        self.read += stretch.read
        self.bytes += stretch.bytes

    def add(self, pair: Pair, finding: Finding) -> None:
        """A row was judged."""
        if finding.outcome is Outcome.SAME:
            return
        if len(self.found) <= KEYS_KEPT:
            self.found.append(finding.key)
        if isinstance(finding.wanted, Misfit):
            self._add_misfit(finding.key, finding.wanted)
        elif differs := difference(pair, finding.key, finding.wanted, finding.standing):
            self._add_difference(replace(differs, standing=_STANDINGS[finding.outcome]))

    def report(self, pair: Pair, *, seconds: float, **facts: object) -> Report:
        """All of it, as it is told."""
        return Report(
            pair.mapping.name,
            str(pair.source),
            str(pair.target),
            self.old_rows,
            self.new_rows,
            self.chunks,
            counts=self.counts,
            columns=self.columns,
            differences=tuple(self.differences),
            misfits=self.misfits,
            unmapped=self.unmapped,
            notes=self.notes,
            standings=self.standings,
            unsettled=tuple(self.unsettled),
            cost=Cost(self.read, self.bytes, seconds),
            **facts,  # type: ignore[arg-type]
        )

    def _add_difference(self, found: Difference) -> None:
        if found.standing is Standing.DRIFT and found.only_normalisation:
            found = replace(found, standing=Standing.NORMALISATION)
        self.standings[found.standing] += 1
        if found.standing is Standing.NORMALISATION and self.accept_normalisation:
            return
        if found.standing not in _DRIFTED:
            self.unsettled += [found.key] * (len(self.unsettled) < KEPT)
            return
        self.counts[found.kind] += 1
        self.columns.update(found.columns)
        if self.on_drift is not None:
            self.on_drift(found.key)
        if len(self.differences) < KEPT:
            self.differences.append(found)

    def _add_misfit(self, key: Key, misfit: Misfit) -> None:
        self.unmapped += 1
        if len(self.misfits) < KEPT:
            self.misfits[key] = misfit


def difference(pair: Pair, key: Key, wanted: Row | None, standing: Row | None) -> Difference | None:
    """How one row differs, if it does."""
    if wanted is None or standing is None:
        return Difference(key, Drift.EXTRA if wanted is None else Drift.MISSING) if wanted or standing else None
    lanes = zip(pair.mapping.columns, wanted.cells, standing.cells, wanted.values, standing.values, strict=True)
    cells = tuple(Cell(name, old, new) for name, before, after, old, new in lanes if before != after)
    return Difference(key, Drift.CHANGED, cells) if cells else None
