"""An outbox in a database of any dialect, and short words for what happens in it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import create_engine, func, insert, select, update

from reconcile.databases.database import opened
from reconcile.mapping.model import Database as Address
from reconcile.mapping.model import Plan
from reconcile.outbox import tables
from reconcile.outbox.fanout import Fanout
from reconcile.outbox.init import events_table
from reconcile.outbox.model import Outbox, Route
from reconcile.outbox.shape import look
from reconcile.sinks.settings import Custom

MOMENT = 1_800_000_000_000_000  # µs: early in 2027
WRITTEN = events_table("outbox_events", "sqlite")


def route(name="bus", **options):
    return Route(name, Custom("fake"), **options)


class Office:
    """A database with an outbox. `routes` are its sinks."""

    def __init__(self, database, *routes, **options):
        self.database = database
        self.outbox = Outbox("old", sinks=routes or (route(),), **options)

    @property
    def url(self):
        return self.database.engine.url.render_as_string(hide_password=False)

    @property
    def plan(self):
        return Plan({"old": Address(self.url)}, (), outbox=self.outbox)

    def with_sinks(self, *routes):
        self.outbox = replace(self.outbox, sinks=routes)
        return self

    @contextmanager
    def writer(self):
        """A connection of the application's own, that commits when it likes."""
        engine = create_engine(self.url)
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def write(self, *keys, type="order.placed", payload="{}", **parts):
        rows = [{"type": type, "key": key, "payload": payload, "at": MOMENT, **parts} for key in keys]
        with self.database.writing() as connection:
            connection.execute(insert(WRITTEN), rows)

    def fanout(self, *routes, **options):
        outbox = replace(self.outbox, sinks=routes or self.outbox.sinks)
        return Fanout(self.database, outbox, look(self.database, self.outbox), **options)

    def spread(self, *routes, **options):
        """Fan out until there is nothing left to do."""
        fanout = self.fanout(*routes, **options)
        while not (found := fanout.step()).is_idle:
            assert not found.busy

    def all(self, table, *columns, **where):
        query = select(*(table.c[name] for name in columns)) if columns else select(table)
        for name, value in where.items():
            query = query.where(table.c[name] == value)
        with self.database.reading() as connection:
            return [row[0] if len(row) == 1 else tuple(row) for row in connection.execute(query.order_by(*table.primary_key))]

    def events(self, *columns):
        return self.all(tables.EVENT, *(columns or ("key",)))

    def deliveries(self, sink="bus"):
        return self.all(tables.DELIVERY, "sequence", sink=sink)

    def lanes(self, *columns, sink="bus"):
        return self.all(tables.LANE, *(columns or ("key", "version")), sink=sink)

    def count(self, table):
        with self.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()

    def change(self, table, **values):
        with self.database.writing() as connection:
            connection.execute(update(table).values(**values))


@contextmanager
def office(url, *routes, **options):
    with opened({"old": Address(url)}, "old") as (database,):
        with database.writing() as connection:
            events_table("outbox_events", database.dialect).create(connection)
        tables.ensure(database)
        yield Office(database, *routes, **options)
