"""How each feed of a database stands: what was installed, compared with what is there now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from reconcile.capturing import catalog
from reconcile.capturing.captured import stem
from reconcile.capturing.catalog import Found
from reconcile.capturing.tables import CAPTURE, LOSS, PAUSED

MISSING, CHANGED, UNCONFIRMED, INSTALLED = "missing", "changed", "unconfirmed", "installed"


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed in a live database.

    Attributes:
        state: installed; paused; missing (no triggers); changed (not the triggers that were installed); or unconfirmed (made by
            hand from printed SQL, and not looked at yet).
        since: µs since the epoch; None for what nobody noted.
        losses: how often changes of it may have gone uncaptured.
    """

    feed: str
    state: str
    since: int | None = None
    generation: int | None = None
    losses: int = 0
    found: tuple[Found, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether every change is certain to reach the outbox now."""
        return self.state == INSTALLED


def read(connection: Connection, dialect: str, feeds: Sequence[str] | None = None) -> Mapping[str, FeedState]:
    """The states of these feeds, or of all that were ever installed and not removed."""
    rows, losses = _noted(connection, dialect)
    found = catalog.triggers(connection, dialect)
    return {name: _state(name, rows.get(name), losses.get(name, 0), found) for name in (rows if feeds is None else feeds)}


def _noted(connection: Connection, dialect: str) -> tuple[Mapping[str, Any], Mapping[str, int]]:
    if not catalog.has_table(connection, dialect, CAPTURE.name):
        return {}, {}
    counts = connection.execute(select(LOSS.c.feed, func.count().label("losses")).group_by(LOSS.c.feed))
    return {row.feed: row for row in connection.execute(select(CAPTURE))}, {row.feed: row.losses for row in counts}


def _state(name: str, row: Any, losses: int, every: Sequence[Found]) -> FeedState:
    found = tuple(trigger for trigger in every if trigger.name.startswith(f"{stem(name)}_"))
    if row is None:
        return FeedState(name, CHANGED if found else MISSING, losses=losses, found=found)
    state = _compare(row, found)
    since = row.since if state in (INSTALLED, PAUSED) else None
    return FeedState(name, state, since, row.generation, losses, found)


def _compare(row: Any, found: Sequence[Found]) -> str:
    """What is paused is not looked at: resuming makes it anew."""
    if row.state == PAUSED:
        return PAUSED
    if not found:
        return MISSING
    if not row.digest:
        return UNCONFIRMED
    return INSTALLED if catalog.digest(found) == row.digest else CHANGED
