"""The tables that capture keeps in the captured database. Writers only ever insert into the outbox, and only read the switch."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData

from reconcile.databases import tables

METADATA = MetaData()
INSERTED, UPDATED, DELETED, BEAT = "I", "U", "D", "H"
ON, PAUSED = "on", "paused"
FEED_LENGTH = 500


def _number() -> Column[int]:
    """Never used twice: without AUTOINCREMENT, SQLite would give a new row the id of the newest one that was deleted."""
    return Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


OUTBOX = tables.table(
    "strangler_outbox",
    METADATA,
    _number(),
    Column("feed", tables.name(FEED_LENGTH), nullable=False),
    Column("key", tables.text(), nullable=False),  # of any length: a long key must not make the writer fail
    Column("old_key", tables.text()),
    Column("operation", tables.name(1), nullable=False),
    Column("origin", tables.name(), nullable=False),
    tables.moment("at", nullable=False),
    sqlite_autoincrement=True,
)

HEARTBEAT = tables.table(
    "strangler_heartbeat",
    METADATA,
    Column("name", tables.name(), primary_key=True),
    Column("beat", BigInteger, nullable=False),
    tables.moment("at", nullable=False),
)

# What was installed for a feed.
CAPTURE = tables.table(
    "strangler_capture",
    METADATA,
    Column("feed", tables.name(FEED_LENGTH), primary_key=True),
    Column("generation", BigInteger, nullable=False, autoincrement=False),
    Column("state", tables.name(16), nullable=False),
    tables.moment("since", nullable=False),
    Column("digest", tables.name(), nullable=False),
)

# The switch: the generations whose triggers write nothing. Empty nearly always, so looking at it costs next to nothing. Triggers
# that were made later never obey an older pause, whatever snapshot their writer has.
SWITCH = tables.table(
    "strangler_paused",
    METADATA,
    Column("generation", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
)

# One row for each time that changes may have gone uncaptured. Inserted only, so that noting it never waits.
LOSS = tables.table(
    "strangler_loss",
    METADATA,
    _number(),
    Column("feed", tables.name(FEED_LENGTH), nullable=False),
    Column("why", tables.text(), nullable=False),
    tables.moment("at", nullable=False),
    sqlite_autoincrement=True,
)

# How many losses of a feed a mapping has made up for by a full pass. It is known when that is all of them.
KNOWN = tables.table(
    "strangler_known",
    METADATA,
    Column("mapping", tables.name(), primary_key=True),
    Column("feed", tables.name(FEED_LENGTH), primary_key=True),
    Column("losses", BigInteger, nullable=False),
    tables.moment("at", nullable=False),
)

# Rows as they were before and after changes that an application made, for mappings with `emit`. Writers only ever insert. What
# a trigger could not spell is NULL: it must not make the writer fail.
EMITTED = tables.table(
    "strangler_emitted",
    METADATA,
    _number(),
    Column("feed", tables.name(FEED_LENGTH), nullable=False),
    Column("operation", tables.name(1), nullable=False),
    Column("key", tables.text(), nullable=False),
    Column("old_key", tables.text()),
    Column("old_row", tables.text()),
    Column("new_row", tables.text()),
    tables.moment("at", nullable=False),
    sqlite_autoincrement=True,
)

# SQLite only: the rows that the statement at work may be about to replace, which has no trigger of theirs. Without a key of its
# own: what is in the way of the writer's row twice must not be in the way of its statement.
REPLACED = tables.table(
    "strangler_replaced",
    METADATA,
    Column("feed", tables.name(FEED_LENGTH)),
    Column("key", tables.text()),
    Column("old_row", tables.text()),
)

# SQLite only: the origin of the transaction that is open. Empty whenever none is.
ORIGIN = tables.table("strangler_origin", METADATA, Column("origin", tables.name(), primary_key=True))
