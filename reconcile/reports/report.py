"""What a backfill did and what a comparison found, as values, as text and as JSON.

Values from the rows are masked unless someone asks for them: keys and column names are enough to find a row.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from unicodedata import normalize

from reconcile.databases.chunk import Key, show
from reconcile.mapping.pipeline import Misfit

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


class Standing(StrEnum):
    """What is known of a row that differs.

    - ``drift``: it stands still, and nothing is on its way to it.
    - ``stuck``: a change of it was given up by the relay, or waits far too long. Drift as well.
    - ``normalisation``: its texts differ only in how they write the same: composed or not, blanks at the end. Drift, unless
      that was accepted.
    - ``in_flight``: its change is captured and on its way.
    - ``undecided``: it moved each time it was looked at.
    """

    DRIFT = "drift"
    STUCK = "stuck"
    NORMALISATION = "normalisation"
    IN_FLIGHT = "in_flight"
    UNDECIDED = "undecided"


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
    """How far a walk is. `total` is the old side's rows when it began.

    Attributes:
        speed: rows a second in this call; 0 where it is not told.
        state: running, or why it waits; `skipped` rows were passed over.
    """

    mapping: str
    chunks: int
    rows: int
    total: int
    counts: Counts = Counts()
    speed: float = 0.0
    state: str = "running"
    skipped: int = 0

    @property
    def seconds_left(self) -> float | None:
        """By the rows that are left and the speed so far; None while nothing is known."""
        return max(0, self.total - self.rows) / self.speed if self.speed else None

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
    standing: Standing = Standing.DRIFT

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(cell.column for cell in self.cells)

    @property
    def only_normalisation(self) -> bool:
        """Whether all that differs is how texts write the same thing."""
        return bool(self.cells) and all(_alike(cell.old, cell.new) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a comparison took: rows that were fetched from either side, bytes that were hashed as text, seconds."""

    rows: int = 0
    bytes: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """One comparison of one mapping.

    Attributes:
        old, new: the two tables, for people.
        old_rows, new_rows: rows compared on each side.
        covered: every key was looked at.
        counts: drifted rows by kind; `columns` rows per changed column; `standings` all rows that differed, by what is known.
        differences: drifted rows, the first `KEPT`; `unsettled`: keys of those in flight or undecided, the first `KEPT`.
        misfits: old rows that cannot be mapped, by key, the first `KEPT`; `unmapped` counts them all.
        failure: why the pass ended early, and `exit_code_of_failure` what that error exits with.
        doubt: why a pass that found nothing can still not be relied on.
        strategy: how rows were compared; `captured`: changes on their way were known, rather than waited out.
        full: all rows were compared, not only those that were captured since the last clean pass.
        undecided_allowed: so many undecided rows still let it be clean.
        empty_allowed: two sides without any rows are clean.
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
    standings: Mapping[Standing, int] = field(default_factory=dict)
    unsettled: tuple[Key, ...] = ()
    doubt: str = ""
    strategy: str = "rows"
    captured: bool = False
    full: bool = True
    undecided_allowed: int = 0
    empty_allowed: bool = False
    cost: Cost = Cost()

    @property
    def drifted(self) -> int:
        return sum(self.counts.values())

    @property
    def unsettled_are_all(self) -> bool:
        """Whether every key that is in flight or undecided is listed."""
        return len(self.unsettled) == sum(self.standings.get(each, 0) for each in (Standing.IN_FLIGHT, Standing.UNDECIDED))

    @property
    def clean(self) -> bool:
        return self.verdict is Verdict.CLEAN

    @property
    def verdict(self) -> Verdict:
        if self._suspiciously_empty:
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
        if self._suspiciously_empty:
            if self.new_rows:
                return f"the old side has no rows, the new side has {self.new_rows:,}: are these the right databases?"
            return "both sides have no rows: are these the right databases? If so, write `empty: accepted` in the mapping"
        if self.unmapped:
            return f"{self.unmapped:,} row{'s' * (self.unmapped != 1)} of the old side cannot be mapped"
        undecided = self.standings.get(Standing.UNDECIDED, 0)
        if undecided > self.undecided_allowed:
            return f"{undecided:,} rows moved each time they were looked at; {self.undecided_allowed:,} are let pass"
        return self.doubt

    @property
    def _suspiciously_empty(self) -> bool:
        """Rows that are only on the new side are not expected, whatever is accepted."""
        return self.full and not self.old_rows and not (self.empty_allowed and not self.new_rows)

    @property
    def exit_code(self) -> int:
        """0 clean; 3 a finding: drift, rows that cannot be mapped or told apart; 5 it could not be checked."""
        if self.clean:
            return 0
        if self.drifted and self.verdict is Verdict.DRIFT:
            return 3
        if self.failure:
            return self.exit_code_of_failure
        return 3 if self.unmapped and self.covered else 5

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
            "full": self.full,
            "captured": self.captured,
            "strategy": self.strategy,
            "rows_read": self.cost.rows,
            "bytes_hashed": self.cost.bytes,
            "seconds": round(self.cost.seconds, 3),
            **{kind.value: self.counts.get(kind, 0) for kind in Drift},
            **{standing.value: self.standings.get(standing, 0) for standing in Standing if standing is not Standing.DRIFT},
            "columns": dict(self.columns),
            "differences": [_difference(each, look) for each in self.differences],
            "unsettled": [list(key) for key in self.unsettled],
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
        looked = f"{self.chunks:,} chunk{'s' if self.chunks != 1 else ''}, {self._looked_at}"
        yield f"  {self.old}: {self.old_rows:,} rows   {self.new}: {self.new_rows:,} rows   ({looked})"
        yield from self._counted_lines()
        if self.old_rows or not self.full:
            yield from self._row_lines(look)
        yield from (f"  note: {count:,} {text}" for text, count in self.notes.items())
        yield f"  by {self.strategy}: {self.cost.rows:,} rows read, {self.cost.bytes:,} bytes hashed, {self.cost.seconds:.1f} s"
        if self.drifted and self.verdict is Verdict.DRIFT:
            yield f"Next: `repair plan {self.mapping}` says what would be written over them."

    @property
    def _looked_at(self) -> str:
        if not self.covered:
            return "not all keys"
        return "all keys" if self.full else "keys captured since the last clean pass"

    def _counted_lines(self) -> Iterator[str]:
        for kind, meaning in _MEANING.items():
            if self.counts.get(kind):
                yield f"  {kind.value:<8}{self.counts[kind]:>8,}   {meaning}{self._columns(kind)}"
        for standing, meaning in _STANDINGS.items():
            if self.standings.get(standing):
                yield f"  {standing.replace('_', ' ')}: {self.standings[standing]:,} {meaning}"

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


_STANDINGS = {
    Standing.STUCK: "of them are stuck: the relay gave their changes up, or does not come to them (`dead list`, `status`)",
    Standing.NORMALISATION: "differ only in how texts write the same: composed letters, blanks at the end",
    Standing.IN_FLIGHT: "are on their way",
    Standing.UNDECIDED: "moved each time they were looked at",
}


def _alike(old: Any, new: Any) -> bool:
    return isinstance(old, str) and isinstance(new, str) and _written(old) == _written(new)


def _written(text: str) -> str:
    return normalize("NFC", text).rstrip()


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
    kind, standing = difference.kind.value, difference.standing.value
    return {"key": list(difference.key), "kind": kind, "standing": standing, "columns": list(difference.columns), "cells": cells}
