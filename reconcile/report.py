"""What a backfill did and what a comparison found, as values, as text and as JSON.

Values from the rows are masked unless someone asks for them: keys and column names are enough to find a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reconcile.chunk import Key, show
from reconcile.pipeline import Misfit

KEPT = 1000  # differences whose keys are kept; all are counted
SHOWN = 20


class Verdict(StrEnum):
    """Clean is a claim about every row; drift needs only one; whatever lies between says nothing."""

    CLEAN = "clean"
    DRIFT = "drift"
    CANNOT_SAY = "cannot_say"


class Drift(StrEnum):
    """How a row of the new side differs from what the mapping says."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Counts:
    """What the applier did with the keys it was given; `notes` are rules that a converter had to apply, counted."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    unchanged: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.inserted + other.inserted,
            self.updated + other.updated,
            self.deleted + other.deleted,
            self.unchanged + other.unchanged,
            Counter(self.notes) + Counter(other.notes),
        )

    @property
    def rows(self) -> int:
        return self.inserted + self.updated + self.deleted + self.unchanged

    def __str__(self) -> str:
        kinds = ("inserted", "updated", "deleted", "unchanged")
        return ", ".join(f"{getattr(self, kind):,} {kind}" for kind in kinds)

    def document(self) -> dict[str, Any]:
        return {
            "inserted": self.inserted,
            "updated": self.updated,
            "deleted": self.deleted,
            "unchanged": self.unchanged,
            "notes": dict(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a walk is. `total` is the old side's rows when it began."""

    mapping: str
    chunks: int
    rows: int
    total: int
    counts: Counts = Counts()

    @property
    def share(self) -> float:
        """From 0 to 1. Rows that come meanwhile do not take it past 1."""
        return min(1.0, self.rows / self.total) if self.total else 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One column that differs: what the mapping gives, and what stands on the new side."""

    column: str
    old: Any = field(repr=False)
    new: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that differs; `cells` only where it stands on both sides."""

    key: Key
    kind: Drift
    cells: tuple[Cell, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(cell.column for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Report:
    """One comparison of one mapping.

    Attributes:
        old, new: the two tables, for people.
        old_rows, new_rows: rows compared on each side.
        covered: every key was looked at.
        counts: rows by kind of drift; `columns` rows per changed column.
        differences: the first `KEPT`.
        misfits: old rows that cannot be mapped, by key, the first `KEPT`; `unmapped` counts them all.
        failure: why the pass ended early, and `exit_code_of_failure` what that error exits with.
    """

    mapping: str
    old: str
    new: str
    old_rows: int = 0
    new_rows: int = 0
    chunks: int = 0
    covered: bool = False
    counts: Mapping[Drift, int] = field(default_factory=dict)
    columns: Mapping[str, int] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    misfits: Mapping[Key, Misfit] = field(default_factory=dict)
    unmapped: int = 0
    notes: Mapping[str, int] = field(default_factory=dict)
    failure: str = ""
    exit_code_of_failure: int = 3

    @property
    def drifted(self) -> int:
        return sum(self.counts.values())

    @property
    def clean(self) -> bool:
        return self.verdict is Verdict.CLEAN

    @property
    def verdict(self) -> Verdict:
        if not self.old_rows:
            return Verdict.CANNOT_SAY  # rows only on the new side are more likely a wrong or emptied source than drift
        if self.drifted:
            return Verdict.DRIFT
        return Verdict.CANNOT_SAY if self.why_not_clean else Verdict.CLEAN

    @property
    def why_not_clean(self) -> str:
        """Why a pass without drift is still not a clean one; "" if it is."""
        if self.failure:
            return f"the pass ended early: {self.failure}"
        if not self.covered:
            return "not every key was looked at"
        if not self.old_rows:
            return f"the old side has no rows, the new side has {self.new_rows:,}: are these the right databases?"
        if self.unmapped:
            return f"{self.unmapped:,} rows of the old side cannot be mapped"
        return ""

    @property
    def exit_code(self) -> int:
        if self.clean:
            return 0
        return self.exit_code_of_failure if self.failure and not self.drifted else 3

    def document(self, *, values: bool = False) -> dict[str, Any]:
        """For JSON. `values` shows what the rows hold."""
        look = _plain if values else mask
        return {
            "mapping": self.mapping,
            "verdict": self.verdict.value,
            "clean": self.clean,
            "reason": self.why_not_clean,
            "old": {"table": self.old, "rows": self.old_rows},
            "new": {"table": self.new, "rows": self.new_rows},
            "chunks": self.chunks,
            "covered": self.covered,
            **{kind.value: self.counts.get(kind, 0) for kind in Drift},
            "columns": dict(self.columns),
            "differences": [_difference(each, look) for each in self.differences],
            "unmapped": [
                {"key": list(key), "column": misfit.column, "value": look(misfit.value), "reason": misfit.reason}
                for key, misfit in self.misfits.items()
            ],
            "notes": dict(self.notes),
        }

    def lines(self, *, values: bool = False) -> Iterator[str]:
        """For people: the answer first, then why, then what to do."""
        look = _plain if values else mask
        yield f"{self.mapping}: {self.verdict.replace('_', ' ')}{': ' if self.why_not_clean else ''}{self.why_not_clean}"
        looked = f"{self.chunks:,} chunk{'s' if self.chunks != 1 else ''}, {'all' if self.covered else 'not all'} keys"
        yield f"  {self.old}: {self.old_rows:,} rows   {self.new}: {self.new_rows:,} rows   ({looked})"
        yield from self._counted_lines()
        if self.old_rows:
            yield from self._row_lines(look)
        yield from (f"  note: {count:,} {text}" for text, count in self.notes.items())
        if self.drifted and self.verdict is Verdict.DRIFT:
            yield f"Next: `backfill {self.mapping}` writes what the mapping says over what the new side has."

    def _counted_lines(self) -> Iterator[str]:
        for kind, meaning in _MEANING.items():
            if self.counts.get(kind):
                yield f"  {kind.value:<8}{self.counts[kind]:>8,}   {meaning}{self._columns(kind)}"

    def _row_lines(self, look: Any) -> Iterator[str]:
        for each in self.differences[:SHOWN]:
            cells = ", ".join(f"{cell.column} ({look(cell.old)} → {look(cell.new)})" for cell in each.cells)
            yield f"    {each.kind.value:<8} {show(each.key)}{'   ' + cells if cells else ''}"
        if self.drifted > SHOWN:
            yield f"    … and {self.drifted - SHOWN:,} more (--json lists the first {KEPT:,})"
        for key, misfit in list(self.misfits.items())[:SHOWN]:
            yield f"    unmapped {show(key)}   {misfit.column} ({look(misfit.value)}) {misfit.reason}"

    def _columns(self, kind: Drift) -> str:
        if kind is not Drift.CHANGED:
            return ""
        return ": " + ", ".join(f"{name} {count:,}" for name, count in sorted(self.columns.items(), key=lambda item: -item[1]))


_MEANING = {
    Drift.MISSING: "on the old side only",
    Drift.EXTRA: "on the new side only",
    Drift.CHANGED: "differ in",
}


def mask(value: Any) -> str:
    """What kind of value it is, without the value."""
    if value is None:
        return "NULL"
    if isinstance(value, str | bytes):
        return f"{'text' if isinstance(value, str) else 'bytes'} of {len(value)}"
    return {"int": "integer", "bool": "boolean", "float": "float", "Decimal": "decimal"}.get(type(value).__name__, "moment")


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def _difference(difference: Difference, look: Any) -> dict[str, Any]:
    cells = [{"column": cell.column, "old": look(cell.old), "new": look(cell.new)} for cell in difference.cells]
    return {"key": list(difference.key), "kind": difference.kind.value, "columns": list(difference.columns), "cells": cells}
