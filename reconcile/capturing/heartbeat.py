"""A row that beats, and goes through a trigger, the outbox and the relay like any other: its age there is the lag of all."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from reconcile.capturing.tables import HEARTBEAT
from reconcile.databases.clock import now
from reconcile.databases.database import Database

NAME = "capture"


def beat(database: Database, name: str = NAME) -> int:
    """Beat once; returns the number of the beat. The row comes to be with the first one.

    Whoever holds the row is beating, or was stopped at it, and is not waited for: one beat is as good as another.
    """
    with database.writing() as connection:
        return beat_within(connection, database, name)


def beat_within(connection: Connection, database: Database, name: str) -> int:
    """The same, in an open transaction."""
    here = HEARTBEAT.c.name == name
    number = select(HEARTBEAT.c.beat).where(here)
    free = connection.execute(number.with_for_update(skip_locked=True)).scalar()
    if free is not None:
        connection.execute(update(HEARTBEAT).where(here).values(beat=HEARTBEAT.c.beat + 1, at=now(database)))
    elif connection.execute(number).scalar() is None:
        connection.execute(HEARTBEAT.insert().values(name=name, beat=1, at=now(database)))
    return int(connection.execute(number).scalar_one())
