"""The fan-out: events are taken over from the table that applications write to, and become one delivery for each sink.

One relay at a time does so in a database, and the others pass it over. It takes whatever it can see, and never an id from which
on: a lower one may be committed later. What it has taken it numbers without gaps, so from there on a number does say how far
one is: a sink that is new, or that an older configuration did not know, has its deliveries made from what is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    String,
    Subquery,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    insert,
    inspect,
    literal,
    literal_column,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite

from reconcile.databases.among import among, slices
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.emitting.taking import Emitted, Taking
from reconcile.outbox.clearing import clear_by_key
from reconcile.outbox.model import Outbox, Route
from reconcile.outbox.patterns import fitting
from reconcile.outbox.shape import Shape
from reconcile.outbox.tables import ALL, DELIVERY, EVENT, FANOUT, LANE, WAITING
from reconcile.relaying.patience import resize

LARGEST = 2000  # events in one transaction
_BYTES = 16 * 2**20  # of payloads in one transaction, about
_SPREAD = 5000  # kept events that a sink is given at once, where it has some to make up for
_AIM = 0.25  # seconds that a transaction should take
_KEY = 600  # characters; keys that are alike so far share a lane: order among them is kept, which nobody asked for

_COUNTED = {"preserve_rowcount": True}  # else SQLAlchemy gives it up for an INSERT

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """What one step did: `taken` events, and deliveries `made`. `busy`: another relay is at it."""

    taken: int = 0
    made: int = 0
    busy: bool = False

    @property
    def is_idle(self) -> bool:
        return not self.taken and not self.made


class Fanout:
    """The fan-out of one outbox. `emitted`: what capture wrote for tables whose code nobody touches."""

    def __init__(
        self,
        database: Database,
        outbox: Outbox,
        shape: Shape,
        *,
        emitted: Taking | None = None,
        largest: int = LARGEST,
        room: int = _BYTES,
        most: int = _SPREAD,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._outbox, self._shape, self._emitted = database, outbox, shape, emitted
        self._largest, self._room, self._most, self._size, self._clock = largest, room, most, min(largest, 500), clock
        self._primary = _has_primary_key(database, outbox.table)
        self._rests = True  # else there is more, most likely

    @property
    def trouble(self) -> str:
        """What of that which was emitted cannot be taken over, and why; empty if nothing."""
        return "; ".join(f"{name}: {why}" for name, why in self._emitted.held.items()) if self._emitted else ""

    def step(self) -> Spread:
        """One transaction, if there is anything to do in it. Raises DatabaseError; then nothing was done."""
        if (self._rests or self._emitted) and not self._has_work():
            return Spread()
        began = self._clock()
        try:
            with self._database.writing() as connection:
                found = self._spread(connection)
        except Exception:
            self._size = max(1, self._size // 4)  # what makes a whole batch fail may not do so to a part of it
            raise
        self._rests = found.is_idle
        if found.taken:
            self._size = resize(self._size, self._clock() - began, aim=_AIM, largest=self._largest)
        return found

    def _has_work(self) -> bool:
        """A look that locks nothing: most are for nothing."""
        waiting = select(literal(1)).select_from(self._shape.table).where(self._shape.waiting).limit(1)
        with self._database.reading() as connection:
            if connection.execute(waiting).first() or (self._emitted and self._emitted.waiting(connection)):
                return True
            cursors = _cursors(connection)
        return any(cursors.get(route.name, -1) < cursors[ALL] for route in self._outbox.sinks)

    def _spread(self, connection: Connection) -> Spread:
        if connection.dialect.name == "postgresql":  # what a crash takes back is done again
            connection.execute(text("SET LOCAL synchronous_commit = off"))
        cursors = _cursors(connection, turn=True)
        if ALL not in cursors:
            return Spread(busy=True)
        through = cursors[ALL]
        for route in self._outbox.sinks:
            if route.name not in cursors:
                begins = self._begin(connection, route, through)
                if begins is None:
                    return Spread(busy=True)
                cursors[route.name] = begins
        taken = self._take(connection, through)
        taken += self._take_emitted(connection, through + taken)
        made, advanced = self._deliver_all(connection, cursors, through + taken)
        self._advance(connection, {**advanced, **({ALL: through + taken} if taken else {})})
        return Spread(taken, made)

    def _begin(self, connection: Connection, route: Route, through: int) -> int | None:
        """Note a sink that is new, and where it begins: with what was not taken over yet, or with something that is kept.

        None if another relay has noted it just now.
        """
        start = through if route.start == "now" else self._first(connection, route.start, through)
        statement: Any = _INSERTS[connection.dialect.name](FANOUT).values(
            name=route.name, through=start, since=now(self._database)
        )
        unless_there = (
            statement.prefix_with("IGNORE") if connection.dialect.name == "mysql" else statement.on_conflict_do_nothing()
        )
        return start if connection.execute(unless_there).rowcount else None

    def _first(self, connection: Connection, start: str, through: int) -> int:
        first = select(func.min(EVENT.c.sequence))
        if start != "beginning":
            first = first.where(EVENT.c.at >= int(datetime.fromisoformat(start).timestamp() * 1e6))
        found = connection.execute(first).scalar()
        return through if found is None else found - 1

    def _take(self, connection: Connection, through: int) -> int:
        rows = self._choose(connection)
        if not rows:
            return 0
        for here in self._places(connection, rows):
            through += self._keep(connection, here, through)
        self._clear(connection, rows)
        return len(rows)

    def _take_emitted(self, connection: Connection, through: int) -> int:
        found = self._emitted.take(connection, self._size, self._room) if self._emitted else ()
        if found:
            rows = [_row(each, through + place) for place, each in enumerate(found, 1)]
            connection.execute(insert(EVENT).values(taken_at=now(self._database)), rows)
        return len(found)

    def _choose(self, connection: Connection) -> list[Row]:
        """The oldest rows that wait, by what names them: as many as there is room for, and at least one."""
        shape = self._shape
        size = _length(self._database, shape.parts["payload"])
        query = select(*shape.identity, size).where(shape.waiting).order_by(shape.order, *shape.identity).limit(self._size)
        found, room = list[Row](), self._room
        for *row, bytes_ in connection.execute(query):
            room -= bytes_
            if found and room < 0:
                break
            found.append(tuple(row))
        return found

    def _places(self, connection: Connection, rows: Sequence[Row]) -> list[ColumnElement[bool]]:
        """SQL for these rows, some at a time where they cannot all be said at once."""
        identity = self._shape.identity
        if len(identity) > 1:
            return [or_(*(and_(*_equal(identity, row)) for row in some)) for some in slices(rows)]
        return among(connection, identity[0], [row[0] for row in rows])

    def _keep(self, connection: Connection, here: ColumnElement[bool], through: int) -> int:
        shape, parts = self._shape, self._shape.parts
        number: ColumnElement[int] = literal_column(str(through)) + func.row_number().over(
            order_by=[shape.order, *shape.identity]
        )
        payload = parts["payload"]
        values: Mapping[str, ColumnElement[Any]] = {
            "sequence": number,
            "event_id": parts["id"],
            **{name: parts[name] for name in ("type", "key", "payload", "content_type", "headers", "version", "at")},
            "size": _length(self._database, payload),
            "taken_at": now(self._database),
        }
        query = select(*values.values()).select_from(shape.table).where(here)
        return connection.execute(insert(EVENT).from_select(list(values), query), execution_options=_COUNTED).rowcount

    def _clear(self, connection: Connection, rows: Sequence[Row]) -> None:
        if self._database.dialect == "mariadb":
            clear_by_key(connection, self._shape, rows, self._primary)
            return
        for here in self._places(connection, rows):
            if self._shape.mark is None:
                connection.execute(delete(self._shape.table).where(here))
            else:
                connection.execute(update(self._shape.table).where(here).values(dict([self._shape.mark])))

    def _deliver_all(self, connection: Connection, cursors: Mapping[str, int], through: int) -> tuple[int, dict[str, int]]:
        """Make every sink's deliveries of the events that follow those it has them of; how many, and how far each has come."""
        kinds: dict[tuple[int, int], list[str]] = {}
        made, advanced = 0, dict[str, int]()
        for route in self._outbox.sinks:
            done = cursors[route.name]
            until = min(through, done + self._most)
            if until > done:
                made += self._deliver(connection, route, (done, until), kinds)
                advanced[route.name] = until
        return made, advanced

    def _deliver(
        self, connection: Connection, route: Route, span: tuple[int, int], kinds: dict[tuple[int, int], list[str]]
    ) -> int:
        between = and_(EVENT.c.sequence > span[0], EVENT.c.sequence <= span[1])
        if span not in kinds:
            kinds[span] = list(connection.execute(select(EVENT.c.type).where(between).distinct()).scalars())
        types = fitting(route.types, kinds[span])
        if not types:
            return 0
        wanted = true() if len(types) == len(kinds[span]) else EVENT.c.type.in_(types)
        return deliver(self._database, connection, route.name, and_(between, wanted))

    def _advance(self, connection: Connection, through: Mapping[str, int]) -> None:
        """Those that have come equally far, which are nearly always all, in one statement."""
        for far in sorted(set(through.values())):
            names = [name for name, each in through.items() if each == far]
            connection.execute(update(FANOUT).where(FANOUT.c.name.in_(names)).values(through=far))


