"""Sending again what is kept: for a sink that lost it, or whose consumer had a fault."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select

from reconcile.mapping.model import Plan
from reconcile.outbox.fanout import deliver
from reconcile.outbox.init import outbox_of
from reconcile.outbox.patterns import fitting
from reconcile.outbox.place import named, place
from reconcile.outbox.tables import ALL, EVENT, FANOUT

_AT_ONCE = 5000  # events in one transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which of the kept events: all conditions hold.

    Attributes:
        since, until: when they were written, in µs since 1970; before `until`.
        types: patterns as a sink's; without them, the sink's own. An event that the sink does not take is never sent to it.
    """

    since: int | None = None
    until: int | None = None
    types: tuple[str, ...] = ()
    key: str | None = None
    id: str | None = None

    @property
    def conditions(self) -> list[ColumnElement[bool]]:
        found = []
        if self.since is not None:
            found.append(EVENT.c.at >= self.since)
        if self.until is not None:
            found.append(EVENT.c.at < self.until)
        if self.key is not None:
            found.append(EVENT.c.key == self.key)
        if self.id is not None:
            found.append(EVENT.c.event_id == self.id)
        return found


def replay(plan: Plan, sink: str, wanted: Wanted, *, dry_run: bool = False) -> int:
    """Have a sink given these again; how many that are. What it waits for already is not doubled, and each key's stay in order.

    Raises UsageError for a sink that the file does not have, or that no relay has seen yet.
    """
    route = next(route for route in outbox_of(plan).sinks if route.name == named(plan, sink))
    total, low = 0, -1
    with place(plan) as database:
        while True:
            with database.writing() as connection:
                span = _span(connection, sink, low, wanted)
                if span is None:
                    return total
                here = _taken(connection, and_(span, *wanted.conditions), route.types, wanted.types)
                if here is not None:
                    total += _counted(connection, here) if dry_run else deliver(database, connection, sink, here)
                low = _end(connection, span)


def _span(connection: Connection, sink: str, low: int, wanted: Wanted) -> ColumnElement[bool] | None:
    """The next stretch of kept events; None after the last. No fan-out is at it meanwhile."""
    connection.execute(select(FANOUT.c.through).where(FANOUT.c.name == ALL).with_for_update())
    through = connection.execute(select(FANOUT.c.through).where(FANOUT.c.name == sink)).scalar() or 0
    first = connection.execute(select(func.min(EVENT.c.sequence)).where(EVENT.c.sequence > low, *wanted.conditions)).scalar()
    if first is None or first > through:
        return None
    return EVENT.c.sequence.between(first, min(through, first + _AT_ONCE - 1))


def _end(connection: Connection, span: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.max(EVENT.c.sequence)).where(span)).scalar_one())


def _taken(
    connection: Connection, here: ColumnElement[bool], own: tuple[str, ...], types: tuple[str, ...]
) -> ColumnElement[bool] | None:
    kinds = list(connection.execute(select(EVENT.c.type).where(here).distinct()).scalars())
    kinds = fitting(types, fitting(own, kinds)) if types else fitting(own, kinds)
    return and_(here, EVENT.c.type.in_(kinds)) if kinds else None


def _counted(connection: Connection, here: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(EVENT).where(here)).scalar_one())
