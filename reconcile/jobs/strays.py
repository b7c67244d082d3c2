"""What may have left drift behind since all rows were looked at last: keys let go, writes by somebody else, stranded changes.

Times are compared as ages, each on the clock of the database that told it: the state database's clock may be another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, and_, func, or_, select

from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW
from reconcile.relaying.tables import DEAD, PENDING, ROGUE, SKIPPED
from reconcile.relaying.watched import watched

_MICROSECONDS = 1_000_000
_EVER = 100 * 365 * 86_400.0  # seconds

Ages = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Strays:
    """Of one mapping: keys that were skipped, rows somebody else wrote (the latest of them), keys that nobody takes."""

    skipped: int = 0
    rogue: int = 0
    rogue_key: str = ""
    stranded: int = 0


def strays(plan: Plan, owners: Mapping[str, str], since: Ages) -> dict[str, Strays]:
    """By mapping, where there are any.

    Args:
        owners: the owning side of each mapping; one that is missing is left out.
        since: seconds since the last clean full pass began, by mapping; without one, everything counts.
    """
    with watched(plan) as databases:
        looks = {database.name: _look(database, {name: since.get(name, _EVER) for name in owners}) for database in databases}
    nothing = _Look({}, {}, {}, {})
    found = {}
    for name, owner in owners.items():
        mapping = plan.mapping(name)
        sides = [mapping.source.database, mapping.target.database]
        here, there = (looks.get(side, nothing) for side in (reversed(sides) if owner == NEW else sides))
        stranded = there.waiting.get(name, 0) if sides[0] != sides[1] else 0
        each = Strays(here.skipped.get(name, 0), there.rogues.get(name, 0), there.latest.get(name, ""), stranded)
        if each != Strays():
            found[name] = each
    return found


@dataclass(frozen=True, slots=True)
class _Look:
    """One database, by mapping."""

    skipped: Mapping[str, int]
    rogues: Mapping[str, int]
    latest: Mapping[str, str]
    waiting: Mapping[str, int]


def _look(database: Database, since: Ages) -> _Look:
    with database.reading() as connection:
        instant = int(connection.execute(select(now(database))).scalar_one())
        moments = {name: instant - int(age * _MICROSECONDS) for name, age in since.items()}
        rogues = _counted(connection, ROGUE, ROGUE.c.last_at, moments)
        newest = select(ROGUE.c.mapping, ROGUE.c.key).order_by(ROGUE.c.last_at)
        return _Look(
            _counted(connection, SKIPPED, SKIPPED.c.at, moments),
            rogues,
            {row.mapping: row.key for row in connection.execute(newest)} if rogues else {},
            _counted(connection, PENDING, PENDING.c.first_at, moments, PENDING.c.state != DEAD),
        )


def _counted(connection: Connection, table: Any, at: Column[int], moments: Mapping[str, int], *where: Any) -> dict[str, int]:
    if not moments:
        return {}
    later = or_(*(and_(table.c.mapping == name, at > moment) for name, moment in moments.items()))
    query = select(table.c.mapping, func.count().label("many")).where(later, *where).group_by(table.c.mapping)
    return {row.mapping: int(row.many) for row in connection.execute(query)}
