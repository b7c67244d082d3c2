"""The undo journal: whole rows as they were, kept in the same transaction that changes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, inspect, select

from reconcile.applying.change import Change, Verb
from reconcile.databases import tables
from reconcile.databases.chunk import Key
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import key_text
from reconcile.mapping.pipeline import Row as MappedRow
from reconcile.relaying.tables import ROGUE
from reconcile.repairing import exact
from reconcile.repairing.exact import Values
from reconcile.repairing.plan import Item, why_not
from reconcile.repairing.tables import JOURNAL, METADATA
from reconcile.repairing.whole import Whole, whole
from reconcile.reports.report import Drift

APPLIED, UNDONE = "applied", "undone"
FIGHT_TIMES, FIGHT_DAYS = 3, 7
_DAY = 86_400_000_000  # microseconds
_KEYS_AT_ONCE = 400

_FROZEN = f"frozen: repaired {FIGHT_TIMES} times within {FIGHT_DAYS} days, so something else writes it"
_KINDS = {Verb.INSERT: Drift.MISSING, Verb.REVIVE: Drift.MISSING, Verb.UPDATE: Drift.CHANGED, Verb.DELETE: Drift.EXTRA}


class Journal:
    """A witness of the applier: it says which planned rows to leave alone, and keeps the others as they were.

    Attributes:
        left: keys that were left alone, with why; `written` those that were changed.
    """

    def __init__(self, pair: Pair, plan: str, items: Mapping[Key, Item]) -> None:
        self.pair, self.plan, self.items = pair, plan, items
        self.left: dict[Key, str] = {}
        self.written: set[Key] = set()
        self._kinds: dict[Key, Drift] = {}
        self._before: dict[Key, Values] = {}
        self._whole: Whole | None = None

    def leave(self, connection: Connection, changes: Sequence[Change], standing: Mapping[Key, MappedRow]) -> Collection[Key]:
        """Keys that must not be written. Called under the locks, after both sides were read and before anything is written."""
        self._kinds = {change.key: _KINDS[change.verb] for change in changes}
        self.left = {key: why for key, why in self.left.items() if key not in self._kinds}
        self.written -= self._kinds.keys()
        tired = fights(connection, self.pair.target.database, self.pair.mapping.name, list(self._kinds))
        for key, kind in self._kinds.items():
            row = standing.get(key)
            why = tired.get(key) or self._why_not(key, kind, None if row is None else row.cells)
            if why:
                self.left[key] = why
        admitted = sorted(self._kinds.keys() - self.left.keys())
        self._before = self._rows(connection, admitted)
        self._kinds = {key: self._kinds[key] for key in admitted}
        return self.left.keys() & {change.key for change in changes}

    def record(self, connection: Connection) -> None:
        """Keep what was written. Called before the commit; a row that could not be written is as it was, and is passed over."""
        after = self._rows(connection, list(self._kinds))
        changed = [key for key in self._kinds if exact.fingerprint(self._before.get(key)) != exact.fingerprint(after.get(key))]
        if changed:
            moment = connection.execute(select(now(self.pair.target.database))).scalar_one()
            rows = [self._row(key, self._before.get(key), after.get(key)) | {"at": moment} for key in changed]
            connection.execute(JOURNAL.insert(), rows)
        self.written.update(changed)

    def _why_not(self, key: Key, kind: Drift, cells: Any) -> str | None:
        item = self.items.get(key)
        return "it is not in the plan" if item is None else why_not(item, self.plan, kind, cells)

    def _rows(self, connection: Connection, keys: list[Key]) -> dict[Key, Values]:
        self._whole = self._whole or whole(connection, self.pair)
        return self._whole.rows(connection, keys)

    def _row(self, key: Key, before: Values | None, after: Values | None) -> dict[str, Any]:
        return {
            "plan": self.plan,
            "mapping": self.pair.mapping.name,
            "key": key_text(key),
            "kind": self._kinds[key].value,
            "before": None if before is None else exact.write(before),
            "after": exact.fingerprint(after),
            "state": APPLIED,
        }


@dataclass(frozen=True, slots=True)
class Repair:
    """One plan's part in one database's journal; `at` is in microseconds on that database's clock."""

    plan: str
    database: str
    mappings: tuple[str, ...]
    at: int
    applied: int
    undone: int


