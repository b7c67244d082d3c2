"""What has to be done to each row of the target, decided from both sides' rows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

from reconcile.applying.applied import DELETES, UPSERTS, Parts
from reconcile.databases.chunk import Key
from reconcile.mapping.pipeline import Row


class Verb(IntEnum):
    """In the order in which they are done: a row that goes may hold the unique value of one that comes."""

    DELETE = 0
    UPDATE = 1
    REVIVE = 2
    INSERT = 3


_COUNTED_AS = {Verb.DELETE: "deleted", Verb.UPDATE: "updated", Verb.REVIVE: "inserted", Verb.INSERT: "inserted"}


@dataclass(frozen=True, slots=True)
class Change:
    """One row to be written.

    Attributes:
        row: what it is to be; None for one that goes.
        columns: of the mapped columns, by their number, those that are written.
    """

    key: Key
    verb: Verb
    row: Row | None = None
    columns: tuple[int, ...] = ()

    @property
    def counted_as(self) -> str:
        """The field of `Counts`."""
        return _COUNTED_AS[self.verb]


@dataclass(frozen=True, slots=True)
class Work:
    """All changes, in the order in which they are made; `left` are keys whose part was not asked for."""

    changes: tuple[Change, ...]
    unchanged: int = 0
    left: frozenset[Key] = frozenset()

    @property
    def deletes(self) -> list[Key]:
        return [change.key for change in self.changes if change.verb is Verb.DELETE]


def decide(
    wanted: Mapping[Key, Row],
    standing: Mapping[Key, Row],
    *,
    parts: Parts,
    kept: Mapping[Key, frozenset[int]] | None = None,
    forced: Collection[Key] = (),
) -> Work:
    """What turns the standing rows into the wanted ones: a standing row that nobody wants has gone from the source.

    Args:
        kept: per key, the columns that stay as they stand whatever is wanted.
        forced: keys that are deleted even if only upserts were asked for: another row needs what they hold.
    """
    changes, unchanged, left = [], 0, set()
    for key, row in wanted.items():
        if UPSERTS not in parts:
            left.add(key)
        elif (change := _upsert(key, row, standing.get(key), (kept or {}).get(key, frozenset()))) is None:
            unchanged += 1
        else:
            changes.append(change)
    for key in standing.keys() - wanted.keys():
        if DELETES in parts or key in forced:
            changes.append(Change(key, Verb.DELETE))
        else:
            left.add(key)
    return Work(tuple(sorted(changes, key=_order)), unchanged, frozenset(left))


def _upsert(key: Key, row: Row, standing: Row | None, kept: frozenset[int]) -> Change | None:
    if standing is None:
        return Change(key, Verb.INSERT, row, tuple(range(len(row.cells))))
    pairs = enumerate(zip(row.cells, standing.cells, strict=True))
    columns = tuple(index for index, (new, old) in pairs if new != old and index not in kept)
    return Change(key, Verb.UPDATE, row, columns) if columns else None


def _order(change: Change) -> tuple[Verb, tuple[int, ...], Key]:
    """Rows that take the same statement stand together."""
    return change.verb, change.columns, change.key
