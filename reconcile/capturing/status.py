"""How capture stands, for a person and for the guard: one answer per mapping, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from reconcile.capturing import catalog, known, state
from reconcile.capturing.captured import HEARTBEAT_FEED
from reconcile.capturing.feed import Feed, Which, feeds
from reconcile.capturing.install import database_name
from reconcile.capturing.tables import HEARTBEAT, OUTBOX
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Mapping as RowMapping
from reconcile.mapping.model import Plan
from strangler.core.errors import Refusal

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """One feed.

    Attributes:
        state: installed, paused, missing, changed or unconfirmed (see `state`).
        since: µs since the epoch.
        waiting: its rows in the outbox; `oldest` the age of the oldest in seconds.
        blind: what its triggers cannot see, in words; a sweep finds it.
    """

    feed: str
    state: str
    since: int | None = None
    waiting: int = 0
    oldest: float | None = None
    blind: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureStatus:
    """One mapping: known, or unknown since a moment (µs since the epoch) and because of something.

    Attributes:
        heartbeat: seconds since the last beat in this database; None before the first.
        heart: the state of the heartbeat's own triggers.
    """

    mapping: str
    database: str
    known: bool
    since: int | None
    why: str
    feeds: tuple[FeedStatus, ...]
    heart: str
    heartbeat: float | None

    @property
    def waiting(self) -> int:
        """Rows in the outbox."""
        return sum(feed.waiting for feed in self.feeds)

    @property
    def oldest(self) -> float | None:
        """The age of the oldest of them, in seconds."""
        return max((feed.oldest for feed in self.feeds if feed.oldest is not None), default=None)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        shown = [{name: getattr(feed, name) for name in FeedStatus.__slots__} for feed in self.feeds]
        fields = {name: getattr(self, name) for name in ("mapping", "database", "known", "since", "why", "waiting", "oldest")}
        return {**fields, "heart": self.heart, "heartbeat": self.heartbeat, "feeds": shown}


def status(plan: Plan, names: Sequence[str] | None = None, *, side: Which = "old") -> list[CaptureStatus]:
    """Every mapping of the plan, or the named ones, in order."""
    chosen = plan.mappings if names is None else tuple(plan.mapping(name) for name in names)
    found: dict[str, CaptureStatus] = {}
    for name in dict.fromkeys(database_name(mapping, side) for mapping in chosen):
        here = [mapping for mapping in chosen if database_name(mapping, side) == name]
        with opened(plan.databases, name) as (database,), database.reading() as connection:
            found |= {each.mapping: each for each in _statuses(connection, database, here, side)}
    return [found[mapping.name] for mapping in chosen]


def _statuses(connection: Connection, database: Database, mappings: Sequence[RowMapping], side: Which) -> Iterator[CaptureStatus]:
    waiting = _waiting(connection, database)
    beat = _heartbeat(connection, database)
    heart = state.read(connection, database.dialect, [HEARTBEAT_FEED.name])[HEARTBEAT_FEED.name].state
    for mapping in mappings:
        each = tuple(_feed(connection, database, feed, waiting) for feed in feeds(mapping, side))
        told = known.knowledge(connection, database.dialect, mapping, side)
        yield CaptureStatus(mapping.name, database.name, told.known, told.since, told.why, each, heart, beat)


def _feed(connection: Connection, database: Database, feed: Feed, waiting: Mapping[str, tuple[int, float]]) -> FeedStatus:
    found = state.read(connection, database.dialect, [feed.name])[feed.name]
    count, oldest = waiting.get(feed.name, (0, None))
    return FeedStatus(feed.name, found.state, found.since, count, oldest, _blind(connection, database, feed))


def _blind(connection: Connection, database: Database, feed: Feed) -> tuple[str, ...]:
    try:
        return catalog.look(connection, database.dialect, feed).blind
    except Refusal as refusal:
        return (str(refusal),)


def _waiting(connection: Connection, database: Database) -> Mapping[str, tuple[int, float]]:
    if not catalog.has_table(connection, database.dialect, OUTBOX.name):
        return {}
    age = (now(database) - func.min(OUTBOX.c.at)) * 1.0 / _MICROSECONDS
    rows = connection.execute(select(OUTBOX.c.feed, func.count(), age).group_by(OUTBOX.c.feed))
    return {feed: (count, max(0.0, float(oldest))) for feed, count, oldest in rows}


def _heartbeat(connection: Connection, database: Database) -> float | None:
    """The newest beat. Who beats while nobody relays is seen by the relay's lag, not here."""
    if not catalog.has_table(connection, database.dialect, HEARTBEAT.name):
        return None
    age = connection.execute(select((now(database) - func.max(HEARTBEAT.c.at)) * 1.0 / _MICROSECONDS)).scalar_one()
    return None if age is None else max(0.0, float(age))
