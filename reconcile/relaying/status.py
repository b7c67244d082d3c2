"""How relaying stands: per mapping for a person and the guard, and per captured database how old what is copied may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, case, func, inspect, select

from reconcile.capturing.feed import Feed, feeds
from reconcile.capturing.tables import BEAT, OUTBOX
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW, OLD, standing
from reconcile.relaying.tables import DEAD, DEFERRED, PENDING, PROGRESS, ROGUE, WAITING
from reconcile.relaying.watched import watched


@dataclass(frozen=True, slots=True)
class MappingStatus:
    """One mapping, in the database of its owner. Times in seconds.

    Attributes:
        state, why: running, failing or halted, as the relay last said, `noted` ago; None if no relay ever did.
        waiting, deferred, dead: keys; `oldest` the age of the oldest change among the first two, None if there is none.
        applied: keys so far, by all relays.
        rogue_keys, rogue_writes: written on the other side by someone else; `rogue_key` the latest.
        stranded: keys that wait in the database that is not the owner's any more, and that nobody takes.
    """

    mapping: str
    database: str
    state: str | None
    why: str
    noted: float | None
    waiting: int
    deferred: int
    dead: int
    oldest: float | None
    applied: int
    rogue_keys: int = 0
    rogue_writes: int = 0
    rogue_key: str | None = None
    stranded: int = 0


@dataclass(frozen=True, slots=True)
class StationStatus:
    """One captured database. Times in seconds.

    Attributes:
        lag: every change that was committed before then has been collected. None before the first heartbeat has come through:
            then nothing is known.
        beat: since the last heartbeat that came through left.
        relay: since a relay was last here; None if never.
        outbox: rows not collected yet; `outbox_oldest` the age of the oldest.
        unheard: rows of feeds that no mapping of this file listens to: nobody takes them.
    """

    database: str
    lag: float | None
    beat: float | None
    relay: float | None
    outbox: int
    outbox_oldest: float | None
    unheard: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """Everything, in the order of the file."""

    stations: tuple[StationStatus, ...]
    mappings: tuple[MappingStatus, ...]

    def lag(self, name: str) -> float | None:
        """How old what a mapping's other side shows may be, in seconds: every change that was committed before then is applied,
        or is a dead letter. None if it is not known. Keys that wait in one mapping do not make another late."""
        mapping = next((each for each in self.mappings if each.mapping == name), None)
        station = next((each for each in self.stations if mapping and each.database == mapping.database), None)
        if mapping is None or station is None or station.lag is None:
            return None
        return max(station.lag, mapping.oldest or 0.0)

    def document(self) -> dict[str, Any]:
        return asdict(self)


def status(plan: Plan) -> RelayStatus:
    """Ask every database that a relay has been at work in."""
    with watched(plan) as databases:
        looks = {database.name: _look(plan, database) for database in databases}
    found = [_mapping(plan, name, looks) for name in plan.names]
    return RelayStatus(tuple(look.station for look in looks.values()), tuple(each for each in found if each))


@dataclass(frozen=True, slots=True)
class _Look:
    """What one database says."""

    station: StationStatus
    owners: Mapping[str, str]
    pending: Mapping[str, Any]
    progress: Mapping[str, Any]
    rogues: Mapping[str, Any]
    instant: int


def _look(plan: Plan, database: Database) -> _Look:
    owners = {name: standing(database, name).owner for name in plan.names}
    with database.reading() as connection:
        instant = connection.execute(select(now(database))).scalar_one()
        pending = {row.mapping: row for row in connection.execute(_PENDING)}
        progress = {row.name: row for row in connection.execute(select(PROGRESS))}
        rogues = {row.mapping: row for row in connection.execute(_ROGUES)}
        by_age = select(ROGUE.c.mapping, ROGUE.c.key).order_by(ROGUE.c.last_at)
        latest = {row.mapping: row.key for row in connection.execute(by_age)}
        outbox = _outbox(connection)
    station = _station(plan, database.name, progress.get(""), outbox, instant)
    return _Look(station, owners, pending, progress, {name: (row, latest.get(name)) for name, row in rogues.items()}, instant)


def _counted(state: str) -> Any:
    return func.coalesce(func.sum(case((PENDING.c.state == state, 1), else_=0)), 0)


_PENDING = select(
    PENDING.c.mapping,
    _counted(WAITING).label("waiting"),
    _counted(DEFERRED).label("deferred"),
    _counted(DEAD).label("dead"),
    func.min(case((PENDING.c.state != DEAD, PENDING.c.first_at), else_=None)).label("oldest"),
).group_by(PENDING.c.mapping)
_ROGUES = select(ROGUE.c.mapping, func.count().label("many"), func.sum(ROGUE.c.writes).label("writes")).group_by(ROGUE.c.mapping)


def _outbox(connection: Connection) -> list[Any]:
    if not inspect(connection).has_table(OUTBOX.name):
        return []
    changes = and_(OUTBOX.c.operation != BEAT)
    query = select(OUTBOX.c.feed, func.count().label("rows"), func.min(OUTBOX.c.at).label("oldest"))
    return [tuple(row) for row in connection.execute(query.where(changes).group_by(OUTBOX.c.feed))]


def _station(plan: Plan, name: str, whole: Any, outbox: list[Any], instant: int) -> StationStatus:
    heard = {feed.name for feed in _feeds(plan, name)}
    waits = [(rows, oldest) for feed, rows, oldest in outbox if feed in heard]
    beat = None if whole is None or whole.beat_at is None else _age(whole.beat_at, instant)
    ages = [_age(oldest, instant) for _, oldest in waits]
    return StationStatus(
        name,
        None if beat is None else max(beat, *ages, 0.0),
        beat,
        None if whole is None else _age(whole.at, instant),
        sum(rows for rows, _ in waits),
        max((_age(moment, instant) for _, moment in waits), default=None),
        {feed: rows for feed, rows, _ in outbox if feed not in heard},
    )


def _feeds(plan: Plan, database: str) -> list[Feed]:
    read = [feed for mapping in plan.mappings if mapping.source.database == database for feed in feeds(mapping, "old")]
    return read + [feed for mapping in plan.mappings if mapping.target.database == database for feed in feeds(mapping, "new")]


def _mapping(plan: Plan, name: str, looks: Mapping[str, _Look]) -> MappingStatus | None:
    mapping = plan.mapping(name)
    sides = {OLD: mapping.source.database, NEW: mapping.target.database}
    owner = next((looks[each].owners[name] for each in sides.values() if each in looks), OLD)
    here, there = looks.get(sides[owner]), looks.get(sides[NEW if owner == OLD else OLD])
    if here is None:
        return None
    waits, noted = here.pending.get(name), here.progress.get(name)
    rogue, latest = there.rogues.get(name, (None, None)) if there else (None, None)
    left = there.pending.get(name) if there and there is not here else None
    return MappingStatus(
        name,
        sides[owner],
        noted.state if noted else None,
        (noted.why or "") if noted else "",
        _age(noted.at, here.instant) if noted else None,
        int(waits.waiting) if waits else 0,
        int(waits.deferred) if waits else 0,
        int(waits.dead) if waits else 0,
        _age(waits.oldest, here.instant) if waits and waits.oldest is not None else None,
        noted.applied if noted else 0,
        rogue.many if rogue else 0,
        int(rogue.writes) if rogue else 0,
        latest,
        int(left.waiting + left.deferred) if left else 0,
    )


def _age(moment: int, instant: int) -> float:
    return max(0, instant - moment) / 1e6
