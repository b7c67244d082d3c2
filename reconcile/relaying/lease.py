"""Whose keys are whose, and for how long: claimed by a token, settled by that token only, and nobody's again when it is late.

All times are the database's. A lease that has run out needs nobody to notice it: the next claim just passes over the fact.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    literal,
    select,
    union_all,
    update,
)

from reconcile.databases.among import among
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.relaying.patience import Fate, Patience, batch_of_orphans
from reconcile.relaying.tables import DEAD, DEFERRED, NEVER, PENDING, WAITING

Place = tuple[str, str]  # mapping and key

FREE = {"token": None, "lease_until": 0, "claimed": None, "deaths": 0}


@dataclass(frozen=True, slots=True)
class Queue:
    """A table of what waits: a row for each key of a group, with its version, when it is due, and whose it is for now.

    `named`: the column that names the group.
    """

    table: Table
    named: str

    @property
    def c(self) -> Any:
        return self.table.c

    @property
    def group(self) -> Column[str]:
        return self.table.c[self.named]


ROWS = Queue(PENDING, "mapping")


@dataclass(frozen=True, slots=True)
class Claimed:
    """A key that is ours for now. Seconds: how old its oldest change is, and how long it has been deferred."""

    mapping: str
    key: str
    attempts: int
    age: float
    deferred: float

    @property
    def place(self) -> Place:
        return self.mapping, self.key


@dataclass(frozen=True, slots=True)
class Settled:
    """How a batch ended. `again`: changed meanwhile; `lost`: no longer ours when we came to settle it."""

    done: int
    again: int
    lost: int


def claim_orphans(
    database: Database,
    connection: Connection,
    names: Collection[str],
    limit: int,
    token: str,
    patience: Patience,
    queue: Queue = ROWS,
) -> bool:
    """Take keys whose relay went away while it held them, the least suspicious first; what does that to relays is buried.

    If there are any, nothing else should be taken along: they may end us as well.
    """
    instant = connection.execute(select(now(database))).scalar_one()
    late = and_(queue.c.token > "", queue.c.lease_until <= instant, queue.group.in_(names))
    deaths = connection.execute(select(queue.c.deaths).where(late).order_by(queue.c.deaths).limit(1)).scalar()
    if deaths is None:
        return False
    if deaths + 1 >= patience.deaths:
        connection.execute(update(queue.table).where(late).values(_buried(patience)))
        return False
    alike = and_(late, queue.c.deaths == deaths)
    return _take(connection, queue, alike, batch_of_orphans(limit, deaths + 1), token, instant, patience, deaths=1)


def claim_due(
    database: Database,
    connection: Connection,
    limits: Mapping[str, int],
    limit: int,
    token: str,
    patience: Patience,
    queue: Queue = ROWS,
) -> None:
    """Take keys that are due, a fair share of each mapping, and no more of one than its own limit."""
    if not limits:
        return
    instant = connection.execute(select(now(database))).scalar_one()
    due = _due(connection, queue, limits.keys(), instant) if len(limits) > 1 else list(limits)
    for name in due:
        here = and_(queue.group == name, queue.c.due_at <= instant, queue.c.token.is_(None))
        _take(connection, queue, here, max(1, min(limits[name], limit // len(due))), token, instant, patience, deaths=0)


def held(database: Database, connection: Connection, token: str) -> list[Claimed]:
    """All keys that a token has claimed, oldest first."""
    columns = (PENDING.c.mapping, PENDING.c.key, PENDING.c.attempts - PENDING.c.deaths, PENDING.c.first_at, PENDING.c.deferred_at)
    query = select(*columns, now(database)).where(PENDING.c.token == token).order_by(PENDING.c.first_at)
    return [
        Claimed(mapping, key, attempts, max(0, instant - first) / 1e6, 0.0 if since is None else max(0, instant - since) / 1e6)
        for mapping, key, attempts, first, since, instant in connection.execute(query)
    ]


def renew(database: Database, token: str, lease: float, queue: Queue = ROWS) -> int:
    """Keep what is still ours for so many more seconds; how many keys that is."""
    with database.writing() as connection:
        longer = update(queue.table).where(queue.c.token == token).values(lease_until=now(database) + int(lease * 1e6))
        return connection.execute(longer).rowcount


def settle(database: Database, token: str, held: Collection[Place], fates: Mapping[Place, Fate]) -> Settled:
    """End a batch: keys without a fate are done, unless they changed again. What is no longer ours is left alone."""
    with database.writing() as connection:
        ours = _lock(connection, token)
        instant = connection.execute(select(now(database))).scalar_one()
        _condemn(connection, token, fates, instant)
        done = _remove(connection, token)
        again = _free(connection, token, instant)
    return Settled(done, again, len(held) - ours)


def release(database: Database, token: str, names: Collection[str], *, pause: float = 0.0) -> None:
    """Give the keys of these mappings back as if they had not been claimed, due after a pause (seconds)."""
    mine = and_(PENDING.c.token == token, PENDING.c.mapping.in_(names))
    with database.writing() as connection:
        _lock(connection, token)
        due = now(database) + int(pause * 1e6)
        connection.execute(update(PENDING).where(mine).values(**FREE, attempts=PENDING.c.attempts - 1, due_at=due))


def _buried(patience: Patience) -> dict[str, Any]:
    words = f"relays went away while they held it, {patience.deaths} times: it ends the process, or takes longer than its lease"
    return {"token": None, "lease_until": 0, "claimed": None, "state": DEAD, "due_at": NEVER, "error": words}


def _due(connection: Connection, queue: Queue, names: Collection[str], instant: int) -> list[str]:
    """Groups with keys to take. One look into the index for each, however many keys wait for those that are halted."""
    ready = and_(queue.c.due_at <= instant, queue.c.token.is_(None))

    def look(name: str) -> Select[Any]:
        return select(literal(name)).where(select(queue.c.key).where(ready, queue.group == name).exists())

    return list(connection.execute(union_all(*(look(name) for name in names))).scalars())


def _take(
    connection: Connection,
    queue: Queue,
    which: ColumnElement[bool],
    limit: int,
    token: str,
    instant: int,
    patience: Patience,
    *,
    deaths: int,
) -> bool:
    """Nobody is waited for: keys that someone else is claiming are passed over."""
    oldest = select(queue.group, queue.c.key).where(which).order_by(queue.c.due_at).limit(limit)
    places = connection.execute(oldest.with_for_update(skip_locked=True)).all()
    values = {
        "token": token,
        "lease_until": instant + int(patience.lease * 1e6),
        "claimed": queue.c.version,
        "attempts": queue.c.attempts + 1,
        "deaths": queue.c.deaths + deaths,
    }
    for here in _groups(connection, queue, [(name, key) for name, key in places]):
        connection.execute(update(queue.table).where(here).values(**values))
    return bool(places)


def _groups(connection: Connection, queue: Queue, places: Sequence[Place]) -> list[ColumnElement[bool]]:
    """SQL for these rows, some at a time."""
    keys: dict[str, list[str]] = {}
    for name, key in places:
        keys.setdefault(name, []).append(key)
    return [and_(queue.group == name, here) for name, some in keys.items() for here in among(connection, queue.c.key, some)]


def _lock(connection: Connection, token: str) -> int:
    """Lock what is still ours in the order in which collectors lock, so that the two never wait for each other crosswise."""
    order = [PENDING.c.mapping, PENDING.c.key]
    if connection.dialect.name == "postgresql":
        order = [column.collate("C") for column in order]  # type: ignore[misc]
    query = select(PENDING.c.version).where(PENDING.c.token == token).order_by(*order).with_for_update()
    return len(connection.execute(query).all())


def _condemn(connection: Connection, token: str, fates: Mapping[Place, Fate], instant: int) -> None:
    if not fates:
        return
    fresh = PENDING.c.version > PENDING.c.claimed  # what changed meanwhile is not given up: it may be well now
    dead = and_(bindparam("fate") == DEAD, ~fresh)
    # MariaDB assigns in the order of the table's columns: `claimed` after those that look at it.
    values = {
        "attempts": PENDING.c.attempts - bindparam("uncounted"),
        "due_at": case((dead, NEVER), else_=bindparam("due")),
        "error": bindparam("why"),
        "deferred_at": case((bindparam("fate") == DEFERRED, _first(instant)), else_=None),
        "state": case((and_(bindparam("fate") == DEAD, fresh), WAITING), else_=bindparam("fate")),
    }
    here = and_(PENDING.c.mapping == bindparam("of"), PENDING.c.key == bindparam("which"), PENDING.c.token == token)
    rows = [
        {
            **{"of": mapping, "which": key, "uncounted": 0 if fate.counts else 1, "fate": fate.state, "why": fate.error},
            "due": instant + int(fate.pause * 1e6),
        }
        for (mapping, key), fate in sorted(fates.items())
    ]
    connection.execute(update(PENDING).where(here).values(**values, **FREE), rows)


def _first(instant: int) -> ColumnElement[int]:
    return case((PENDING.c.deferred_at.is_(None), instant), else_=PENDING.c.deferred_at)


def _remove(connection: Connection, token: str) -> int:
    """Only in the version that was claimed. By the token's index: MariaDB would rather read, and lock, a small table whole."""
    if connection.dialect.name == "mysql":
        index = "FORCE INDEX (strangler_pending_token)"
        statement = f"DELETE p FROM {PENDING.name} AS p {index} WHERE p.token = %s AND p.version = p.claimed"
        return connection.exec_driver_sql(statement, (token,)).rowcount
    return connection.execute(delete(PENDING).where(PENDING.c.token == token, PENDING.c.version == PENDING.c.claimed)).rowcount


def _free(connection: Connection, token: str, instant: int) -> int:
    """What is left changed while it was being applied, and waits anew."""
    values = {"attempts": 0, "first_at": instant, "due_at": instant, "error": None, "deferred_at": None, "state": WAITING}
    return connection.execute(update(PENDING).where(PENDING.c.token == token).values(**FREE, **values)).rowcount
