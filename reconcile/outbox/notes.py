"""What relays leave in the database about sinks, for whoever asks how they stand. Nobody is waited for: see `relaying.notes`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.outbox.tables import COUNTS, SINK


@dataclass(frozen=True, slots=True)
class Note:
    """How a sink is doing, and what was done since the last note. `rests`: seconds that it is left alone."""

    state: str
    why: str
    rests: float
    counts: Mapping[str, int]


def write(database: Database, notes: Mapping[str, Note]) -> frozenset[str]:
    """Returns the sinks that were noted; the others are being noted by another relay at this moment."""
    with database.writing() as connection:
        held = _held(connection, notes)
        for name in sorted(notes.keys() - held):
            _write(database, connection, name, notes[name])
    return frozenset(notes.keys() - held)


def _held(connection: Connection, names: Collection[str]) -> set[str]:
    query = select(SINK.c.name).where(SINK.c.name.in_(names))
    free = set(connection.execute(query.with_for_update(skip_locked=True)).scalars())
    return set(connection.execute(query).scalars()) - free


def _write(database: Database, connection: Connection, name: str, note: Note) -> None:
    instant = connection.execute(select(now(database))).scalar_one()
    values = {"why": note.why or None, "at": instant, "resumes_at": instant + int(note.rests * 1e6)}
    added = {count: SINK.c[count] + note.counts.get(count, 0) for count in COUNTS}
    since = instant if _differs(connection, name, note.state) else SINK.c.since
    changed = update(SINK).where(SINK.c.name == name).values(**values, **added, state=note.state, since=since)
    if connection.execute(changed).rowcount == 0:
        first = {count: note.counts.get(count, 0) for count in COUNTS}
        try:
            with connection.begin_nested():
                connection.execute(insert(SINK).values(name=name, state=note.state, since=instant, **values, **first))
        except IntegrityError:
            connection.execute(changed)  # another relay was quicker


def _differs(connection: Connection, name: str, state: str) -> bool:
    return connection.execute(select(SINK.c.state).where(SINK.c.name == name)).scalar() != state
