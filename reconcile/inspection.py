"""What a mapping gets wrong about two live schemas. Pure: schemas are values, findings are values.

A finding that is certain to go wrong is an error, and stops backfill and reconcile as well as `check`; what depends on the
rows is a warning, and is said by `check` only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reconcile.convert import CONVERTERS
from reconcile.kind import Kind
from reconcile.mapping import Column, Mapping
from reconcile.schema import Column as Live
from reconcile.schema import Schema, Table
from strangler.core.spec.reader import nearest

_ROOM = {  # what each kind of value may be stored in
    "integer": {"integer", "float", "decimal", "text", "any"},
    "boolean": {"boolean", "integer", "any"},
    "moment": {"moment", "text", "any"},
}
_NEVER = {  # a column of this kind into one of those: no value fits
    "float": {"text", "bytes", "date", "moment"},
    "decimal": {"text", "bytes", "date", "moment"},
    "integer": {"bytes", "date", "moment"},
    "bytes": {"integer", "float", "decimal", "text", "boolean", "date", "moment"},
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and where in the mapping: ``("columns", "email")``."""

    steps: tuple[str, ...]
    message: str
    warning: bool = False


def inspect(mapping: Mapping, old: Schema, new: Schema) -> Iterator[Finding]:
    """Everything that the schemas alone tell about a mapping of one table."""
    source, target = old.tables.get(mapping.source.table or ""), new.tables.get(mapping.target.table)
    if source is None and mapping.source.table is not None:
        yield _unknown(("from", "table"), "table", mapping.source.table, old.names)
    if target is None:
        yield _unknown(("to", "table"), "table", mapping.target.table, new.names)
    if source is not None:
        yield from _source(mapping, source)
    if target is not None:
        yield from _target(mapping, target)
    if source is not None and target is not None:
        yield from _keys(mapping, source, target)
        for name, column in mapping.columns.items():
            yield from _fits(("columns", name), column, source, target.columns[name]) if name in target.columns else ()


def _source(mapping: Mapping, source: Table) -> Iterator[Finding]:
    for name in mapping.source.key:
        if name not in source.columns:
            yield _unknown(("from", "key"), f"column of {source.name}", name, tuple(source.columns))
    for name, column in mapping.columns.items():
        for needed in (column.column, *column.needs):
            if needed is not None and needed not in source.columns:
                yield _unknown(("columns", name), f"column of {source.name}", needed, tuple(source.columns))
    yield from _indexed(("from", "key"), source, mapping.source.key, set(mapping.source.key))


def _target(mapping: Mapping, target: Table) -> Iterator[Finding]:
    for name in mapping.columns:
        if name not in target.columns:
            yield _unknown(("columns", name), f"column of {target.name}", name, tuple(target.columns))
        elif target.columns[name].kind is None:
            yield Finding(("columns", name), f"columns of type {target.columns[name].type} cannot be compared yet")
    for name, live in target.columns.items():
        if name not in mapping.columns and not live.nullable and not live.filled:
            yield Finding(("columns",), f"{target.name}.{name} is NOT NULL without a default: say what goes into it")
    for follower in target.followers:
        message = f"a row deleted here takes rows of {follower} with it (ON DELETE), which no delete budget counts"
        yield Finding(("to", "table"), message, warning=True)
    constant = {name for name, column in mapping.columns.items() if not column.is_read and column.python is None}
    yield from _indexed(("to", "key"), target, mapping.target.key, {*mapping.target.key, *constant})


def _indexed(steps: tuple[str, ...], table: Table, key: tuple[str, ...], named: set[str]) -> Iterator[Finding]:
    shown = ", ".join(key)
    if not any(set(index[: len(key)]) == set(key) for index in table.indexes):
        yield Finding(steps, f"no index of {table.name} starts with {shown}: every chunk reads the whole table", warning=True)
    elif not any(set(columns) <= named for columns in table.unique):
        yield Finding(
            steps, f"nothing keeps {shown} unique in {table.name}: a key that stands twice stops the pass", warning=True
        )


def _keys(mapping: Mapping, source: Table, target: Table) -> Iterator[Finding]:
    """Both sides are walked in one order, so a key is of one kind, and of one that SQL and Python sort alike."""
    for old, new in zip(mapping.source.key, mapping.target.key, strict=True):
        if old not in source.columns or new not in target.columns:
            continue
        before, after = source.columns[old], target.columns[new]
        if after.kind is None or not after.kind.ordered or before.kind is None or before.kind.name != after.kind.name:
            message = f"{source.name}.{old} is {before.type}, {target.name}.{new} is {after.type}"
            yield Finding(("to", "key"), f"{message}: a key must be whole numbers on both sides, or text on both")


def _fits(steps: tuple[str, ...], column: Column, source: Table, live: Live) -> Iterator[Finding]:
    if live.kind is None:
        return
    for constant in _constants(column):
        yield from _holds(steps, constant, live.kind, live.nullable)
    gives = CONVERTERS[column.convert].gives if column.convert else ""
    if gives and live.kind.name not in _ROOM[gives]:
        yield Finding(steps, f"`{column.convert}` gives {gives} values, the column is {live.type}")
    found = source.columns.get(column.column or "")
    if found is None or not column.is_renamed:
        return
    if found.kind is not None and live.kind.name in _NEVER.get(found.kind.name, ()):
        yield Finding(steps, f"{source.name}.{column.column} is {found.type}, which has no place in {live.type}: convert it")
    if found.nullable and not live.nullable and (column.column,) not in source.unique:
        message = f"{source.name}.{column.column} may be NULL, the column is NOT NULL: such a row stops a backfill"
        yield Finding(steps, message, warning=True)


def _constants(column: Column) -> tuple[str | None, ...]:
    if column.values is not None:
        return tuple(column.values.values())
    return () if column.is_read or column.python is not None else (column.constant,)


def _holds(steps: tuple[str, ...], constant: str | None, kind: Kind, nullable: bool) -> Iterator[Finding]:
    if constant is None:
        if not nullable:
            yield Finding(steps, "is NOT NULL, and cannot be null")
        return
    try:
        kind.fit(constant)
    except ValueError as error:
        yield Finding(steps, f"{constant!r} {error}: the column holds {kind.noun}")


def _unknown(steps: tuple[str, ...], noun: str, name: str, known: tuple[str, ...]) -> Finding:
    return Finding(steps, f"{name!r} is not a {noun}{nearest(name, list(known))}")
