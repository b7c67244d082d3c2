"""What relays leave in the captured database about themselves, for whoever asks how things stand.

Nobody is waited for: a relay that was stopped with a row in its hands must not stop the others.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.relaying.course import RUNNING
from reconcile.relaying.stations import Station
from reconcile.relaying.tables import PROGRESS, ROGUE, SKIPPED

_DAY = 86_400_000_000  # microseconds
_KEPT = {ROGUE.c.last_at: 30 * _DAY, SKIPPED.c.at: 180 * _DAY}


def write(station: Station, closed: Mapping[str, tuple[str, str]]) -> frozenset[str]:
    """Note the state of every mapping that starts here, and how many keys were applied since the last time.

    Returns the mappings that were noted; the others are another relay's at this moment.
    """
    states = {course.name: (course.state, course.why) for course in station.courses} | dict(closed) | {"": (RUNNING, "")}
    with station.database.writing() as connection:
        free = frozenset(states) - _held(connection)
        for name in sorted(free):
            _add(station, connection, name, *states[name], station.applied[name])
    return free


def prune(database: Database) -> None:
    """Forget what nobody will look at any more: rogue writes and skipped dead letters of long ago."""
    with database.writing() as connection:
        for moment, kept in _KEPT.items():
            connection.execute(delete(moment.table).where(moment < now(database) - kept))


def _held(connection: Connection) -> set[str]:
    """The rows that someone else is writing."""
    names = select(PROGRESS.c.name)
    free = set(connection.execute(names.with_for_update(skip_locked=True)).scalars())
    return set(connection.execute(names).scalars()) - free


def _add(station: Station, connection: Connection, name: str, state: str, why: str, keys: int) -> None:
    moment = now(station.database)
    here = PROGRESS.c.name == name
    since = {} if not _differs(connection, name, state) else {"since": moment}
    values = {"state": state, "why": why or None, "applied": PROGRESS.c.applied + keys, "at": moment, **since}
    if connection.execute(update(PROGRESS).where(here).values(**values)).rowcount == 0:
        row = {"name": name, "state": state, "why": why or None, "applied": keys, "since": moment, "at": moment}
        try:
            with connection.begin_nested():
                connection.execute(insert(PROGRESS).values(**row))
        except IntegrityError:
            pass  # another relay was quicker; the next note adds up


def _differs(connection: Connection, name: str, state: str) -> bool:
    found = connection.execute(PROGRESS.select().with_only_columns(PROGRESS.c.state).where(PROGRESS.c.name == name)).scalar()
    return found != state
