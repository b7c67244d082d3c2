"""Recent requests as rows, in a transaction that somebody else has opened: a ring, of which the oldest go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from sqlalchemy import Connection, func, or_, select

from strangler.core.recent import Place, Recent
from strangler.store import schema
from strangler.store.text import clean, fit

MOST = 50_000
OLDEST = 7 * 86_400.0  # seconds


def add(connection: Connection, requests: Iterable[Recent]) -> None:
    """Keep requests."""
    rows = [_row(recent) for recent in requests]
    if rows:
        connection.execute(schema.requests.insert(), rows)


def read(connection: Connection, since: float | None, limit: int | None) -> list[Recent]:
    """The newest requests, the oldest of them first."""
    table = schema.requests
    query = select(table).order_by(table.c.number.desc()).limit(limit)
    if since is not None:
        query = query.where(table.c.at >= since)
    return [_recent(row) for row in connection.execute(query)][::-1]


def forget(connection: Connection, now: float, most: int = MOST) -> int:
    """Remove what is too old or too much; how many that was. `now` in seconds since 1970."""
    table = schema.requests
    newest = connection.scalar(select(func.max(table.c.number))) or 0
    return connection.execute(table.delete().where(or_(table.c.at < now - OLDEST, table.c.number <= newest - most))).rowcount


def _row(recent: Recent) -> dict[str, Any]:
    return {
        "at": recent.at,
        "weight": recent.weight,
        "method": fit(recent.method),
        "target": fit(recent.target),
        "host": fit(recent.host),
        "seen": json.dumps(dict(recent.seen)),
        "route": clean(recent.route),
        "upstream": clean(recent.upstream),
        "copies_to": clean(recent.copies_to),
        "place": json.dumps(astuple(recent.place) if recent.place else None),
    }


def _recent(row: Any) -> Recent:
    place = json.loads(row.place)
    return Recent(
        row.at, row.weight, row.method, row.target, row.host, json.loads(row.seen),
        row.route, row.upstream, row.copies_to, Place(*place) if place else None,
    )  # fmt: skip
