"""Dead letters: events that a sink was not given, and never will be before someone retries them or lets them go."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from reconcile.databases.among import among
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Plan
from reconcile.outbox.place import named, place
from reconcile.outbox.tables import DEAD, DELIVERY, EVENT, LANE, LET_GO, WAITING
from strangler.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One that was given up.

    Attributes:
        number: names it, for `retry` and `skip`: its place in the outbox.
        held: events of its key that wait behind it.
        age: seconds since it was written.
        size: of the payload, in bytes.
    """

    sink: str
    number: int
    id: str
    type: str
    key: str | None
    error: str
    attempts: int
    held: int
    age: float
    size: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class LetGo:
    """One that someone let go: its sink never got it. `at` in µs since 1970."""

    sink: str
    number: int
    id: str
    type: str
    key: str | None
    error: str
    reason: str
    actor: str
    at: int

    def document(self) -> dict[str, Any]:
        return asdict(self)


def dead(plan: Plan, sinks: Collection[str] = ()) -> tuple[DeadLetter, ...]:
    """The dead letters of these sinks, or of all, oldest first."""
    chosen = {named(plan, name) for name in sinks}
    with place(plan) as database, database.reading() as connection:
        found = _dead(database, connection)
    return tuple(letter for letter in found if not chosen or letter.sink in chosen)


def let_go(plan: Plan, sinks: Collection[str] = (), *, most: int | None = None) -> tuple[LetGo, ...]:
    """What was let go, latest first; of all sinks together at most so many."""
    chosen = {named(plan, name) for name in sinks}
    with place(plan) as database, database.reading() as connection:
        rows = connection.execute(select(LET_GO).order_by(LET_GO.c.id.desc()).limit(most)).all()
    found = (
        LetGo(row.sink, row.sequence, row.event_id, row.type, row.key, row.error or "", row.reason, row.actor, row.at)
        for row in rows
    )
    return tuple(each for each in found if not chosen or each.sink in chosen)


def retry(plan: Plan, sink: str, numbers: Sequence[int] = ()) -> int:
    """Have a sink's dead letters tried again, these or all; how many. Raises UsageError for one that is not there."""
    named(plan, sink)
    with place(plan) as database, database.writing() as connection:
        keys = [_lane(database, connection, sink, number) for number in numbers] if numbers else None
        anew = {"state": WAITING, "attempts": 0, "deaths": 0, "due_at": now(database)}
        waits = update(LANE).where(LANE.c.sink == sink, LANE.c.state == DEAD).values(**anew)
        if keys is None:
            return connection.execute(waits).rowcount
        return sum(connection.execute(waits.where(here)).rowcount for here in among(connection, LANE.c.key, keys))


def skip(plan: Plan, sink: str, number: int, reason: str, actor: str) -> DeadLetter:
    """Let a dead letter go: its sink never gets it, and what waits behind it goes on. Reason and actor are kept."""
    named(plan, sink)
    if not reason.strip():
        raise UsageError("skipping an event needs a reason: it is kept, for whoever misses it")
    with place(plan) as database, database.writing() as connection:
        key = _lane(database, connection, sink, number)
        letter = next(each for each in _dead(database, connection) if (each.sink, each.number) == (sink, number))
        connection.execute(delete(DELIVERY).where(DELIVERY.c.sink == sink, DELIVERY.c.sequence == number))
        _go_on(database, connection, sink, key)
        row = {"sink": sink, "sequence": number, "event_id": letter.id, "type": letter.type, "key": letter.key}
        said = {"error": letter.error, "reason": reason, "actor": actor, "at": now(database)}
        connection.execute(insert(LET_GO).values(**row, **said))
    return letter


def _go_on(database: Database, connection: Connection, sink: str, key: str) -> None:
    here = (LANE.c.sink == sink, LANE.c.key == key)
    anew = {"sent": LANE.c.sent + 1, "state": WAITING, "attempts": 0, "deaths": 0, "due_at": now(database), "error": None}
    connection.execute(update(LANE).where(*here).values(**anew))
    connection.execute(delete(LANE).where(*here, LANE.c.sent >= LANE.c.version))


def _lane(database: Database, connection: Connection, sink: str, number: int) -> str:
    """The lane that a dead letter stands at the head of, locked. Raises UsageError if there is none."""
    lane = select(DELIVERY.c.lane).where(DELIVERY.c.sink == sink, DELIVERY.c.sequence == number).scalar_subquery()
    here = (LANE.c.sink == sink, LANE.c.key == lane, LANE.c.state == DEAD)
    key = connection.execute(select(LANE.c.key).where(*here).with_for_update()).scalar()
    first = select(func.min(DELIVERY.c.sequence)).where(DELIVERY.c.sink == sink, DELIVERY.c.lane == key)
    if key is None or connection.execute(first).scalar() != number:
        raise UsageError(f"{sink} has no dead letter {number}: see `outbox dead`")
    return str(key)


def _dead(database: Database, connection: Connection) -> list[DeadLetter]:
    lanes = connection.execute(select(LANE).where(LANE.c.state == DEAD)).all()
    first = func.min(DELIVERY.c.sequence)
    heads = select(DELIVERY.c.sink, DELIVERY.c.lane, first.label("number")).join(
        LANE, (LANE.c.sink == DELIVERY.c.sink) & (LANE.c.key == DELIVERY.c.lane) & (LANE.c.state == DEAD)
    )
    numbers = {(row.sink, row.lane): row.number for row in connection.execute(heads.group_by(DELIVERY.c.sink, DELIVERY.c.lane))}
    events = _events(connection, sorted(set(numbers.values())))
    instant = connection.execute(select(now(database))).scalar_one()
    found = []
    for lane in lanes:
        number = numbers[lane.sink, lane.key]
        event = events[number]
        what = (lane.sink, number, event.event_id, event.type, event.key, lane.error or "", lane.attempts)
        found.append(DeadLetter(*what, lane.version - lane.sent - 1, max(0, instant - event.at) / 1e6, event.size))
    return sorted(found, key=lambda letter: (letter.number, letter.sink))


def _events(connection: Connection, numbers: Sequence[int]) -> dict[int, Any]:
    columns = (EVENT.c.sequence, EVENT.c.event_id, EVENT.c.type, EVENT.c.key, EVENT.c.at, EVENT.c.size)
    found: dict[int, Any] = {}
    for here in among(connection, EVENT.c.sequence, numbers):
        found |= {row.sequence: row for row in connection.execute(select(*columns).where(here))}
    return found
