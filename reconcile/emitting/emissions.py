"""What capture emitted, as events: each change mapped as its row would be, in the database that it comes from.

A row that comes to be, or comes into `where`, is created; one that goes, or leaves it, is deleted; one of which nothing that is
mapped has changed is no event. A key that changes is deleted under the old one and created under the new one. While the new side
owns, its table's rows are used as they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, func, inspect, select

from reconcile.capturing.feed import Which, feeds
from reconcile.capturing.tables import EMITTED
from reconcile.databases.chunk import Key
from reconcile.databases.database import opened
from reconcile.databases.pair import Pair, paired
from reconcile.databases.side import Side
from reconcile.emitting import payload
from reconcile.emitting.evaluating import Failed, Raw, evaluate
from reconcile.emitting.image import parse
from reconcile.emitting.taking import UNMAPPED, Emitted, Unmappable
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Mapping as RowMapping
from reconcile.mapping.model import Plan
from reconcile.mapping.pipeline import Misfit
from reconcile.mapping.tokens import mentions
from reconcile.owning.tables import OWNER
from reconcile.relaying.outbox import remove
from strangler.core.errors import StranglerError, UsageError

_AGAIN = 10.0  # seconds
_LOST = "its row could not be kept: it was too large, or a column had gone; `data capture install` makes the triggers anew"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one key: its row before and after, as kept; None where there was or is none. `name` tells it for good."""

    name: str
    database: str
    mapping: str
    which: Which
    key: str
    before: str | None
    after: str | None
    at: int
    lost: bool = False

    def document(self) -> bytes:
        """For `UNMAPPED` payloads."""
        fields = {name: getattr(self, name) for name in Change.__slots__}
        return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


@dataclass(frozen=True, slots=True)
class Reading:
    """One mapping that emits, read on one side."""

    mapping: RowMapping
    which: Which
    pair: Pair

    @property
    def side(self) -> Side:
        return self.pair.source if self.which == "old" else self.pair.target

    @property
    def needed(self) -> frozenset[str]:
        """The table's columns that anything depends on."""
        live = self.pair.origin if self.which == "old" else self.pair.live
        names = tuple(live.columns) if live is not None else ()
        if self.which == "new":
            scope = mentions(self.mapping.target.where or "", names)
            return scope | frozenset(self.mapping.columns) | frozenset(self.mapping.target.key)
        columns = self.mapping.columns.values()
        said = [mentions(sql or "", names) for sql in (self.mapping.source.where, *(each.sql for each in columns))]
        return frozenset().union(*said, *(each.named for each in columns), self.mapping.source.key)

    def written(self, raw: Raw) -> str | Unmappable:
        """A row of this side as the new schema has it, as JSON."""
        try:
            values = self._mapped(raw) if self.which == "old" else self._fitted(raw)
        except ValueError as error:
            return Unmappable(str(error))
        if isinstance(values, Misfit):
            return Unmappable(f"{values.column}: {values.reason}")
        return payload.of_row(tuple(self.mapping.columns), self.pair.kinds, values)

    def _mapped(self, raw: Raw) -> Sequence[Any] | Misfit:
        found = self.pair.pipeline.run(raw, lambda _: None)
        return found if isinstance(found, Misfit) else found.values

    def _fitted(self, raw: Raw) -> Sequence[Any]:
        return [None if each is None else kind.fit(each) for kind, each in zip(self.pair.kinds, raw, strict=True)]


