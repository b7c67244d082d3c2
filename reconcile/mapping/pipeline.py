"""What happens to one row on its way: raw values in, the new table's values out, or the reason why not.

Pure: built once per mapping from its columns and the kinds of the new table's columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import islice
from typing import Any

from reconcile.mapping.canonical import Cells, encode
from reconcile.mapping.convert import CONVERTERS, Note
from reconcile.mapping.functions import Functions, call
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column, Constant, Mapping

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
    """The way of one column: how many raw values it takes, and what is done to them."""

    column: str
    kind: Kind
    width: int
    constant: Constant
    step: Step | None
    of_several: bool = False

    def taken(self, raw: Iterator[Any]) -> Any:
        """What the step is given: the next value, a tuple of them for a Python function, or the constant."""
        if self.of_several:
            return tuple(islice(raw, self.width))
        return next(raw) if self.width else self.constant


@dataclass(frozen=True, slots=True)
class Pipeline:
    """All columns of one mapping, in the mapping's order."""

    lanes: tuple[_Lane, ...]

    def run(self, raw: Sequence[Any], note: Note) -> Row | Misfit:
        """`raw` holds what the columns take, in order. `note` is told of rules that were applied."""
        remaining = iter(raw)
        values, cells = [], []
        for lane in self.lanes:
            found = lane.taken(remaining)
            try:
                value = _through(lane, found, note)
            except ValueError as error:
                return Misfit(lane.column, found, str(error))
            values.append(value)
            cells.append(encode(lane.kind, value))
        return Row(tuple(values), tuple(cells))


def build(mapping: Mapping, kinds: dict[str, Kind], functions: Functions | None = None) -> Pipeline:
    """The pipeline of a mapping; `kinds` are those of the new table's columns, `functions` its Python functions by name."""
    lanes = [
        _Lane(name, kinds[name], column.width, column.constant, _step(column, functions or {}), column.python is not None)
        for name, column in mapping.columns.items()
    ]
    return Pipeline(tuple(lanes))


def _step(column: Column, functions: Functions) -> Step | None:
    if column.python is not None:
        return partial(call, column.python, functions[column.python])
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
    """A number as it is written in a map's keys: 1.0 is not 1. PostgreSQL's booleans are ``true`` and ``false``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return str(value)
    raise ValueError(f"is a {type(value).__name__}, which a map cannot name")