def deliver(database: Database, connection: Connection, sink: str, which: ColumnElement[bool]) -> int:
    """Make a sink's deliveries of kept events, and have their lanes taken up. Those that it waits for already are left alone.

    Whoever calls it has the fan-out's turn.
    """
    there = select(literal(1)).where(DELIVERY.c.sink == sink, DELIVERY.c.sequence == EVENT.c.sequence).exists()
    news = select(_LANE.label("lane"), EVENT.c.sequence).where(which, ~there)
    _take_up(database, connection, sink, news.subquery())
    rows = news.add_columns(literal(sink))
    statement = insert(DELIVERY).from_select(["lane", "sequence", "sink"], rows)
    return connection.execute(statement, execution_options=_COUNTED).rowcount


# An event without a key has a lane to itself. No two of these can be alike: they differ in the first character.
_LANE = case(
    (EVENT.c.key.is_(None), literal_column("'#'", Text()) + cast(EVENT.c.sequence, String(20))),
    else_=literal_column("'='", Text()) + func.substr(EVENT.c.key, literal_column("1"), literal_column(str(_KEY)), type_=Text()),
)


def _take_up(database: Database, connection: Connection, sink: str, news: Subquery) -> None:
    """In the order in which those who settle lock, so that the two never wait for each other crosswise."""
    order = news.c.lane.collate("C") if connection.dialect.name == "postgresql" else news.c.lane
    instant = connection.execute(select(now(database))).scalar_one()  # one for all, so that they are taken in order
    values: dict[str, ColumnElement[Any]] = {
        **{"sink": literal(sink), "key": news.c.lane, "version": func.count()},
        **{"due_at": literal(instant), "state": literal(WAITING)},
        **dict.fromkeys(("sent", "attempts", "deaths", "lease_until"), literal(0)),
    }
    some = select(*values.values()).where(text("1 = 1")).group_by(news.c.lane).order_by(order)
    statement: Any = _INSERTS[connection.dialect.name](LANE).from_select(list(values), some)
    if connection.dialect.name == "mysql":
        statement = statement.on_duplicate_key_update(version=LANE.c.version + statement.inserted.version)
    else:
        more = {"version": LANE.c.version + statement.excluded.version}
        statement = statement.on_conflict_do_update(index_elements=["sink", "key"], set_=more)
    connection.execute(statement)


