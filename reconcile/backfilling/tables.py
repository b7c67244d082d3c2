"""The backfill's own table, in the target: how far each mapping is, who is at work on it, and whether it is told to pause."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData

from reconcile.databases import tables

METADATA = MetaData()

BACKFILL = tables.table(
    "strangler_backfill",
    METADATA,
    Column("mapping", tables.name(), primary_key=True),
    Column("definition", tables.name(), nullable=False),  # a digest: what was walked by another definition is walked again
    Column("state", tables.name(16), nullable=False),
    Column("wanted", tables.name(16), nullable=False),  # run or pause, as someone else asked
    Column("low", tables.key_text()),  # the first key of the next chunk; NULL before the first and after the last
    Column("chunks", Integer, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),  # on the source when it began
    Column("deferred", tables.text(), nullable=False),  # JSON: key to why it waits for another row
    Column("skipped", tables.text(), nullable=False),  # JSON: key to why it was passed over
    Column("why", tables.text()),  # it stopped, or waits
    tables.moment("started_at", nullable=False),
    tables.moment("changed_at", nullable=False),
    Column("token", tables.name(32), nullable=False),  # of the process at work; no other may move the watermark
    tables.moment("lease_until", nullable=False),
)