@dataclass(slots=True)
class Emissions:
    """All mappings of a plan that emit from one of its databases. As `taking.Taking` has it.

    A mapping's two databases are looked at when its first row comes. If one is away, or the mapping does not fit its tables,
    its rows are left where they are, and tried again after a while; `held` says why. The others go on.
    """

    plan: Plan
    database: str
    clock: Callable[[], float] = time.monotonic
    _readings: dict[tuple[str, Which], Reading] = field(default_factory=dict)
    _held: dict[str, tuple[str, float]] = field(default_factory=dict)
    _has_table: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the plan calls this database; it may have two names for it."""
        url = self.plan.databases[self.database].url
        return tuple(name for name, each in self.plan.databases.items() if each.url == url)

    @property
    def held(self) -> Mapping[str, str]:
        """By mapping, why its rows cannot be taken now."""
        return {name: why for name, (why, _) in self._held.items()}

    def listeners(self) -> Mapping[str, Sequence[tuple[RowMapping, Which]]]:
        """By feed, the mappings that emit from it, and which side of them it is. Feeds of one that is held are left out."""
        found: dict[str, list[tuple[RowMapping, Which]]] = {}
        for mapping in self.plan.mappings:
            for which in _sides(mapping, self.names):
                for feed in feeds(mapping, which):
                    found.setdefault(feed.name, []).append((mapping, which))
        late = {name for name, (_, until) in self._held.items() if self.clock() < until}
        return {feed: heard for feed, heard in found.items() if late.isdisjoint(mapping.name for mapping, _ in heard)}

    def waiting(self, connection: Connection) -> bool:
        listeners = self._heard(connection)
        query = select(EMITTED.c.id).where(EMITTED.c.feed.in_(list(listeners))).limit(1)
        return bool(listeners) and connection.execute(query).first() is not None

    def left(self, connection: Connection) -> tuple[int, int | None]:
        """How many rows wait, and since when (µs)."""
        listeners = self._heard(connection)
        query = select(func.count(), func.min(EMITTED.c.at)).where(EMITTED.c.feed.in_(list(listeners)))
        return tuple(connection.execute(query).one()) if listeners else (0, None)

    def take(self, connection: Connection, rows: int, size: int) -> list[Emitted]:
        found = self.oldest(connection, rows, size)
        if found:
            remove(connection, EMITTED, [row.id for row in found])
        return self.events(connection, found)

    def oldest(self, connection: Connection, rows: int, size: int) -> list[Any]:
        """Rows that can be made events, in order."""
        listeners = self._heard(connection)
        found = _oldest(connection, listeners, rows, size) if listeners else []
        for name, which in _heard(found, listeners):
            self._look(self.plan.mapping(name), which)
        listeners = self.listeners()
        return [row for row in found if row.feed in listeners]

    def events(self, connection: Connection, rows: Sequence[Any]) -> list[Emitted]:
        """What they are, in their order."""
        listeners = self.listeners()
        told = {(name, which): self._told(connection, name, which, rows) for name, which in _heard(rows, listeners)}
        events = (told[mapping.name, which].get(row.id, ()) for row in rows for mapping, which in listeners[row.feed])
        return [event for some in events for event in some]

    def again(self, connection: Connection, payload: bytes) -> Emitted | Unmappable | None:
        try:
            change = Change(**json.loads(payload))
            mapping = self.plan.mapping(change.mapping)
        except (ValueError, TypeError, UsageError) as error:
            return Unmappable(f"this version cannot read it: {error}")
        if change.which not in _sides(mapping, self.names):
            return Unmappable(f"{mapping.name} emits nothing in database {self.database} any more")
        self._readings.pop((mapping.name, change.which), None)  # the tables may have been put right meanwhile
        self._look(mapping, change.which)
        if mapping.name in self.held:
            return Unmappable(self.held[mapping.name])
        return _events(connection, self._reading(mapping, change.which), [change])[0]

    def _heard(self, connection: Connection) -> Mapping[str, Sequence[tuple[RowMapping, Which]]]:
        """Nothing, where nothing was ever captured."""
        self._has_table = self._has_table or inspect(connection).has_table(EMITTED.name)
        return self.listeners() if self._has_table else {}

    def _look(self, mapping: RowMapping, which: Which) -> None:
        """Have a mapping's databases looked at, or hold it."""
        try:
            self._reading(mapping, which)
            self._held.pop(mapping.name, None)
        except StranglerError as error:
            self._held[mapping.name] = str(error), self.clock() + _AGAIN

    def _reading(self, mapping: RowMapping, which: Which) -> Reading:
        place = mapping.name, which
        if place not in self._readings:
            with opened(self.plan.databases, mapping.source.database, mapping.target.database) as (old, new):
                self._readings[place] = Reading(mapping, which, paired(self.plan, mapping.name, old, new))
        return self._readings[place]

    def _told(self, connection: Connection, name: str, which: Which, rows: Sequence[Any]) -> dict[int, list[Emitted]]:
        """By row, the events of one mapping."""
        mapping = self.plan.mapping(name)
        here = {feed.name for feed in feeds(mapping, which)}
        until = _owned_until(connection, name, which)
        mine = [row for row in rows if row.feed in here and (until is None or row.at <= until)]
        changes = [(row.id, change) for row in mine for change in self._changes(name, which, row)]
        reading = self._reading(mapping, which)
        found: dict[int, list[Emitted]] = {}
        for (number, change), event in zip(changes, _events(connection, reading, [each for _, each in changes]), strict=True):
            if event is not None:
                found.setdefault(number, []).append(_as_event(reading, change, event))
        return found

    def _changes(self, mapping: str, which: Which, row: Any) -> Iterator[Change]:
        """One key each."""
        name = f"{mapping}.{which}.{row.id}.{row.at}"  # numbers begin anew when capture was removed; the moment does not
        was, is_ = row.operation != "I", row.operation != "D"
        lost = (was and row.old_row is None) or (is_ and row.new_row is None)
        make = partial(Change, database=self.database, mapping=mapping, which=which, at=row.at, lost=lost)
        if row.old_key is not None:
            yield make(f"{name}.old", key=row.old_key, before=row.old_row, after=None)
            yield make(name, key=row.key, before=None, after=row.new_row)
        else:
            yield make(name, key=row.key, before=row.old_row, after=row.new_row)


def databases(plan: Plan) -> tuple[str, ...]:
    """The databases that anything may be emitted in."""
    emitting = [mapping for mapping in plan.mappings if mapping.emit is not None]
    return tuple(dict.fromkeys(name for each in emitting for name in (each.source.database, each.target.database)))


