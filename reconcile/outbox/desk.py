"""One sink's business with the database. Synchronous: called in threads, by one at a time but for `payloads` and `renew`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, text

from reconcile.databases.database import Database
from reconcile.emitting.taking import Taking
from reconcile.outbox import lanes, mail
from reconcile.outbox.lanes import QUEUE, Lane, Turn
from reconcile.outbox.mail import Letter
from reconcile.relaying import lease
from reconcile.relaying.contention import outlast
from reconcile.relaying.patience import Patience


@dataclass(frozen=True, slots=True)
class Given:
    """Lanes that were claimed, with their next letters; and how many of those that were to be settled were not ours any more."""

    claimed: Sequence[tuple[Lane, Sequence[Letter]]] = ()
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Desk:
    """`source`: what consumers are told events come from. `token` gives a new one for each claim."""

    database: Database
    sink: str
    source: str
    patience: Patience
    token: Callable[[], str]
    emitted: Taking | None = None

    def is_due(self) -> bool:
        with self.database.reading() as connection:
            return lanes.is_due(self.database, connection, self.sink)

    def turn(self, turns: Sequence[Turn], room: int) -> Given:
        """Settle these, and claim at most so many: one transaction, committed before anything is sent."""
        return outlast(partial(self._turn, turns, room))

    def _turn(self, turns: Sequence[Turn], room: int) -> Given:
        with self.database.writing() as connection:
            hurry(connection)
            lost = lanes.settle(self.database, connection, self.sink, turns)
            if not room:
                return Given(lost=lost)
            claimed = lanes.claim(self.database, connection, self.sink, room, self.token(), self.patience)
            found = mail.fetch(connection, self.sink, claimed, self.source, self.emitted) if claimed else {}
        return Given([(lane, found[lane.key]) for lane in claimed], lost)

    def payloads(self, sequences: Sequence[int]) -> dict[int, bytes]:
        with self.database.reading() as connection:
            return mail.payloads(connection, sequences)

    def renew(self, tokens: Collection[str]) -> None:
        for token in tokens:
            lease.renew(self.database, token, self.patience.lease, QUEUE)


def hurry(connection: Connection) -> None:
    """PostgreSQL need not wait for its disk here: what a crash takes back is delivered once more, under the same id."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL synchronous_commit = off"))
