"""How far a backfill is, kept in the target; only the process that holds the lease moves it.

It is saved after its chunk, in a transaction of its own. That is safe because a chunk writes what is true when it is applied:
whoever is killed in between applies the chunk once more, and a late process whose lease was taken writes nothing stale either,
it only cannot move the watermark.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.backfilling.tables import BACKFILL, METADATA
from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from strangler.core.errors import Refusal, UsageError

RUN, PAUSE = "run", "pause"
RUNNING, PAUSED, STOPPED, WAITING, DONE = "running", "paused", "stopped", "waiting", "done"
LEASE_SECONDS = 15.0
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """How far a walk over all keys is; keys as JSON text.

    Attributes:
        low: where the next chunk begins.
        rows: keys applied so far; `total` the source's rows when the walk began.
        deferred: keys that wait for another row, with why; `skipped` those that were passed over.
    """

    low: str | None = None
    chunks: int = 0
    rows: int = 0
    total: int = 0
    deferred: Mapping[str, str] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def walked(self) -> bool:
        """Every key was in a chunk."""
        return self.low is None and self.chunks > 0


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to move one mapping's watermark. Whoever takes it over writes another token, and this one is void."""

    database: Database
    mapping: str
    token: str
    seconds: float = LEASE_SECONDS

    def save(self, place: Place, state: str = RUNNING, why: str | None = None) -> str:
        """Move the watermark and renew the lease (an ended walk gives it up). Returns what is wanted: run or pause.

        Raises Refusal if someone else has taken over.
        """
        with self.database.writing() as connection:
            row = _locked(connection, self.mapping)
            if row is None or row.token != self.token:
                raise Refusal(f"{self.mapping}: another backfill has taken over, so this one stops; nothing is lost")
            lease = self.seconds if state in (RUNNING, PAUSED) else 0
            _write(self.database, connection, self.mapping, _columns(place) | {"state": state, "why": why}, lease)
            return str(row.wanted)


def take(lease: Lease, definition: str, total: int, *, restart: bool = False) -> Place:
    """Take the lease, and go on where the last walk stopped; from the beginning if that one ended or was of another mapping.

    Raises Refusal while another process holds it.
    """
    tables.ensure(lease.database, METADATA)
    _ensure_row(lease)
    with lease.database.writing() as connection:
        row = _locked(connection, lease.mapping)
        assert row is not None
        moment = connection.execute(select(now(lease.database))).scalar_one()
        if row.lease_until > moment:
            raise Refusal(_held(lease.mapping, (row.lease_until - moment) / _MICROSECONDS))
        afresh = restart or row.state == DONE or row.definition != definition
        place = Place(total=total) if afresh else read_place(row)
        begun = {"definition": definition, "started_at": moment} if afresh else {}
        begun |= {"token": lease.token, "wanted": RUN, "state": RUNNING, "why": None}
        _write(lease.database, connection, lease.mapping, _columns(place) | begun, lease.seconds)
        return place


def tell(database: Database, mapping: str, wanted: str) -> None:
    """Pause the backfill that runs, or let it go on. Raises UsageError if there is none."""
    tables.ensure(database, METADATA)
    with database.writing() as connection:
        row = _locked(connection, mapping)
        moment = connection.execute(select(now(database))).scalar_one()
        if row is None or row.lease_until <= moment:
            raise UsageError(f"no backfill of {mapping} is running: `backfill {mapping}` starts it, or goes on where it stopped")
        connection.execute(update(BACKFILL).where(BACKFILL.c.mapping == mapping).values(wanted=wanted))


def read_place(row: Row[Any]) -> Place:
    """A place as it was saved."""
    return Place(row.low, row.chunks, row.rows, row.total, json.loads(row.deferred), json.loads(row.skipped))


def _columns(place: Place) -> dict[str, Any]:
    return {
        "low": place.low,
        "chunks": place.chunks,
        "rows": place.rows,
        "total": place.total,
        "deferred": json.dumps(dict(place.deferred), ensure_ascii=False),
        "skipped": json.dumps(dict(place.skipped), ensure_ascii=False),
    }


def _locked(connection: Connection, mapping: str) -> Row[Any] | None:
    return connection.execute(select(BACKFILL).where(BACKFILL.c.mapping == mapping).with_for_update()).first()


def _write(database: Database, connection: Connection, mapping: str, values: dict[str, Any], lease: float) -> None:
    times = {"changed_at": now(database), "lease_until": now(database) + int(lease * _MICROSECONDS)}
    connection.execute(update(BACKFILL).where(BACKFILL.c.mapping == mapping).values(values | times))


def _ensure_row(lease: Lease) -> None:
    """A row to lock. Two processes may begin at once; then one of them finds it there."""
    empty = _columns(Place()) | {"mapping": lease.mapping, "definition": "", "state": STOPPED, "wanted": RUN, "why": None}
    empty |= {"started_at": 0, "changed_at": 0, "token": "", "lease_until": 0}
    with lease.database.writing() as connection:
        if _locked(connection, lease.mapping) is None:
            try:
                with connection.begin_nested():
                    connection.execute(BACKFILL.insert(), empty)
            except IntegrityError:
                return


def _held(mapping: str, seconds: float) -> str:
    return (
        f"{mapping}: another backfill is at work (or died within the last {LEASE_SECONDS:.0f} s): wait for it, pause it with "
        f"`backfill {mapping} --pause`, or try again in {seconds:.0f} s"
    )