_INSERTS: Mapping[str, Callable[..., Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert, "mysql": mysql.insert}


def _row(found: Emitted, sequence: int) -> dict[str, Any]:
    said = {name: getattr(found, name) for name in ("type", "key", "payload", "content_type", "at")}
    return {**said, "sequence": sequence, "event_id": found.id, "size": len(found.payload)}


def _has_primary_key(database: Database, table: str) -> bool:
    with database.reading() as connection:
        return bool(inspect(connection).get_pk_constraint(table)["constrained_columns"])


def _cursors(connection: Connection, *, turn: bool = False) -> dict[str, int]:
    """How far everybody is. With `turn` nobody else may move them; without the row of `ALL`, it is another relay's turn."""
    query = select(FANOUT.c.name, FANOUT.c.through).order_by(FANOUT.c.name)
    rows = connection.execute(query.with_for_update(skip_locked=True) if turn else query)
    return {row.name: row.through for row in rows}


def _length(database: Database, payload: ColumnElement[Any]) -> ColumnElement[int]:
    """SQL: bytes."""
    measure = func.length if database.dialect == "sqlite" else func.octet_length
    return measure(payload, type_=BigInteger())


def _equal(columns: Sequence[ColumnElement[Any]], row: Row) -> list[ColumnElement[bool]]:
    return [column == value for column, value in zip(columns, row, strict=True)]
