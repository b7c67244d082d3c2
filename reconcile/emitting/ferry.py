"""What was emitted in another database than the outbox's: taken across, once.

No transaction spans two databases. So a row is noted in the outbox's database, with its events, in one transaction, and deleted
in its own afterwards; one that is still there although it was noted is only deleted. Whoever does this has the fan-out's turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, MetaData, delete, insert, select

from reconcile.capturing.tables import EMITTED
from reconcile.databases import tables
from reconcile.databases.database import Database, opened
from reconcile.emitting.emissions import Emissions, database_of, databases
from reconcile.emitting.taking import Emitted, Unmappable
from reconcile.mapping.model import Plan
from reconcile.relaying.outbox import remove
from strangler.core.errors import StranglerError

METADATA = MetaData()
FERRIED = tables.table("strangler_ferried", METADATA, Column("name", tables.name(200), primary_key=True))

_LOOK = 0.5  # seconds between two looks into a database where nothing was emitted
_AGAIN = 10.0  # seconds until one that is away is tried again
_ROWS = 400


@dataclass(slots=True)
class Ferry:
    """From one other database to the outbox's. As `taking.Taking` has it, but for `prepare`."""

    emissions: Emissions
    clock: Callable[[], float] = time.monotonic
    _next: float = 0.0
    _away: str = ""

    @property
    def held(self) -> Mapping[str, str]:
        return {**self.emissions.held, **({f"database {self.emissions.database}": self._away} if self._away else {})}

    def waiting(self, connection: Connection) -> bool:
        """Without the fan-out's turn, so that a database that is away holds up nobody who has it."""
        if self.clock() < self._next:
            return False
        try:
            with self._opened() as (there,), there.reading() as remote:
                found = self.emissions.waiting(remote)
        except StranglerError as error:
            self._away, self._next = str(error), self.clock() + _AGAIN
            return False
        self._away, self._next = "", 0.0 if found else self.clock() + _LOOK
        return found

    def take(self, connection: Connection, rows: int, size: int) -> Sequence[Emitted]:
        """All of it, or nothing: whatever fails there is taken back here, and stops no event that was written here."""
        if self.clock() < self._next:
            return ()
        try:
            with connection.begin_nested(), self._opened() as (there,), there.writing() as remote:
                forgotten = self._forget(connection, remote)
                found = self._fetched(connection, remote, min(rows, _ROWS), size)
        except StranglerError as error:
            self._away, self._next = str(error), self.clock() + _AGAIN
            return ()
        self._away, self._next = "", 0.0 if found or forgotten else self.clock() + _LOOK
        return found

    def again(self, connection: Connection, payload: bytes) -> Emitted | Unmappable | None:
        try:
            with self._opened() as (there,), there.reading() as remote:
                return self.emissions.again(remote, payload)
        except StranglerError as error:
            return Unmappable(str(error))

    def _opened(self) -> Any:
        return opened(self.emissions.plan.databases, self.emissions.database)

    def _forget(self, connection: Connection, remote: Connection) -> bool:
        """Rows whose events are kept for good. If this comes to nothing here, their notes are left over, and do no harm."""
        noted = connection.execute(select(FERRIED.c.name)).scalars()
        mine = {name: int(name.split(".")[1]) for name in noted if name.startswith(f"{self.emissions.database}.")}
        if mine:
            there = remote.execute(select(EMITTED.c.id, EMITTED.c.at).where(EMITTED.c.id.in_(list(mine.values()))))
            remove(remote, EMITTED, [row.id for row in there if self._name(row) in mine])
            connection.execute(delete(FERRIED).where(FERRIED.c.name.in_(list(mine))))
        return bool(mine)

    def _fetched(self, connection: Connection, remote: Connection, rows: int, size: int) -> Sequence[Emitted]:
        found = self.emissions.oldest(remote, rows, size)
        if found:
            connection.execute(insert(FERRIED), [{"name": self._name(row)} for row in found])
        return self.emissions.events(remote, found)

    def _name(self, row: Any) -> str:
        return f"{self.emissions.database}.{row.id}.{row.at}"


@dataclass(slots=True)
class Everywhere:
    """All that a plan emits, wherever the outbox is."""

    home: Emissions
    ferries: tuple[Ferry, ...] = ()

    @property
    def _sources(self) -> tuple[Emissions | Ferry, ...]:
        return (self.home, *self.ferries)

    @property
    def held(self) -> Mapping[str, str]:
        """By mapping or database, why nothing of it can be taken now."""
        return {name: why for each in self._sources for name, why in each.held.items()}

    def prepare(self, database: Database) -> None:
        """Make the table of notes in the outbox's database."""
        if self.ferries:
            tables.ensure(database, METADATA)

    def waiting(self, connection: Connection) -> bool:
        return any(each.waiting(connection) for each in self._sources)

    def take(self, connection: Connection, rows: int, size: int) -> Sequence[Emitted]:
        return [event for each in self._sources for event in each.take(connection, rows, size)]

    def again(self, connection: Connection, payload: bytes) -> Emitted | Unmappable | None:
        there = {ferry.emissions.database: ferry for ferry in self.ferries}
        return there.get(database_of(payload), self.home).again(connection, payload)


def emissions(plan: Plan, home: str) -> Everywhere | None:
    """What may be emitted anywhere, for the outbox in one of the plan's databases; None where nothing is."""
    places = {plan.databases[name].url: name for name in reversed(databases(plan))}  # one may have two names
    away = tuple(Ferry(Emissions(plan, name)) for url, name in places.items() if url != plan.databases[home].url)
    return Everywhere(Emissions(plan, home), away) if places else None
