"""The budget of deletions as it is kept: one row per mapping in the target, written in the transaction of the deletions
themselves, so that relay, backfill and repair spend from the same one and none is spent for rows that stayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Row, insert, inspect, select, update
from sqlalchemy.exc import IntegrityError

from reconcile.applying.budget import Allowance, Halted, Window, halt
from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.databases.pair import Pair
from strangler.core.errors import DatabaseError, UsageError

METADATA = MetaData()

DELETES = tables.table(
    "strangler_deletes",
    METADATA,
    Column("mapping", tables.name(200), primary_key=True),
    tables.moment("since", nullable=False),
    Column("deleted", BigInteger, nullable=False),
    Column("standing", BigInteger, nullable=False),
    Column("granted", BigInteger, nullable=False),
    tables.moment("halted_at"),
    Column("halted_deletes", BigInteger),
    Column("halted_why", tables.text()),
)
_FRESH = {"since": 0, "deleted": 0, "standing": 0, "granted": 0}
_AWAKE = {"halted_at": None, "halted_deletes": None, "halted_why": None}


@dataclass(frozen=True, slots=True)
class Halt:
    """Why nothing is written for a mapping, since when (microseconds since 1970), and how many deletions it is about."""

    since: int
    deletes: int
    why: str


def ensure_row(database: Database, mapping: str) -> None:
    """Have a row that can be locked."""
    try:
        with database.writing() as connection:
            if connection.execute(select(DELETES.c.since).where(DELETES.c.mapping == mapping)).first() is None:
                connection.execute(insert(DELETES).values(mapping=mapping, **_FRESH))
    except DatabaseError as error:
        if not isinstance(error.__cause__, IntegrityError):
            raise  # another process was quicker, and that is as good


def refuse_halted(connection: Connection, allowance: Allowance) -> None:
    """Raise Halted if the mapping is halted, unless this caller's budget covers what that was about."""
    row = _row(connection, allowance.mapping)
    if row is None or row.halted_at is None:
        return
    if not allowance.budget.covers(row.halted_deletes, row.standing):
        raise halt(allowance.mapping, row.halted_why, row.halted_deletes, row.deleted)


def spend(connection: Connection, pair: Pair, allowance: Allowance, deletes: int, *, source_rows: int) -> None:
    """Allow so many more deletions within the open transaction, or raise Halted; then the caller must not make them."""
    moment = connection.execute(select(now(pair.target.database))).scalar_one()
    row = _row(connection, allowance.mapping, lock=True)
    assert row is not None
    window = Window(row.since, row.deleted, row.standing, row.granted).at(moment, allowance.length)
    refusal = window.refusal(allowance.budget, deletes, source_rows=source_rows)
    if refusal:  # the table may have grown since it was counted
        window = Window(window.since, window.deleted, pair.target.count_within(connection) + window.deleted, window.granted)
        refusal = window.refusal(allowance.budget, deletes, source_rows=source_rows)
    if refusal:
        raise halt(allowance.mapping, refusal, window.deleted + deletes, window.deleted)
    values = {"since": window.since, "deleted": window.deleted + deletes, "standing": window.standing, "granted": window.granted}
    connection.execute(update(DELETES).where(DELETES.c.mapping == allowance.mapping).values(**values, **_AWAKE))


def give_back(connection: Connection, allowance: Allowance, deletes: int) -> None:
    """So many were allowed in this transaction and not made: a row that waits for its children is tried again and again."""
    chosen = update(DELETES).where(DELETES.c.mapping == allowance.mapping)
    connection.execute(chosen.values(deleted=DELETES.c.deleted - deletes))


def keep_halted(database: Database, mapping: str, halted: Halted) -> None:
    """Stop everyone: what was refused is rolled back, this stays."""
    values = {"halted_at": now(database), "halted_deletes": halted.deletes, "halted_why": halted.why}
    with database.writing() as connection:
        connection.execute(update(DELETES).where(DELETES.c.mapping == mapping, DELETES.c.halted_at.is_(None)).values(**values))


def resume(database: Database, mapping: str, deletes: int) -> None:
    """Go on with a halted mapping: in the window that begins now, so many rows may go whatever the budget says."""
    if deletes < 0:
        raise UsageError(f"{mapping}: {deletes} deletions cannot be allowed: say how many, 0 for none beyond the budget")
    tables.ensure(database, METADATA)
    ensure_row(database, mapping)
    values = _FRESH | {"since": now(database), "granted": deletes} | _AWAKE
    with database.writing() as connection:
        connection.execute(update(DELETES).where(DELETES.c.mapping == mapping).values(**values))


def halted(database: Database, mapping: str) -> Halt | None:
    """Whether a mapping is halted, and why; for whoever shows it."""
    with database.reading() as connection:
        row = _row(connection, mapping) if inspect(connection).has_table(DELETES.name) else None
    if row is None or row.halted_at is None:
        return None
    return Halt(row.halted_at, row.halted_deletes, row.halted_why)


def _row(connection: Connection, mapping: str, *, lock: bool = False) -> Row[Any] | None:
    query = select(DELETES).where(DELETES.c.mapping == mapping)
    return connection.execute(query.with_for_update() if lock else query).first()
