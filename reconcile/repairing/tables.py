"""The undo journal, in the repaired database only. It holds whole rows as they were: prune it when nobody will undo any more."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData

from reconcile.databases import tables

METADATA = MetaData()

JOURNAL = tables.table(
    "strangler_repair",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("plan", tables.name(32), nullable=False),
    Column("mapping", tables.name(), nullable=False),
    Column("key", tables.key_text(), nullable=False),
    Column("kind", tables.name(16), nullable=False),  # missing, extra, changed: how the row differed
    Column("before", tables.text()),  # the whole row as JSON (`exact`); NULL where there was none
    Column("after", tables.name(32)),  # a fingerprint of the whole row; NULL where there is none any more
    tables.moment("at", nullable=False),
    Column("state", tables.name(16), nullable=False),  # applied, undone
    Index("strangler_repair_plan", "plan", "id"),
    Index("strangler_repair_row", "mapping", "key", "at"),
    sqlite_autoincrement=True,
)
