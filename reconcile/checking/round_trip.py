"""Types whose values do not all survive the way into another: found by sending the largest and the finest of them through.

Pure. Only columns that are taken as they are; what a converter, a map or an expression makes of a value is its own affair.
SQLite enforces neither lengths nor sizes, so a column of its says little about what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from reconcile.checking.finding import Finding
from reconcile.databases.schema import Column as Live
from reconcile.databases.schema import Schema, Table
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column, Mapping

_INTEGERS = tuple(sign * (2**bits - 1) for bits in (8, 15, 16, 23, 24, 31, 32, 63, 64) for sign in (1, -1))
_MOMENT = datetime(2024, 2, 29, 23, 59, 58, 123457)
_SIZE = re.compile(r"\((\d+)(?:\s*,\s*(\d+))?\)")


def lossy(mapping: Mapping, old: Schema, new: Schema, *, enforced: bool) -> Iterator[Finding]:
    """`enforced` says whether the old side's database keeps what its types promise."""
    source, target = old.tables.get(mapping.source.name(mapping.name)), new.tables.get(mapping.target.table)
    for name, column in mapping.columns.items() if source and target else ():
        assert source is not None
        assert target is not None
        if column.is_renamed and name in target.columns:
            yield from _column(("columns", name), column, source, target.columns[name], enforced)


def _column(steps: tuple[str, str], column: Column, source: Table, after: Live, enforced: bool) -> Iterator[Finding]:
    before = source.columns.get(column.column or "")
    if before is None or before.kind is None or after.kind is None:
        return
    shown = f"{source.name}.{column.column} is {before.type or 'untyped'}, the column is {after.type or 'untyped'}"
    loss = _zones(before.kind, after.kind) or _loss(before, after, enforced)
    if loss:
        yield Finding(steps, f"{shown}: {loss}", warning=True)


def _loss(before: Live, after: Live, enforced: bool) -> str | None:
    assert before.kind is not None
    assert after.kind is not None
    if before.kind.name == "decimal" and after.kind.name == "float":
        return "a float keeps about 15 digits of a decimal, and most fractions only nearly"
    for value, noun in _probes(before, enforced):
        if loss := _lost(before.kind, after.kind, value, noun):
            return loss
    return None


def _lost(before: Kind, after: Kind, value: Any, noun: str) -> str | None:
    try:
        sent = before.fit(value)
    except ValueError:
        return None  # the old side cannot hold it either
    try:
        kept = after.fit(sent)
    except ValueError as error:
        return f"{noun} {error}; such a row stops a backfill"
    return f"{noun} loses part of it" if after.name == before.name and kept != sent else None


def _probes(before: Live, enforced: bool) -> Iterator[tuple[Any, str]]:
    """Values at the ends of what the type promises, and how to call them."""
    name = before.kind.name if before.kind else ""
    if name == "integer" and enforced:
        yield from ((value, f"{value:,}") for value in _INTEGERS)
    elif name == "decimal":
        yield from _decimals(before.type)
    elif name == "text" and enforced:
        length = _size(before.type)[0]
        yield "x" * (length or 65_536), f"a text of {length:,} characters" if length else "a long text"
    elif name == "moment" and enforced:
        yield _MOMENT, "a moment with a fraction of a second"
    elif name == "time" and enforced:
        yield time(23, 59, 58, 123457), "a time with a fraction of a second"


def _decimals(declared: str) -> Iterator[tuple[Any, str]]:
    digits, places = _size(declared)
    if digits is None:
        yield Decimal("0.123456789"), "a number such as 0.123456789"
        yield Decimal("1" + "0" * 20 + "1"), "a number of many digits"
    else:
        yield Decimal("9" * digits).scaleb(-(places or 0)), f"a number of {digits} digits"


def _size(declared: str) -> tuple[int | None, int | None]:
    match = _SIZE.search(declared)
    return (int(match[1]), int(match[2]) if match[2] else None) if match else (None, None)


def _zones(before: Kind, after: Kind) -> str | None:
    if {before.name, after.name} != {"moment"} or (before.kept == "zoned") is (after.kept == "zoned"):
        return None
    if after.kept == "zoned":
        return "without an offset, it is taken as UTC: write `convert: local_time` and the `zone` of the clock that wrote it"
    return "it is written in UTC, without its offset"
