"""A job's turn: of all processes that know the job one gets it, and has it for as long as it renews its lease.

Times are the database's, so it does not matter whose clock is wrong. A holder that was away for longer than its lease finds
that its token is no longer the last one: it may not renew, and its ending is not written over its successor's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.jobs.tables import JOB, METADATA
from strangler.core.errors import DatabaseError

LEASE = 30.0  # seconds
_MICROSECONDS = 1_000_000
_OUTCOME = 500  # characters that are kept

IsDue = Callable[[float, float], bool]


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do a job now."""

    database: Database
    name: str
    token: int
    lease: float = LEASE

    def renew(self) -> bool:
        """Keep it for another lease; False if it is somebody else's by now."""
        return self._write(lease_until=now(self.database) + int(self.lease * _MICROSECONDS))

    def end(self, outcome: str) -> bool:
        """Give it back, and say how it went; False if that is not ours to say any more."""
        moment = now(self.database)
        return self._write(lease_until=moment, ended_at=moment, outcome=outcome[:_OUTCOME])

    def _write(self, **values: object) -> bool:
        ours = (JOB.c.name == self.name, JOB.c.token == self.token)
        with self.database.writing() as connection:
            return connection.execute(update(JOB).where(*ours).values(**values)).rowcount == 1


def take(database: Database, name: str, holder: str, is_due: IsDue, *, lease: float = LEASE) -> Turn | None:
    """Take the turn if it is due and nobody has it.

    Args:
        is_due: told when the job last began (when it was first seen, if never) and what time it is, in seconds since 1970.
    """
    with database.writing() as connection:
        row = connection.execute(select(JOB, now(database).label("moment")).where(JOB.c.name == name).with_for_update()).first()
        if row is None or not _is_free(row, is_due):
            return None
        _begin(connection, row, holder, lease)
        return Turn(database, name, row.token + 1, lease)


def ensure(database: Database, *names: str) -> None:
    """Have a row for each job; a new job's first turn is the next one, not one of the past."""
    tables.ensure(database, METADATA)
    for name in names:
        try:
            with database.writing() as connection:
                if connection.execute(select(JOB.c.token).where(JOB.c.name == name)).first() is None:
                    row = {"name": name, "token": 0, "holder": "", "lease_until": 0, "began_at": now(database)}
                    connection.execute(insert(JOB).values(**row))
        except DatabaseError as error:
            if not isinstance(error.__cause__, IntegrityError):
                raise  # else another process was quicker, and that is as good


@contextmanager
def renewing(turn: Turn) -> Iterator[threading.Event]:
    """Renew at a third of the lease, in a thread. The event is set when the turn is lost, or cannot be kept."""
    lost, over = threading.Event(), threading.Event()

    def keep() -> None:
        while not over.wait(turn.lease / 3):
            try:
                if turn.renew():
                    continue
            except DatabaseError:
                pass  # without its database it cannot be kept
            lost.set()
            return

    thread = threading.Thread(target=keep, name=f"lease of {turn.name}", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()


def _is_free(row: Row[tuple[object, ...]], is_due: IsDue) -> bool:
    return row.lease_until <= row.moment and is_due(row.began_at / _MICROSECONDS, row.moment / _MICROSECONDS)


def _begin(connection: Connection, row: Row[tuple[object, ...]], holder: str, lease: float) -> None:
    values = {"token": row.token + 1, "holder": holder[:200], "began_at": row.moment, "outcome": None, "ended_at": None}
    values["lease_until"] = row.moment + int(lease * _MICROSECONDS)
    connection.execute(update(JOB).where(JOB.c.name == row.name).values(**values))
