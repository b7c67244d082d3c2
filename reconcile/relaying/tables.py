"""The relay's own tables, in the captured database: a key's way from the outbox to its end is a matter of one database."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, insert, literal, select
from sqlalchemy.exc import IntegrityError

from reconcile.comparing import touched
from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database

METADATA = MetaData()
WAITING, DEFERRED, DEAD = "waiting", "deferred", "dead"
NEVER = 2**62
NAME_LENGTH = 64

PENDING = tables.table(
    "strangler_pending",
    METADATA,
    Column("mapping", tables.name(), primary_key=True),
    Column("key", tables.key_text(), primary_key=True),
    Column("version", BigInteger, nullable=False),  # grows with every change that is collected
    tables.moment("first_at", nullable=False),  # of the oldest change that is not applied
    tables.moment("due_at", nullable=False),  # NEVER for a dead letter, so that no claim looks at it
    Column("attempts", Integer, nullable=False),  # counted when it is claimed: who dies of a key cannot count it later
    Column("deaths", Integer, nullable=False),  # how many relays went away while they held it
    Column("state", tables.name(16), nullable=False),
    Column("token", tables.name(32)),  # whose batch it is in
    tables.moment("lease_until", nullable=False),
    Column("claimed", BigInteger),  # the version that was claimed
    tables.moment("deferred_at"),  # since when it waits for another row
    Column("error", tables.text()),
    Column("origin", tables.name(), nullable=False),
    Index("strangler_pending_due", "mapping", "due_at"),
    Index("strangler_pending_token", "token"),
)

SKIPPED = tables.table(
    "strangler_skipped",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("mapping", tables.name(), nullable=False),
    Column("key", tables.key_text(), nullable=False),
    Column("error", tables.text()),
    Column("reason", tables.text(), nullable=False),
    Column("actor", tables.text(), nullable=False),
    tables.moment("at", nullable=False),
)

ROGUE = tables.table(
    "strangler_rogue",
    METADATA,
    Column("mapping", tables.name(), primary_key=True),
    Column("key", tables.key_text(), primary_key=True),
    Column("writes", BigInteger, nullable=False),
    Column("origin", tables.name(), nullable=False),
    tables.moment("first_at", nullable=False),
    tables.moment("last_at", nullable=False),
)

PROGRESS = tables.table(
    "strangler_relay",
    METADATA,
    Column("name", tables.name(), primary_key=True),  # a mapping; "" stands for the relay as a whole
    Column("state", tables.name(16), nullable=False),  # running, halted, failing
    Column("why", tables.text()),
    Column("applied", BigInteger, nullable=False),  # keys, so far
    tables.moment("since", nullable=False),  # of this state
    tables.moment("at", nullable=False),  # of this row
    tables.moment("beat_at"),  # the last heartbeat that came through
)


def ensure(database: Database) -> None:
    """Create those that are not there yet, and the row of the relay as a whole."""
    tables.ensure(database, METADATA)
    touched.ensure(database)
    there = select(PROGRESS.c.name).where(PROGRESS.c.name == "").exists()
    row = select(literal(""), literal("running"), literal(0), now(database), now(database)).where(~there)
    names = ["name", "state", "applied", "since", "at"]
    with database.writing() as connection, suppress(IntegrityError):  # somebody else did it at the same moment
        connection.execute(insert(PROGRESS).from_select(names, row))
