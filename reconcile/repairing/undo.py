"""Taking a repair back: rows that are still as it left them become what they were, the last written first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, update
from sqlalchemy.exc import DBAPIError

from reconcile.applying import locks
from reconcile.applying.trouble import masked
from reconcile.capturing import origin
from reconcile.databases.database import Database, brief, opened
from reconcile.databases.pair import Pair
from reconcile.mapping.model import Plan
from reconcile.owning import ownership
from reconcile.owning.direction import opened_from_owner
from reconcile.repairing import exact, journal
from reconcile.repairing.tables import JOURNAL
from reconcile.repairing.whole import Whole, whole
from strangler.core.errors import Refusal, UsageError

AT_ONCE = 200
_CHANGED = "the row has changed since it was repaired"


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of a plan's rows: how many are what they were, and which are left as they are, with why."""

    plan: str
    restored: int = 0
    left: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {"plan": self.plan, "restored": self.restored, "left": dict(self.left)}

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"plan {self.plan}: {self.restored:,} rows are what they were"
        yield from (f"  left alone {key}   {why}" for key, why in self.left.items())


def run(plan: Plan, token: str) -> Undone:
    """Undo a plan.

    Raises UsageError if nothing of it is left to undo, Refusal if applications write the repaired side by now.
    """
    found = _written(plan, token)
    if not found:
        raise UsageError(f"nothing of a plan {token!r} is left to undo: `repair list` shows those that can be undone")
    restored, left = 0, dict[str, str]()
    for mapping, rows in found:
        with opened_from_owner(plan, mapping) as (pair, owned):
            for start in range(0, len(rows), AT_ONCE):
                some = rows[start : start + AT_ONCE]
                kept = _undo(pair, owned, some)
                restored += len(some) - len(kept)
                left |= {f"{mapping} {key}": why for key, why in kept.items()}
    return Undone(token, restored, left)


def listed(plan: Plan) -> list[journal.Repair]:
    """Every plan in any database's journal, the newest first."""
    found: list[journal.Repair] = []
    with opened(plan.databases, *plan.databases) as databases:
        for database in databases:
            with database.reading() as connection:
                found += journal.repairs(connection, database)
    return sorted(found, key=lambda repair: repair.at, reverse=True)


def prune(plan: Plan, days: float) -> int:
    """Forget what is older than so many days, in every database."""
    with opened(plan.databases, *plan.databases) as databases:
        return sum(journal.prune(database, days) for database in databases)


def _written(plan: Plan, token: str) -> list[tuple[str, list[Row[Any]]]]:
    """The journal's rows, in runs of one mapping. Refused unless they stand on the side that only we write."""
    rows: list[tuple[str, Row[Any]]] = []
    with opened(plan.databases, *plan.databases) as databases:
        for database in databases:
            rows += [(database.name, row) for row in _entries(database, token)]
    for name, mapping in dict.fromkeys((name, row.mapping) for name, row in rows):
        with opened_from_owner(plan, mapping) as (pair, _):
            if pair.target.database.name != name:
                raise Refusal(f"{mapping}: applications write the {name} database now, so nothing is put back there")
    return [(mapping, [row for _, row in some]) for mapping, some in groupby(rows, lambda each: each[1].mapping)]


def _entries(database: Database, token: str) -> Sequence[Row[Any]]:
    with database.reading() as connection:
        return journal.entries(connection, token)


def _undo(pair: Pair, owned: ownership.Ownership, rows: Sequence[Row[Any]]) -> dict[str, str]:
    """Undo some rows in one transaction. Returns those that are left as they are, with why."""
    keys = {row.id: pair.source.parse_key_text(row.key) for row in rows}
    left: dict[str, str] = {}
    name, database = pair.mapping.name, pair.target.database
    with database.writing() as connection:
        origin.mark(connection, database.dialect, "repair")
        if ownership.read(connection, name, lock=True) != owned:
            raise Refusal(f"{name}: its owner is moving just now: nothing was put back")
        locks.lock(connection, database.dialect, name, set(keys.values()))
        table = whole(connection, pair)
        for row in rows:
            if why := _restore(table, connection, row, keys[row.id]):
                left[row.key] = why
    return left


def _restore(table: Whole, connection: Connection, row: Row[Any], key: Any) -> str | None:
    """Put one row back; why not, if it is not as the repair left it or the database will not take it."""
    now = table.rows(connection, [key]).get(key)
    if exact.fingerprint(now) != row.after:
        return _CHANGED
    try:
        with connection.begin_nested():
            table.restore(connection, key, now, None if row.before is None else exact.read(row.before))
    except DBAPIError as error:
        return masked(brief(error))
    connection.execute(update(JOURNAL).where(JOURNAL.c.id == row.id).values(state=journal.UNDONE))
    return None
