"""A moment in the outbox, and whether everything that was captured before it has arrived on the other side.

Whatever was committed before the marker's row was written has a lower number in the outbox than it. Once the relay has taken
all of those, each key of theirs is among those that wait; and a key only stops waiting when all that was collected of it has
been applied. A time would not do: a key that changed while it was being applied waits anew, with a new time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from secrets import token_hex

from sqlalchemy import Connection, delete, func, inspect, select

from reconcile.capturing.feed import feeds
from reconcile.capturing.heartbeat import beat_within
from reconcile.capturing.tables import BEAT, HEARTBEAT, OUTBOX
from reconcile.cutover.databases import Databases, is_relayed
from reconcile.cutover.values import Marker
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.owning.ownership import Owner
from reconcile.relaying.course import HALTED
from reconcile.relaying.tables import DEAD, PENDING, PROGRESS
from strangler.core.errors import Refusal

Place = tuple[str, str]


@dataclass(slots=True)
class Awaited:
    """What a marker still waits for: by database, the keys that waited when its outbox had been taken up to the marker."""

    left: dict[str, set[Place]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Captured:
    """A database that owns mappings whose changes are copied."""

    database: Database
    mappings: tuple[str, ...]
    feeds: frozenset[str]


def mark(databases: Databases) -> Marker:
    """Raises Refusal where the row is not captured, or the databases disagree on who owns."""
    last, at = dict[str, int](), dict[str, int]()
    for each in _captured(databases):
        name = each.database.name
        last[name], at[name] = _marked(each.database, f"cutover {token_hex(8)}")
    return Marker(last, at)


def waits(databases: Databases, marker: Marker, awaited: Awaited) -> int:
    """How many changes before the marker are not settled yet. Raises Refusal where that will not become less."""
    found = 0
    for each in _captured(databases):
        name = each.database.name
        if name not in marker.last:
            raise Refusal("the owner has moved since the marker was written, which says nothing any more")
        with each.database.reading() as connection:  # one snapshot: a change is in the outbox or among those that wait
            _refuse_stuck(connection, each, marker.at[name])
            found += _left(connection, each, marker.last[name], awaited)
    return found


def _captured(databases: Databases) -> Iterable[_Captured]:
    found: dict[str, dict[str, Owner]] = {}
    for name in databases.names:
        mapping, owner = databases.plan.mapping(name), databases.owner(name)
        if is_relayed(mapping, owner):
            found.setdefault(databases.side(mapping, owner).name, {})[name] = owner
    for database, owners in found.items():
        heard = {feed.name for name, owner in owners.items() for feed in feeds(databases.plan.mapping(name), owner)}
        yield _Captured(databases.named(database), tuple(owners), frozenset(heard))


def _marked(database: Database, name: str) -> tuple[int, int]:
    """The number of the marker's row, and the moment (µs)."""
    with database.writing() as connection:
        if not inspect(connection).has_table(OUTBOX.name):
            raise Refusal(f"database {database.name} has no outbox: `strangler data capture install`")
        beat_within(connection, database, name)
        connection.execute(delete(HEARTBEAT).where(HEARTBEAT.c.name == name))
        ours = (OUTBOX.c.operation == BEAT) & OUTBOX.c.key.contains(name)
        number = connection.execute(select(func.max(OUTBOX.c.id)).where(ours)).scalar()
        if number is None:
            raise Refusal(
                f"database {database.name}: not even our own heartbeat is captured there: see `strangler data capture status`"
            )
        return int(number), int(connection.execute(select(now(database))).scalar_one())


def _left(connection: Connection, captured: _Captured, last: int, awaited: Awaited) -> int:
    query = select(PENDING.c.mapping, PENDING.c.key).where(PENDING.c.mapping.in_(captured.mappings))
    waiting = {(mapping, key) for mapping, key in connection.execute(query)}
    name = captured.database.name
    if name not in awaited.left:
        untaken = (OUTBOX.c.feed.in_(captured.feeds), OUTBOX.c.operation != BEAT, OUTBOX.c.id <= last)
        if rows := connection.execute(select(func.count()).select_from(OUTBOX).where(*untaken)).scalar_one():
            return int(rows) + len(waiting)
        awaited.left[name] = waiting
    awaited.left[name] &= waiting
    return len(awaited.left[name])


def _refuse_stuck(connection: Connection, captured: _Captured, since: int) -> None:
    if not inspect(connection).has_table(PENDING.name):
        raise Refusal(f"database {captured.database.name}: no relay has ever been at work there: `strangler data relay`")
    for name in captured.mappings:
        here = (PENDING.c.mapping == name) & (PENDING.c.state == DEAD)
        if dead := connection.execute(select(func.count()).select_from(PENDING).where(here)).scalar_one():
            raise Refusal(f"{name}: {dead:,} keys were given up: `strangler data dead list` shows them")
        halted = (PROGRESS.c.name == name) & (PROGRESS.c.state == HALTED) & (PROGRESS.c.at > since)
        if why := connection.execute(select(PROGRESS.c.why).where(halted)).scalar():
            raise Refusal(f"{name}: the relay was halted: {why.removeprefix(f'{name}: ')}")
