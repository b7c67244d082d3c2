"""What each cutover has moved, in the database of the side that gained: a late or repeated move finds there that it is done."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData

from reconcile.databases import tables

METADATA = MetaData()
REVERTED = 0
TOKEN_LENGTH = 64

MOVE = tables.table(
    "strangler_cutover",
    METADATA,
    Column("token", tables.name(TOKEN_LENGTH), primary_key=True),
    Column("mapping", tables.name(200), primary_key=True),
    Column("epoch", BigInteger, nullable=False),  # that it moved to; REVERTED: it must not move any more
    tables.moment("at", nullable=False),
)
