"""What happens to one row on its way: raw values in, the new table's values out, or the reason why not.

Pure: built once per mapping from its columns and the kinds of the new table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import Any

from reconcile.canonical import Cells, encode
from reconcile.convert import CONVERTERS, Note
from reconcile.kind import Kind
from reconcile.mapping import Column, Constant, Mapping

Step = Callable[[Any, Note], Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row as the new table holds it, or should: the values, and the same as canonical bytes, column by column."""

    values: tuple[Any, ...]
    cells: Cells


@dataclass(frozen=True, slots=True)
class Misfit:
    """A row that cannot be mapped: which column, its old value (never shown unasked), and what is wrong with that."""

    column: str
    value: Any = field(repr=False)
    reason: str


@dataclass(frozen=True, slots=True)
class _Lane:
    """The way of one column: whether it takes the next raw value, and what is done to it."""

    column: str
    kind: Kind
    reads: bool
    constant: Constant
    step: Step | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All columns of one mapping, in the mapping's order."""

    lanes: tuple[_Lane, ...]

    def run(self, raw: Sequence[Any], note: Note) -> Row | Misfit:
        """`raw` holds one value per column that is read, in order. `note` is told of rules that were applied."""
        remaining = iter(raw)
        values, cells = [], []
        for lane in self.lanes:
            found = next(remaining) if lane.reads else lane.constant
            try:
                value = _through(lane, found, note)
            except ValueError as error:
                return Misfit(lane.column, found, str(error))
            values.append(value)
            cells.append(encode(lane.kind, value))
        return Row(tuple(values), tuple(cells))


def build(mapping: Mapping, kinds: dict[str, Kind]) -> Pipeline:
    """The pipeline of a mapping; `kinds` are those of the new table's columns."""
    lanes = [
        _Lane(name, kinds[name], column.is_read, column.constant, _step(name, column)) for name, column in mapping.columns.items()
    ]
    return Pipeline(tuple(lanes))


def _step(name: str, column: Column) -> Step | None:
    if column.values is not None:
        return partial(_look_up, dict(column.values))
    return CONVERTERS[column.convert].make(column.zone) if column.convert else None


def _through(lane: _Lane, value: Any, note: Note) -> Any:
    """NULL stays NULL, except that a value map may name it."""
    if lane.step and (value is not None or (isinstance(lane.step, partial) and lane.step.func is _look_up)):
        value = lane.step(value, lambda text: note(f"{lane.column}: {text}"))
    return None if value is None else lane.kind.fit(value)


def _look_up(values: dict[Constant, Constant], value: Any, note: Note) -> Constant:
    word = value if value is None or isinstance(value, str) else _spell(value)
    if word not in values:
        raise ValueError("is not in the map: add it, or correct the row")
    return values[word]


def _spell(value: Any) -> str:
    """A number as it is written in a map's keys: 1.0 is not 1."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"is a {type(value).__name__}, which a map cannot name")
