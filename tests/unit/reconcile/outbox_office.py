"""An outbox in a database of any dialect, and short words for what happens in it."""

from __future__ import annotations

import threading
import time
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
from reconcile.outbox.relay import OutboxRelay
from reconcile.outbox.shape import look
from reconcile.relaying.patience import Patience
from reconcile.sinks.settings import Custom

MOMENT = 1_800_000_000_000_000  # µs: early in 2027
PATIENCE = Patience(pause=0.01, longest_pause=0.05)  # seconds
_ENDS = 60.0  # seconds: only ends what hangs
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

    @contextmanager
    def relaying(self, **sinks):
        """A relay in a thread; `sinks` by name, and what else it takes."""
        options = {name: sinks.pop(name) for name in ("open_sink", "patience", "draw", "token", "tell") if name in sinks}
        relay = OutboxRelay(self.plan, **{"open_sink": lambda name, settings: sinks[name], "patience": PATIENCE, **options})
        stop, broken = threading.Event(), []

        def work():
            try:
                relay.run(stop)
            except BaseException as error:
                broken.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield relay
        finally:
            stop.set()
            thread.join(_ENDS)
        if broken:
            raise broken[0]

    def until(self, holds):
        """Wait for it."""
        ends = time.monotonic() + _ENDS
        while not holds():
            assert time.monotonic() < ends, "it never came"
            time.sleep(0.01)

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
