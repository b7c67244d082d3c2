"""Families that may move to either side: mapped both ways, captured on both sides, and found equal, for tests of the cutover."""

from __future__ import annotations

import time
from contextlib import contextmanager
from threading import Event, Thread

from sqlalchemy import Engine, event, func, select

import reconcile
from reconcile.capturing import install
from reconcile.capturing.tables import BEAT, OUTBOX
from reconcile.cutover.data_side import DataSide
from reconcile.relaying.tables import PENDING
from tests.unit.reconcile.relaying import UNBOUNDED, Families, drain

NAMES = ("parents", "children")
BOTH_WAYS = """
  - name: parents
    from: {database: old, table: parent, key: id}
    to: {database: new, table: parents, key: id}
    columns: {id: id, name: name, grade: grade}
    back: {columns: {name: name, grade: grade}}
  - name: children
    from: {database: old, table: child, key: id}
    to: {database: new, table: children, key: id}
    columns: {id: id, parent_id: parent, name: name}
    back: {columns: {parent: parent_id, name: name}}
"""


class Movers(Families):
    """Three parents with a child each, the same on both sides, and nothing on its way."""

    def __init__(self, folder, old_url, new_url, mappings=BOTH_WAYS):
        super().__init__(folder, old_url, new_url, mappings)
        for number in (1, 2, 3):
            self.write(
                f"INSERT INTO parent VALUES ({number}, 'p{number}', '{number}')",
                f"INSERT INTO child VALUES ({number}, {number}, 'c{number}')",
            )
        install.install(self.plan, side="new")
        self.settle()
        self.compare()

    def compare(self):
        for name in self.plan.names:
            report = reconcile.reconcile(self.plan, name)
            assert report.clean, list(report.lines())

    def write_new(self, *statements):
        """One transaction on the new side."""
        self.run_all(self.new, ";".join(statements))

    @contextmanager
    def data(self, names=NAMES):
        with DataSide(self.plan, names) as found:
            yield found

    @contextmanager
    def relaying(self):
        """A relay at work, in a thread of its own."""
        stop = Event()
        with self.relay(budget=UNBOUNDED) as relay:
            thread = Thread(target=relay.run, args=(stop,))
            thread.start()
            try:
                yield relay
            finally:
                stop.set()
                thread.join()

    def quiesce(self, seconds=60.0):
        """Relay until nothing waits, whoever owns. What a killed relay had claimed, or was taking, comes when its lease or its
        session has ended, so that a round that finds nothing to do says nothing."""
        late = time.monotonic() + seconds
        with self.relay(budget=UNBOUNDED) as relay:
            drain(relay)
            while left := self.under_way():
                assert time.monotonic() < late, f"{left} changes are still under way"
                Event().wait(0.02)
                drain(relay)

    def under_way(self):
        """How much is on its way on both sides, whoever holds it; heartbeats do not count."""
        changes = select(func.count()).select_from(OUTBOX).where(OUTBOX.c.operation != BEAT)
        waiting = select(func.count()).select_from(PENDING)
        found = 0
        for engine in (self.old, self.new):
            with engine.connect() as connection:
                found += sum(connection.execute(counted).scalar_one() for counted in (changes, waiting))
        return found

    def cut_over(self, to, token, names=NAMES):
        """The whole protocol, with a relay at work."""
        with self.relaying(), self.data(names) as data:
            marker = data.mark()
            await_nothing(data, marker)
            verified = data.verify(soon())
            assert verified.ok, verified.words
            return data.bump(to, token)


def await_nothing(data, marker, seconds=20.0):
    """Until everything before the marker has arrived."""
    late = time.monotonic() + seconds
    while left := data.waits_for(marker):
        assert time.monotonic() < late, f"{left} changes are still waited for"
        Event().wait(0.005)


def soon(seconds=20.0):
    """A deadline that only a broken test meets."""
    return time.monotonic() + seconds


class Killed(BaseException):
    """What ends a process."""


@contextmanager
def killed_before(database, beginning):
    """The world ends when a statement that begins like this is about to be sent to a database."""

    def look(connection, cursor, statement, *_):
        if connection.engine.url.database == database.database and statement.startswith(beginning):
            raise Killed

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", look)
