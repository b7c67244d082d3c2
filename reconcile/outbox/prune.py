"""Forgetting events that every sink has had, once they are older than they have to be kept."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from reconcile.databases.among import among
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Plan
from reconcile.outbox.init import outbox_of
from reconcile.outbox.model import Outbox
from reconcile.outbox.place import place
from reconcile.outbox.tables import ALL, DELIVERY, EVENT, FANOUT, LANE, LET_GO, SINK
from strangler.core.errors import UsageError

_AT_ONCE = 1000  # events in one short transaction
_LETTERS = 180 * 86_400_000_000  # µs that is kept which dead letters were let go, and why


def prune(database: Database, outbox: Outbox, *, keep: float | None = None) -> int:
    """Forget what was taken over more than `keep` seconds ago (as long as the file says, without it); how many events it was.

    Events that a sink still waits for, dead letters among them, stay; so do those that a sink of this file was not given yet.
    """
    age = int((outbox.keep if keep is None else keep) * 1e6)
    found, low = 0, -1
    while True:
        with database.writing() as connection:
            seen = _look(database, connection, outbox, low, age)
            if not seen:
                connection.execute(delete(LET_GO).where(LET_GO.c.at < now(database) - _LETTERS))
                return found
            low = seen[-1]
            found += _forget(connection, seen)


def forget_sink(plan: Plan, sink: str) -> int:
    """Forget a sink that is not in the file any more, and what it waited for; how many events that were."""
    if any(route.name == sink for route in outbox_of(plan).sinks):
        raise UsageError(f"{sink} is one of the sinks in {plan.file}: take it out there first, where relays run too")
    with place(plan) as database, database.writing() as connection:
        if connection.execute(delete(FANOUT).where(FANOUT.c.name == sink, FANOUT.c.name != ALL)).rowcount == 0:
            raise UsageError(f"no relay has ever known a sink {sink!r} here: see `outbox status`")
        found = connection.execute(delete(DELIVERY).where(DELIVERY.c.sink == sink)).rowcount
        for name in (LANE.c.sink, SINK.c.name):
            connection.execute(delete(name.table).where(name == sink))
    return found


def _look(database: Database, connection: Connection, outbox: Outbox, low: int, age: int) -> list[int]:
    """The next old events that every sink of the file was given."""
    cursors = {row.name: row.through for row in connection.execute(select(FANOUT.c.name, FANOUT.c.through))}
    through = min(cursors.get(name, 0) for name in (ALL, *(route.name for route in outbox.sinks)))
    old = EVENT.c.taken_at < now(database) - age
    query = select(EVENT.c.sequence).where(EVENT.c.sequence > low, EVENT.c.sequence <= through, old)
    return list(connection.execute(query.order_by(EVENT.c.sequence).limit(_AT_ONCE)).scalars())


def _forget(connection: Connection, sequences: list[int]) -> int:
    known = list(connection.execute(select(FANOUT.c.name).where(FANOUT.c.name != ALL)).scalars())
    waited_for = set[int]()
    for sink in known:
        for here in among(connection, DELIVERY.c.sequence, sequences):
            waited_for.update(connection.execute(select(DELIVERY.c.sequence).where(DELIVERY.c.sink == sink, here)).scalars())
    done = [sequence for sequence in sequences if sequence not in waited_for]
    for here in among(connection, EVENT.c.sequence, done):
        connection.execute(delete(EVENT).where(here))
    return len(done)
