"""The database of a plan's outbox, for whoever asks how things stand there or deals with dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import inspect

from reconcile.databases.database import Database, opened
from reconcile.mapping.model import Plan
from reconcile.outbox.init import outbox_of
from reconcile.outbox.tables import SINK
from strangler.core.errors import UsageError
from strangler.core.spec.reader import nearest


@contextmanager
def place(plan: Plan) -> Iterator[Database]:
    """The database, open. Raises UsageError for a file without an outbox, or where no relay has ever been at work."""
    outbox = outbox_of(plan)
    with opened(plan.databases, outbox.database) as (database,):
        if not has_tables(database):
            raise UsageError(f"no relay has been at work in database {database.name} yet: `outbox relay`, or `strangler serve`")
        yield database


def has_tables(database: Database) -> bool:
    """Whether a relay has made its tables there: the last of them, so all."""
    with database.reading() as connection:
        return inspect(connection).has_table(SINK.name)


def named(plan: Plan, name: str) -> str:
    """The name of a sink of the file. Raises UsageError, with the nearest, if there is none."""
    names = [route.name for route in outbox_of(plan).sinks]
    if name not in names:
        raise UsageError(f"{plan.file} has no sink {name!r}{nearest(name, names)}")
    return name
