"""The journal's rows: entries in, entries out, in a transaction that somebody else has opened. Rows are never changed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.core.units import Share
from strangler.store import schema
from strangler.store.adding import insert
from strangler.store.text import clean, fit


def append(connection: Connection, entries: Iterable[Entry]) -> None:
    """Add entries. One that is there already, by its id, is left as it is."""
    rows = [_row(entry) for entry in entries]
    if rows:
        connection.execute(insert(connection, schema.journal).on_conflict_do_nothing(index_elements=["id"]), rows)


def read(connection: Connection, route: str | None, since: float | None, limit: int | None) -> list[Entry]:
    """Entries, oldest first; the newest ones if there may only be so many."""
    table = schema.journal
    query = select(table).order_by(table.c.at.desc(), table.c.number.desc())
    if route is not None:
        query = query.where(table.c.route == clean(route))
    if since is not None:
        query = query.where(table.c.at >= since)
    return [_entry(row) for row in connection.execute(query.limit(limit))][::-1]


def _row(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind.value,
        "flip": entry.flip,
        "at": entry.at,
        "actor": fit(entry.actor),
        "route": clean(entry.route),
        "before_stage": entry.before.stage.value,
        "before_weight": entry.before.weight,
        "after_stage": entry.after.stage.value,
        "after_weight": entry.after.weight,
        "reason": fit(entry.reason),
        "forced": entry.forced,
        "verdict": entry.verdict,
        "evidence": json.dumps([dict(finding) for finding in entry.evidence]),
        "digest": entry.digest,
    }


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        kind=Kind(row.kind),
        flip=row.flip,
        at=row.at,
        actor=row.actor,
        route=row.route,
        before=Place(Stage(row.before_stage), Share(row.before_weight)),
        after=Place(Stage(row.after_stage), Share(row.after_weight)),
        reason=row.reason,
        forced=row.forced,
        verdict=row.verdict,
        evidence=tuple(json.loads(row.evidence)),
        digest=row.digest,
    )
