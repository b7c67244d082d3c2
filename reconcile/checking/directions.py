"""Whether a mapping is two-way, and why not: what a change on the new side could not say on the old one. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Map

from reconcile.databases.schema import Schema
from reconcile.mapping import way_back
from reconcile.mapping.convert import CONVERTERS
from reconcile.mapping.model import Back, Column, Constant, Mapping

_HALF = ("moment", "integer", "boolean")  # what converters make that the old column does not take unchanged


def two_way(mapping: Mapping, old: Schema, new: Schema) -> tuple[bool, tuple[str, ...]]:
    """Whether every change on the new side reaches the old one, and if not, why."""
    reasons = tuple(_reasons(mapping, old, new))
    return not reasons, reasons


def _reasons(mapping: Mapping, old: Schema, new: Schema) -> Iterator[str]:
    if mapping.source.query is not None:
        yield "it reads a query, and nobody can tell where rows of a query go"
        return
    if mapping.back is None:
        yield "it has no `back`"
        return
    target = new.tables.get(mapping.target.table)
    yield from _lost(mapping, tuple(target.columns) if target else tuple(mapping.columns))
    yield from _maps(mapping, mapping.back)
    yield from _deletions(mapping, mapping.back)


def _lost(mapping: Mapping, new_columns: tuple[str, ...]) -> Iterator[str]:
    """New columns that nothing on the way back reads; a constant has nothing to say."""
    read = frozenset[str]().union(*way_back.reads(way_back.turned(mapping), new_columns).values())
    for name, column in mapping.columns.items():
        if column.is_read and name not in read:
            yield f"nothing in `back` reads {name}: what the new side writes there never reaches the old one"


def _maps(mapping: Mapping, back: Back) -> Iterator[str]:
    for name, returning in back.columns.items():
        going = mapping.columns.get(returning.column or "")
        if going is None or going.column != name:
            continue
        if going.values is not None:
            yield from _inverse(name, returning, going.values)
        elif returning.is_renamed and going.convert and CONVERTERS[going.convert].gives in _HALF:
            yield f"{returning.column} is made by `{going.convert}` and {name} takes it unchanged: write what undoes it"


def _inverse(name: str, returning: Column, values: Map[Constant, Constant]) -> Iterator[str]:
    words = returning.values
    if words is None:
        yield f"{returning.column} is mapped and {name} takes it unchanged: write the map the other way round"
        return
    for new in dict.fromkeys(values.values()):
        olds = [old for old, made in values.items() if made == new]
        if new not in words:
            yield f"the map of {name} does not know {new!r}, which the way out writes"
        elif words[new] not in olds:
            yield f"the map of {name} makes {words[new]!r} of {new!r}, which the way out makes something else of"
        elif len(olds) > 1:
            shown = ", ".join(map(repr, olds))
            yield f"{shown} all become {new!r}: a row that changes to it comes back as {words[new]!r}"


def _deletions(mapping: Mapping, back: Back) -> Iterator[str]:
    if mapping.source.where is None:
        if back.delete is not None:
            yield "a deletion only marks the old row, and no `from.where` leaves such rows out: it would still be there"
        return
    if back.delete is None:
        yield "`from.where` leaves rows out, but `back.delete` is not written: a deletion would delete the old row for good"
        return
    for name in back.delete.set:
        if name not in back.defaults and name not in back.columns:
            yield f"a deletion sets {name}, and `back.defaults` does not say what it is for a row that lives (again)"
