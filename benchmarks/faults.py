"""Mistakes that a relay could be made with, to see that `chaos` finds them: each is planted in the processes that it starts.

They are the ones that the rules of DESIGN §8 are there against. A mistake that needs two things to happen at once is given the
time for it (`_hesitate`): the rule must hold however slow a process is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, and_, delete, or_, select

from reconcile.applying import applier
from reconcile.applying.applied import Applied
from reconcile.applying.transaction import Task
from reconcile.databases.chunk import Key
from reconcile.databases.database import Database
from reconcile.relaying import change, lease, relay
from reconcile.relaying.lease import Claimed, Place, Settled
from reconcile.relaying.patience import Fate
from reconcile.relaying.pending import Collected
from reconcile.relaying.stations import Station
from reconcile.relaying.tables import PENDING

_SHARE, _LONG = 0.2, (0.5, 1.5)  # of all times; seconds


def _hesitate() -> None:
    """Now and then, and then for long: who always did would be late for everything, and late readers see what is true."""
    if random.random() < _SHARE:
        time.sleep(random.uniform(*_LONG))


class _Early:
    """A database whose snapshot was taken before anybody asked for it."""

    def __init__(self, database: Database, snapshot: Connection) -> None:
        self._database, self._snapshot = database, snapshot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self._snapshot


def read_before_lock() -> None:
    """The source is read, and only then are the keys locked: what is written may be older than what stands there."""
    run = applier.run

    def early(task: Task, keys: Sequence[Key]) -> Applied:
        source = task.pair.source
        with source.database.reading() as snapshot:
            snapshot.execute(select(*source.key).limit(1)).all()  # a snapshot begins with the first look
            _hesitate()
            database: Any = _Early(source.database, snapshot)
            return run(replace(task, pair=replace(task.pair, source=replace(source, database=database))), keys)

    applier.run = early  # type: ignore[attr-defined]


def settle_by_key() -> None:
    """A key is done when it was applied, whatever came in for it meanwhile."""

    settle = lease.settle

    def remove(connection: Connection, token: str) -> int:
        return connection.execute(delete(PENDING).where(PENDING.c.token == token)).rowcount

    def slow(database: Database, token: str, held: Collection[Place], fates: Mapping[Place, Fate]) -> Settled:
        _hesitate()
        return settle(database, token, held, fates)

    lease._remove, lease.settle = remove, slow


def settle_without_token() -> None:
    """Who comes late settles keys that are others' by now, or that nobody has taken yet."""
    settle = lease.settle

    def late(database: Database, token: str, held: Collection[Place], fates: Mapping[Place, Fate]) -> Settled:
        _hesitate()
        done = [place for place in held if place not in fates]
        with database.writing() as connection:
            for mapping, key in done:
                theirs = or_(PENDING.c.token.is_(None), PENDING.c.token != token)
                connection.execute(delete(PENDING).where(and_(PENDING.c.mapping == mapping, PENDING.c.key == key, theirs)))
        return settle(database, token, held, fates)

    lease.settle = late
    _slow_takes(lambda station, token: None)


def acknowledge_first() -> None:
    """Keys are settled when they are taken: who dies before the target has committed takes them along."""

    def forget(station: Station, token: str) -> None:
        with station.database.writing() as connection:
            connection.execute(delete(PENDING).where(PENDING.c.token == token))

    _slow_takes(forget)


def forget_old_keys() -> None:
    """Of a row whose key changed, only the new key is looked at."""
    entries = change._entries
    change._entries = lambda found, listener: entries(replace(found, old_key=None), listener)


def _slow_takes(then: Callable[[Station, str], None]) -> None:
    take = relay.Relay._take

    def slow(self: relay.Relay, station: Station, token: str) -> tuple[Collected, Sequence[Claimed]]:
        found = take(self, station, token)
        then(station, token)
        _hesitate()
        return found

    relay.Relay._take = slow  # type: ignore[method-assign]


FAULTS: Mapping[str, Callable[[], None]] = {
    each.__name__.replace("_", "-"): each
    for each in (read_before_lock, settle_by_key, settle_without_token, acknowledge_first, forget_old_keys)
}


def plant(name: str) -> None:
    """Make this mistake from now on, in this process."""
    FAULTS[name]()
