"""The table that says, in both databases, which side of a mapping may be written."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData

from reconcile.databases import tables

METADATA = MetaData()

OWNER = tables.table(
    "strangler_owner",
    METADATA,
    Column("mapping", tables.name(200), primary_key=True),
    Column("owner", tables.name(3), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    tables.moment("changed_at", nullable=False),
)
