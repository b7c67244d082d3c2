"""A row that beats, and goes through a trigger, the outbox and the relay like any other: its age there is the lag of all."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from reconcile.capturing.tables import HEARTBEAT
from reconcile.databases.clock import now
from reconcile.databases.database import Database

NAME = "capture"


def beat(database: Database, name: str = NAME) -> int:
    """Beat once; returns the number of the beat. The row comes to be with the first one."""
    with database.writing() as connection:
        return beat_within(connection, database, name)


def beat_within(connection: Connection, database: Database, name: str) -> int:
    """The same, in an open transaction."""
    here = HEARTBEAT.c.name == name
    following = update(HEARTBEAT).where(here).values(beat=HEARTBEAT.c.beat + 1, at=now(database))
    if not connection.execute(following).rowcount:
        connection.execute(HEARTBEAT.insert().values(name=name, beat=1, at=now(database)))
    return int(connection.execute(select(HEARTBEAT.c.beat).where(here)).scalar_one())