def database_of(payload: bytes) -> str:
    """Where an `UNMAPPED` payload comes from; empty if it does not say."""
    try:
        return str(json.loads(payload)["database"])
    except (ValueError, KeyError, TypeError):
        return ""


def _sides(mapping: RowMapping, names: Collection[str]) -> tuple[Which, ...]:
    if mapping.emit is None:
        return ()
    both: tuple[tuple[Which, str], ...] = (("old", mapping.source.database), ("new", mapping.target.database))
    return tuple(which for which, name in both if name in names)


def _heard(rows: Iterable[Any], listeners: Mapping[str, Sequence[tuple[RowMapping, Which]]]) -> dict[tuple[str, Which], None]:
    return {(mapping.name, which): None for row in rows for mapping, which in listeners[row.feed]}


def _oldest(connection: Connection, listeners: Mapping[str, Any], rows: int, size: int) -> Sequence[Any]:
    """How large they are first: what is too much at once must not come into memory."""
    length = func.coalesce(func.length(EMITTED.c.old_row), 0) + func.coalesce(func.length(EMITTED.c.new_row), 0)
    query = select(EMITTED.c.id, length).where(EMITTED.c.feed.in_(list(listeners))).order_by(EMITTED.c.id).limit(rows)
    chosen: list[int] = []
    total = 0
    for number, bytes_ in connection.execute(query):
        if chosen and total + bytes_ > size:
            break
        chosen.append(number)
        total += bytes_
    if not chosen:
        return []
    return connection.execute(select(EMITTED).where(EMITTED.c.id.in_(chosen)).order_by(EMITTED.c.id)).all()


def _owned_until(connection: Connection, mapping: str, which: Which) -> int | None:
    """When this side's rows stopped being the application's, µs; None if it owns them. What is written later is an accident that
    the row relay tells of, and that is overwritten."""
    if not inspect(connection).has_table(OWNER.name):
        return None if which == "old" else 0
    row = connection.execute(select(OWNER.c.owner, OWNER.c.changed_at).where(OWNER.c.mapping == mapping)).first()
    owner, since = ("old", 0) if row is None else (row.owner, row.changed_at)
    return None if owner == which else int(since)


def _events(connection: Connection, reading: Reading, changes: Sequence[Change]) -> list[Emitted | Unmappable | None]:
    """What each of the changes is; all rows of them are read in one go."""
    wrong = [_unreadable(reading, change) for change in changes]
    rows = [row for change, why in zip(changes, wrong, strict=True) if not why for row in (change.before, change.after) if row]
    mapped = iter(evaluate(connection, reading.side, rows))
    found: list[Emitted | Unmappable | None] = []
    for change, why in zip(changes, wrong, strict=True):
        if why:
            found.append(why)
        else:
            before, after = (_written(reading, next(mapped)) if row else None for row in (change.before, change.after))
            found.append(_event(reading, change, before, after))
    return found


def _unreadable(reading: Reading, change: Change) -> Unmappable | None:
    if change.lost:
        return Unmappable(_LOST)
    for row in filter(None, (change.before, change.after)):
        missing = sorted(reading.needed - parse(row).keys())
        if missing:
            return Unmappable(f"it was captured without {', '.join(missing)}: `data capture install` makes the triggers anew")
    return None


def _written(reading: Reading, found: Raw | Failed | None) -> str | Unmappable | None:
    if isinstance(found, Failed):
        return Unmappable(found.why)
    return None if found is None else reading.written(found)


def _event(
    reading: Reading, change: Change, before: str | Unmappable | None, after: str | Unmappable | None
) -> Emitted | Unmappable | None:
    for each in (before, after):
        if isinstance(each, Unmappable):
            return each
    assert not isinstance(before, Unmappable)
    assert not isinstance(after, Unmappable)
    if before == after:
        return None
    what = "created" if before is None else "deleted" if after is None else "updated"
    said = payload.of_change(before, after)
    return Emitted(change.name, f"{reading.mapping.emit}.{what}", _key(reading, change), said, change.at)


def _as_event(reading: Reading, change: Change, found: Emitted | Unmappable) -> Emitted:
    if isinstance(found, Emitted):
        return found
    what = "created" if change.before is None else "deleted" if change.after is None else "updated"
    type_ = f"{reading.mapping.emit}.{what}"
    return Emitted(change.name, type_, _key(reading, change), change.document(), change.at, UNMAPPED)


def _key(reading: Reading, change: Change) -> str:
    """``customer/7``, ``line/[5,1]``: no other mapping's, so that one that stands still holds up nothing but itself."""
    try:
        key: Key = reading.side.parse_key_text(change.key)
    except UsageError:
        return f"{reading.mapping.emit}/{change.key}"
    return f"{reading.mapping.emit}/{key[0] if len(key) == 1 else key_text(key)}"
