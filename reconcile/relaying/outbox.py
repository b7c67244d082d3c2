"""Taking rows out of the outbox: whichever are visible, and never by an id from which on; a lower id may be committed later."""

from __future__ import annotations

import json
from collections.abc import Collection
from operator import itemgetter

from sqlalchemy import Connection, Table, delete, or_, select

from reconcile.capturing.tables import BEAT, OUTBOX
from reconcile.relaying.change import Change

_COLUMNS = (OUTBOX.c.feed, OUTBOX.c.key, OUTBOX.c.old_key, OUTBOX.c.operation, OUTBOX.c.origin, OUTBOX.c.at)


def take(connection: Connection, feeds: Collection[str], limit: int) -> list[Change]:
    """Delete at most so many of the oldest rows, and give them. They are back if the transaction does not commit.

    Rows of other feeds stay: whoever listens to them may not be open now. Rows that another relay is taking are passed over,
    and neither it nor a writer is waited for.
    """
    wanted = or_(OUTBOX.c.feed.in_(feeds), OUTBOX.c.operation == BEAT)
    oldest = select(OUTBOX.c.id).where(wanted).order_by(OUTBOX.c.id).limit(limit)
    if connection.dialect.name == "postgresql":
        chosen = delete(OUTBOX).where(OUTBOX.c.id.in_(oldest.with_for_update(skip_locked=True)))
        rows = connection.execute(chosen.returning(OUTBOX.c.id, *_COLUMNS)).all()
        return [Change(*row[1:]) for row in sorted(rows, key=itemgetter(0))]
    found = connection.execute(oldest.add_columns(*_COLUMNS).with_for_update(skip_locked=True)).all()
    if found:
        remove(connection, OUTBOX, [row[0] for row in found])
    return [Change(*row[1:]) for row in found]


_REMOVE = (  # one look into the key per id; left to choose, MariaDB reads a small table whole, and waits for writers' rows
    "DELETE o FROM JSON_TABLE(%s, '$[*]' COLUMNS (id BIGINT PATH '$')) AS taken "
    "STRAIGHT_JOIN {} AS o FORCE INDEX (PRIMARY) ON o.id = taken.id"
)


def remove(connection: Connection, table: Table, ids: list[int]) -> None:
    """Delete rows that writers add to all the time, without waiting for any of them."""
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql(_REMOVE.format(table.name), (json.dumps(ids),))
        return
    for start in range(0, len(ids), 500):
        connection.execute(delete(table).where(table.c.id.in_(ids[start : start + 500])))
