"""What every backfill of a plan is doing, or how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, inspect, select

from reconcile.backfilling import watermark
from reconcile.backfilling.tables import BACKFILL
from reconcile.databases.clock import now
from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Plan

_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Status:
    """One mapping's backfill.

    Attributes:
        state: running, paused, stopped (run it again to go on), waiting (every key was walked, some rows wait for others), done.
        rows, total: keys applied, of how many there were when it began.
        seconds_ago: since it last said something; `seconds` since it began, until then.
        deferred, skipped: keys with why.
    """

    mapping: str
    state: str
    why: str
    rows: int
    total: int
    chunks: int
    seconds: float
    seconds_ago: float
    deferred: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        names = ("mapping", "state", "why", "rows", "total", "chunks", "seconds", "seconds_ago")
        lists = {"deferred": dict(self.deferred), "skipped": dict(self.skipped)}
        return {name: getattr(self, name) for name in names} | lists


def statuses(plan: Plan) -> list[Status]:
    """In the order of the file; mappings that were never backfilled are left out. Writes nothing."""
    found: dict[str, Status] = {}
    names = dict.fromkeys(mapping.target.database for mapping in plan.mappings) | dict.fromkeys(
        mapping.source.database for mapping in plan.mappings
    )
    with opened(plan.databases, *names) as databases:
        for database in databases:
            for status in _read(database):
                older = found.get(status.mapping)
                found[status.mapping] = status if older is None or status.seconds_ago < older.seconds_ago else older
    return [found[name] for name in plan.names if name in found]


def _read(database: Database) -> list[Status]:
    with database.reading() as connection:
        if not inspect(connection).has_table(BACKFILL.name):
            return []
        moment = connection.execute(select(now(database))).scalar_one()
        return [_status(row, moment) for row in connection.execute(select(BACKFILL).where(BACKFILL.c.definition != ""))]


def _status(row: Row[Any], moment: int) -> Status:
    place = watermark.read_place(row)
    state, why = row.state, row.why or ""
    if state in (watermark.RUNNING, watermark.PAUSED) and row.lease_until <= moment:
        state, why = watermark.STOPPED, "it was killed, or lost its database: run it again to go on"
    seconds, ago = (row.changed_at - row.started_at) / _MICROSECONDS, (moment - row.changed_at) / _MICROSECONDS
    return Status(row.mapping, state, why, place.rows, place.total, place.chunks, seconds, ago, place.deferred, place.skipped)
