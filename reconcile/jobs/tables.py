"""The table of jobs, in the state database: when each last began, who is at it, and how it ended."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData

from reconcile.databases import tables

METADATA = MetaData()

JOB = tables.table(
    "strangler_job",
    METADATA,
    Column("name", tables.name(200), primary_key=True),
    Column("token", BigInteger, nullable=False),  # grows with every turn: what a late holder writes is refused by it
    Column("holder", tables.name(200), nullable=False),
    tables.moment("lease_until", nullable=False),
    tables.moment("began_at", nullable=False),
    tables.moment("ended_at", nullable=True),
    Column("outcome", tables.text(), nullable=True),
)
