"""What became of the keys that were to be applied, as values."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection

from reconcile.databases.chunk import Key
from reconcile.mapping.pipeline import Row
from reconcile.reports.report import Counts

if TYPE_CHECKING:
    from reconcile.applying.change import Change


class Parts(Flag):
    """Which half of the work is done: parents are written before their children, and deleted after them."""

    UPSERTS = auto()
    DELETES = auto()
    BOTH = UPSERTS | DELETES


UPSERTS, DELETES, BOTH = Parts.UPSERTS, Parts.DELETES, Parts.BOTH


class Witness(Protocol):
    """Whoever looks on while rows are written, in the same transaction. It may be run more than once before one commits."""

    def leave(self, connection: Connection, changes: Sequence[Change], standing: Mapping[Key, Row]) -> Collection[Key]:
        """Keys that must not be written; asked under the locks, when both sides were read and nothing is written yet."""

    def record(self, connection: Connection) -> None:
        """Everything is written, and the commit comes next."""


@dataclass(frozen=True, slots=True)
class Applied:
    """A key that is in none of the three mappings is as its source says.

    Attributes:
        deferred: rows that wait for another row (a parent that is not there yet, children that still are), and for which.
        failed: rows that cannot be mapped or written, and why. Neither shows a value.
        left: rows whose part was not asked for (to be deleted while only upserts were made, or the other way round), and those
            that a witness left alone.
    """

    counts: Counts = Counts()
    deferred: Mapping[Key, str] = field(default_factory=dict)
    failed: Mapping[Key, str] = field(default_factory=dict)
    left: frozenset[Key] = frozenset()

    def __add__(self, other: Applied) -> Applied:
        return Applied(
            self.counts + other.counts,
            {**self.deferred, **other.deferred},
            {**self.failed, **other.failed},
            self.left | other.left,
        )
