"""Keys that changed since the last clean pass: noted by the relay as it collects them, forgotten when a pass found them equal.

One row per mapping and key, in the captured database, however often the key changed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Column, Connection, MetaData, delete, select
from sqlalchemy.dialects import mysql, sqlite

from reconcile.databases import tables
from reconcile.databases.database import Database

METADATA = MetaData()

TOUCHED = tables.table(
    "strangler_touched",
    METADATA,
    Column("mapping", tables.name(), primary_key=True),
    Column("key", tables.key_text(), primary_key=True),
    tables.moment("at", nullable=False),  # of its newest change that was collected
)
_AT_ONCE = 500

Place = tuple[str, str]


def ensure(database: Database) -> None:
    """Create the table if it is not there yet."""
    tables.ensure(database, METADATA)


def note(connection: Connection, places: Sequence[Place], instant: int) -> None:
    """These mappings' keys (JSON texts, in one order for all who note) changed. Within the transaction that collects them."""
    if not places:
        return
    if connection.dialect.name == "postgresql":  # one statement, and one plan
        connection.exec_driver_sql(_UNNESTED, (instant, *(list(column) for column in zip(*places, strict=True))))
    else:
        rows = [{"mapping": mapping, "key": key, "at": instant} for mapping, key in places]
        connection.execute(_UPSERTS[connection.dialect.name], rows)


def keys(connection: Connection, mapping: str) -> dict[str, int]:
    """Texts of the keys of a mapping, and when each was collected last."""
    query = select(TOUCHED.c.key, TOUCHED.c.at).where(TOUCHED.c.mapping == mapping)
    return {row.key: row.at for row in connection.execute(query)}


def forget(connection: Connection, mapping: str, before: int, only: Collection[str] | None = None) -> None:
    """Forget what did not change after a moment: all of it, or only some keys."""
    old = (TOUCHED.c.mapping == mapping, TOUCHED.c.at <= before)
    if only is None:
        connection.execute(delete(TOUCHED).where(*old))
        return
    listed = sorted(only)
    for start in range(0, len(listed), _AT_ONCE):
        connection.execute(delete(TOUCHED).where(*old, TOUCHED.c.key.in_(listed[start : start + _AT_ONCE])))


_SQLITE, _MARIADB = sqlite.insert(TOUCHED), mysql.insert(TOUCHED)
_UPSERTS = {
    "sqlite": _SQLITE.on_conflict_do_update(index_elements=["mapping", "key"], set_={"at": _SQLITE.excluded.at}),
    "mysql": _MARIADB.on_duplicate_key_update(at=_MARIADB.inserted.at),
}
_UNNESTED = (
    f"INSERT INTO {TOUCHED.name} (mapping, key, at) SELECT m, k, %s FROM unnest(%s::text[], %s::text[]) AS given (m, k) "
    "ON CONFLICT (mapping, key) DO UPDATE SET at = excluded.at"
)