def ensure(database: Database) -> None:
    """Create the table if it is not there yet."""
    tables.ensure(database, METADATA)


def fights(connection: Connection, database: Database, mapping: str, keys: Iterable[Key]) -> dict[Key, str]:
    """Keys that were repaired so often lately that somebody else must be writing them, with who that is if it is known."""
    texts = {key_text(key): key for key in keys}
    if not texts or not inspect(connection).has_table(JOURNAL.name):
        return {}
    known = inspect(connection).has_table(ROGUE.name)
    found: dict[Key, str] = {}
    for start in range(0, len(texts), _KEYS_AT_ONCE):
        for text in _often(connection, database, mapping, list(texts)[start : start + _KEYS_AT_ONCE]):
            found[texts[text]] = _FROZEN + (_writer(connection, mapping, text) if known else "")
    return found


def _often(connection: Connection, database: Database, mapping: str, texts: Sequence[str]) -> Sequence[str]:
    query = (
        select(JOURNAL.c.key)
        .where(JOURNAL.c.mapping == mapping, JOURNAL.c.key.in_(texts), JOURNAL.c.state == APPLIED)
        .where(JOURNAL.c.at > now(database) - FIGHT_DAYS * _DAY)
        .group_by(JOURNAL.c.key)
        .having(func.count() >= FIGHT_TIMES)
    )
    return connection.execute(query).scalars().all()


def _writer(connection: Connection, mapping: str, text: str) -> str:
    """Capture of the repaired side, where it is installed, has seen whose writes were not ours."""
    row = connection.execute(select(ROGUE).where(ROGUE.c.mapping == mapping, ROGUE.c.key == text)).first()
    return "" if row is None else f": {row.writes:,} writes, the last by {row.origin or 'an application'}"


def entries(connection: Connection, plan: str) -> Sequence[Row[Any]]:
    """What a plan wrote that is not undone yet, the last first."""
    if not inspect(connection).has_table(JOURNAL.name):
        return []
    query = select(JOURNAL).where(JOURNAL.c.plan == plan, JOURNAL.c.state == APPLIED).order_by(JOURNAL.c.id.desc())
    return connection.execute(query).all()


def repairs(connection: Connection, database: Database) -> list[Repair]:
    """Every plan in a database's journal."""
    if not inspect(connection).has_table(JOURNAL.name):
        return []
    columns = (JOURNAL.c.plan, JOURNAL.c.mapping, JOURNAL.c.state)
    query = select(*columns, func.min(JOURNAL.c.at).label("at"), func.count().label("rows")).group_by(*columns)
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.plan, []).append(row)
    return [_repair(plan, database, rows) for plan, rows in found.items()]


def _repair(plan: str, database: Database, rows: Sequence[Any]) -> Repair:
    mappings = tuple(dict.fromkeys(row.mapping for row in rows))
    counts = {state: sum(int(row.rows) for row in rows if row.state == state) for state in (APPLIED, UNDONE)}
    return Repair(plan, database.name, mappings, min(row.at for row in rows), counts[APPLIED], counts[UNDONE])


def prune(database: Database, days: float, at_once: int = 1000) -> int:
    """Forget what is older, a few rows at a time. Returns how many."""
    pruned = 0
    while True:
        with database.writing() as connection:
            if not inspect(connection).has_table(JOURNAL.name):
                return pruned
            old = JOURNAL.c.at < now(database) - int(days * _DAY)
            ids = connection.execute(select(JOURNAL.c.id).where(old).order_by(JOURNAL.c.id).limit(at_once)).scalars().all()
            connection.execute(JOURNAL.delete().where(JOURNAL.c.id.in_(ids)))
        pruned += len(ids)
        if len(ids) < at_once:
            return pruned
