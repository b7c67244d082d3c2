"""The databases of a plan in which a relay has been at work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import inspect

from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Plan
from reconcile.relaying.tables import PENDING


@contextmanager
def watched(plan: Plan) -> Iterator[tuple[Database, ...]]:
    """Those of the mappings' databases that have the relay's tables, open."""
    used = {name: None for mapping in plan.mappings for name in (mapping.source.database, mapping.target.database)}
    with opened(plan.databases, *used) as databases:
        yield tuple(database for database in databases if _has_tables(database))


def _has_tables(database: Database) -> bool:
    with database.reading() as connection:
        return inspect(connection).has_table(PENDING.name)
