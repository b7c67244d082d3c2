"""The way home after cutover: the same mapping turned around, and which legacy columns a new row really changes.

Pure. A legacy column is written only if mapping the standing legacy row forward does not already give the new row's value:
whatever a conversion lost on the way out (cents of a rounded sum, the case of a code) is then never written over by what
comes back.
"""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping as Map

from reconcile.mapping.model import Back, Column, Constant, Mapping, Source, Target
from reconcile.mapping.tokens import mentions

Cells = Map[str, bytes]


def turned(mapping: Mapping) -> Mapping:
    """The mapping that reads the new side and writes the old one. Its keys need not be written under `back.columns`.

    The mapping must have `back`, and one table to go back to.
    """
    assert mapping.back is not None
    assert mapping.source.table is not None
    old, new = mapping.source, mapping.target
    keys = {name: Column(key) for name, key in zip(old.key, new.key, strict=True) if name not in mapping.back.columns}
    return Mapping(
        mapping.name,
        Source(new.database, new.key, new.table, where=new.where),
        Target(old.database, mapping.source.table, old.key, old.where),
        keys | dict(mapping.back.columns),
    )


def reads(back: Mapping, new_columns: Collection[str]) -> dict[str, frozenset[str]]:
    """Per legacy column, the new columns that its value depends on."""
    return {
        name: mentions(column.sql, new_columns) if column.sql is not None else frozenset(column.named)
        for name, column in back.columns.items()
    }


def keep(reads: Map[str, frozenset[str]], forward: Cells | None, new: Cells) -> frozenset[str]:
    """The legacy columns that a new row leaves as they stand.

    Args:
        reads: per legacy column, the new columns that its value depends on. A constant depends on all: it is written when
            anything else is.
        forward: what the standing legacy row becomes by the forward mapping, by new column; None if it becomes nothing.
        new: the new row's cells by new column, spelled by the same kinds.
    """
    if forward is None:
        return frozenset()
    settled = {name for name in forward if forward[name] == new.get(name)}
    return frozenset(name for name, needed in reads.items() if settled.issuperset(needed or new))


def revival(back: Back) -> dict[str, Constant]:
    """What makes a softly deleted legacy row live again: the defaults of those columns that a deletion sets."""
    marks = back.delete.set if back.delete else {}
    return {name: value for name, value in back.defaults.items() if name in marks}
