"""How the outbox stands: what waits to be taken over, and per sink what it waits for, what it was not given, and how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.emitting.emissions import Emissions
from reconcile.mapping.model import Plan
from reconcile.outbox.health import RUNNING
from reconcile.outbox.init import outbox_of
from reconcile.outbox.model import Outbox
from reconcile.outbox.place import has_tables
from reconcile.outbox.shape import look
from reconcile.outbox.tables import ALL, COUNTS, DEAD, DELIVERY, EVENT, FANOUT, LANE, SINK

SILENT = 15.0  # seconds after which nothing is known of a relay


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """One sink. Times in seconds.

    Attributes:
        state, why: running, failing or away, as a relay last said, `noted` ago; None if none ever did.
        resumes: until it is tried again.
        pending: events that it waits for, and that will be sent by themselves; `oldest`: since the oldest of them was written.
        unspread: events that were taken over, of which it has no deliveries yet.
        dead: keys (or events that were set aside) that wait for a person; `held`: events behind them.
        counts: outcomes so far, of all relays.
        gone: it is not in the file any more.
    """

    name: str
    state: str | None = None
    why: str = ""
    noted: float | None = None
    resumes: float = 0.0
    pending: int = 0
    oldest: float | None = None
    unspread: int = 0
    dead: int = 0
    held: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    gone: bool = False

    @property
    def is_silent(self) -> bool:
        """No relay sees to it."""
        return self.noted is None or self.noted > SILENT

    @property
    def is_well(self) -> bool:
        return self.state == RUNNING and not self.dead and not self.is_silent


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """`waiting`: events that no relay has taken over yet; `oldest`: seconds since the oldest of them was written.

    `kept`: events that can be replayed, about.
    """

    database: str
    table: str
    waiting: int
    oldest: float | None
    kept: int
    sinks: tuple[SinkStatus, ...]

    @property
    def is_well(self) -> bool:
        return all(sink.is_well for sink in self.sinks)

    @property
    def is_idle(self) -> bool:
        """Nothing is under way; dead letters wait for a person."""
        return not self.waiting and not any(sink.pending or sink.unspread for sink in self.sinks if not sink.gone)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def status(plan: Plan) -> OutboxStatus:
    """Ask the outbox's database. Writes nothing. Raises Refusal for a table that holds no events."""
    outbox = outbox_of(plan)
    with opened(plan.databases, outbox.database) as (database,):
        return ask(database, outbox, Emissions(plan, outbox.database))


def ask(database: Database, outbox: Outbox, emissions: Emissions | None = None) -> OutboxStatus:
    """The same, of a database that is open, with what capture emitted there."""
    waiting, oldest = _waiting(database, outbox, emissions)
    if not has_tables(database):
        return OutboxStatus(
            database.name, outbox.table, waiting, oldest, 0, tuple(SinkStatus(each.name) for each in outbox.sinks)
        )
    with database.reading() as connection:
        low, high = connection.execute(select(func.min(EVENT.c.sequence), func.max(EVENT.c.sequence))).one()
        kept = 0 if low is None else high - low + 1
        sinks = _sinks(database, connection, outbox)
    return OutboxStatus(database.name, outbox.table, waiting, oldest, kept, sinks)


def _waiting(database: Database, outbox: Outbox, emissions: Emissions | None) -> tuple[int, float | None]:
    shape = look(database, outbox)
    query = select(func.count(), func.min(shape.parts["at"]), now(database)).select_from(shape.table).where(shape.waiting)
    with database.reading() as connection:
        many, oldest, instant = connection.execute(query).one()
        more, first = emissions.left(connection) if emissions else (0, None)
    oldest = min((each for each in (oldest, first) if each is not None), default=None)
    return many + more, None if oldest is None else max(0, instant - oldest) / 1e6


def _sinks(database: Database, connection: Connection, outbox: Outbox) -> tuple[SinkStatus, ...]:
    instant = connection.execute(select(now(database))).scalar_one()
    notes = {row.name: row for row in connection.execute(select(SINK))}
    cursors = {row.name: row.through for row in connection.execute(select(FANOUT.c.name, FANOUT.c.through))}
    lanes = _lanes(connection)
    names = dict.fromkeys((*(route.name for route in outbox.sinks), *sorted(cursors.keys() - {ALL})))
    ours = {route.name for route in outbox.sinks}
    return tuple(
        SinkStatus(
            name,
            **_noted(notes.get(name), instant),
            **lanes.get(name, {}),
            oldest=_oldest(connection, name, instant),
            unspread=max(0, cursors.get(ALL, 0) - cursors.get(name, cursors.get(ALL, 0))),
            gone=name not in ours,
        )
        for name in names
    )


def _noted(row: Any, instant: int) -> dict[str, Any]:
    if row is None:
        return {"counts": dict.fromkeys(COUNTS, 0)}
    said = {"state": row.state, "why": row.why or "", "noted": max(0, instant - row.at) / 1e6}
    return {**said, "resumes": max(0, row.resumes_at - instant) / 1e6, "counts": {name: getattr(row, name) for name in COUNTS}}


def _lanes(connection: Connection) -> dict[str, dict[str, Any]]:
    """By sink, what waits: a sum over lanes, which are fewer than deliveries."""
    many = func.sum(LANE.c.version - LANE.c.sent)
    found: dict[str, dict[str, Any]] = {}
    for sink, state, lanes, events in connection.execute(
        select(LANE.c.sink, LANE.c.state, func.count(), many).group_by(LANE.c.sink, LANE.c.state)
    ):
        here = found.setdefault(sink, {"pending": 0, "dead": 0, "held": 0})
        if state == DEAD:
            here.update(dead=int(lanes), held=int(events) - int(lanes))
        else:
            here["pending"] += int(events)
    return found


def _oldest(connection: Connection, sink: str, instant: int) -> float | None:
    """Since when the oldest event that is not held waits."""
    stuck = select(LANE.c.key).where(LANE.c.sink == sink, LANE.c.key == DELIVERY.c.lane, LANE.c.state == DEAD).exists()
    first = select(DELIVERY.c.sequence).where(DELIVERY.c.sink == sink, ~stuck).order_by(DELIVERY.c.sequence).limit(1)
    written = connection.execute(select(EVENT.c.at).where(EVENT.c.sequence == first.scalar_subquery())).scalar()
    return None if written is None else max(0, instant - written) / 1e6
