"""The outbox's own tables, beside the events: what is kept of them, who has not had which yet, and how sinks stand.

An event's way is a matter of one database, so that a crash takes back either all of a step or nothing.
"""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, insert, literal, select
from sqlalchemy.dialects.mysql import LONGBLOB
from sqlalchemy.exc import IntegrityError

from reconcile.databases import tables
from reconcile.databases.clock import now
from reconcile.databases.database import Database

METADATA = MetaData()
WAITING, DEAD = "waiting", "dead"
ALL = ""  # the row of `strangler_fanout` that is about the fan-out itself

# What was taken over from the table that applications write to, in that order. Kept for sinks to come, and for replays.
EVENT = tables.table(
    "strangler_event",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),  # without gaps, in the order of commits to this table
    Column("event_id", tables.text(), nullable=False),
    Column("type", tables.text(), nullable=False),
    Column("key", tables.text()),
    Column("payload", LargeBinary().with_variant(LONGBLOB(), "mysql", "mariadb"), nullable=False),
    Column("size", BigInteger, nullable=False),  # of the payload, in bytes
    Column("content_type", tables.text()),
    Column("headers", tables.text()),
    Column("version", BigInteger),
    tables.moment("at", nullable=False),
    tables.moment("taken_at", nullable=False),
)

# One row for each event that a sink has not had yet.
DELIVERY = tables.table(
    "strangler_delivery",
    METADATA,
    Column("sink", tables.name(), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("lane", tables.key_text(), nullable=False),
    Index("strangler_delivery_lane", "sink", "lane", "sequence"),
)

# One row for each key that a sink has not had all of: the unit that is claimed, fails and waits. See `lanes`.
LANE = tables.table(
    "strangler_lane",
    METADATA,
    Column("sink", tables.name(), primary_key=True),
    Column("key", tables.key_text(), primary_key=True),
    Column("version", BigInteger, nullable=False),  # deliveries that were ever added
    Column("sent", BigInteger, nullable=False),  # of them, those that are no more
    tables.moment("due_at", nullable=False),  # NEVER for a dead letter, so that no claim looks at it
    Column("attempts", Integer, nullable=False),  # of the first delivery; counted when it is claimed
    Column("deaths", Integer, nullable=False),  # how many relays went away while they held it
    Column("state", tables.name(16), nullable=False),
    Column("token", tables.name(32)),
    tables.moment("lease_until", nullable=False),
    Column("claimed", BigInteger),  # the version that was claimed
    Column("error", tables.text()),
    Index("strangler_lane_due", "sink", "due_at"),
    Index("strangler_lane_token", "token"),
)

# Written by the fan-out alone, and locked while it is at work: so far deliveries have been made for each sink, and events taken.
FANOUT = tables.table(
    "strangler_fanout",
    METADATA,
    Column("name", tables.name(), primary_key=True),
    Column("through", BigInteger, nullable=False),  # a sequence
    tables.moment("since", nullable=False),
)

# What relays last said of a sink, and what they all have done. Counts only ever grow.
SINK = tables.table(
    "strangler_sink",
    METADATA,
    Column("name", tables.name(), primary_key=True),
    Column("state", tables.name(16), nullable=False),
    Column("why", tables.text()),
    tables.moment("since", nullable=False),  # of this state
    tables.moment("at", nullable=False),  # of this row
    tables.moment("resumes_at", nullable=False),  # it is left alone until then
    Column("delivered", BigInteger, nullable=False),
    Column("known", BigInteger, nullable=False),  # of those, the ones that the sink said that it had already
    Column("failed", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("unavailable", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),  # lanes that were no longer ours when they were to be settled
)
COUNTS = ("delivered", "known", "failed", "refused", "unavailable", "lost")

# Dead letters that someone let go.
LET_GO = tables.table(
    "strangler_let_go",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("sink", tables.name(), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("event_id", tables.text(), nullable=False),
    Column("type", tables.text(), nullable=False),
    Column("key", tables.text()),
    Column("error", tables.text()),
    Column("reason", tables.text(), nullable=False),
    Column("actor", tables.text(), nullable=False),
    tables.moment("at", nullable=False),
)


def ensure(database: Database) -> None:
    """Create those that are not there yet, and the row that is the fan-out's turn."""
    tables.ensure(database, METADATA)
    there = select(FANOUT.c.name).where(FANOUT.c.name == ALL).exists()
    row = select(literal(ALL), literal(0), now(database)).where(~there)
    with database.writing() as connection, suppress(IntegrityError):  # somebody else did it at the same moment
        connection.execute(insert(FANOUT).from_select(["name", "through", "since"], row))
