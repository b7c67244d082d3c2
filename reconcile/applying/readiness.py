"""What has to be there before anything is applied: our tables in the target, and this mapping's rows in them. Looked at once
per open database.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, inspect

from reconcile.applying import deletions
from reconcile.databases import tables
from reconcile.databases.pair import Pair
from reconcile.owning import ownership
from reconcile.owning.tables import OWNER

_ready: WeakKeyDictionary[Engine, set[str]] = WeakKeyDictionary()
_told: WeakKeyDictionary[Engine, bool] = WeakKeyDictionary()


def prepare(pair: Pair) -> None:
    """Create what is missing in the target."""
    database, mapping = pair.target.database, pair.mapping.name
    ready = _ready.setdefault(database.engine, set())
    if mapping in ready:
        return
    ownership.ensure_tables(database)
    tables.ensure(database, deletions.METADATA)
    ownership.ensure_row(database, mapping)
    deletions.ensure_row(database, mapping)
    ready.add(mapping)


def tells_owner(connection: Connection) -> bool:
    """Whether a source says who owns its mappings. One that does not was never part of a move, and belongs to the old side."""
    if not _told.get(connection.engine):
        _told[connection.engine] = inspect(connection).has_table(OWNER.name)
    return _told[connection.engine]
