"""What relays leave in the captured database about themselves, for whoever asks how things stand."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import IntegrityError

from reconcile.databases.clock import now
from reconcile.relaying.course import RUNNING
from reconcile.relaying.stations import Station
from reconcile.relaying.tables import PROGRESS


def write(station: Station, closed: Mapping[str, tuple[str, str]]) -> None:
    """Note the state of every mapping that starts here, and how many keys were applied since the last time."""
    states = {course.name: (course.state, course.why) for course in station.courses}
    with station.database.writing() as connection:
        _add(station, connection, "", RUNNING, "", 0)
        for name, (state, why) in sorted((states | dict(closed)).items()):
            _add(station, connection, name, state, why, station.applied[name])


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
