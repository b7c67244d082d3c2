"""The inbox's two tables, in the consumer's own database."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from reconcile.databases import tables
from reconcile.databases.caller import Caller
from reconcile.inbox.inbox import LENGTH

METADATA = MetaData()
_DIALECTS: Any = {"sqlite": sqlite.dialect, "postgresql": postgresql.dialect, "mariadb": mysql.dialect}

MESSAGE = tables.table(
    "strangler_inbox",
    METADATA,
    Column("consumer", tables.name(), primary_key=True),
    Column("message", tables.name(LENGTH), primary_key=True),
    Column("seen", Integer, nullable=False),  # how often it came, where that was committed
    tables.moment("at", nullable=False),  # when it came last
    Index("strangler_inbox_at", "consumer", "at"),
)

# The newest version of each key that was done, and by which message.
VERSION = tables.table(
    "strangler_inbox_version",
    METADATA,
    Column("consumer", tables.name(), primary_key=True),
    Column("key", tables.name(LENGTH), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("message", tables.name(LENGTH), nullable=False),
    tables.moment("at", nullable=False),
    Index("strangler_inbox_version_at", "consumer", "at"),
)


def script(dialect: str) -> tuple[str, ...]:
    """The statements that make them where they are not, for a DBA or a migration: ``sqlite``, ``postgresql`` or ``mariadb``."""
    made: list[Any] = [CreateTable(table, if_not_exists=True) for table in METADATA.sorted_tables]
    indexes: list[Any] = [CreateIndex(index, if_not_exists=True) for table in METADATA.sorted_tables for index in table.indexes]
    return tuple(str(each.compile(dialect=_DIALECTS[dialect]())).strip() for each in (*made, *indexes))


def create(connection: Any) -> None:
    """Make them where they are not. `connection` as `Inbox` takes it; MariaDB commits by itself what was written before."""
    caller = Caller(connection)
    for statement in script(caller.dialect):
        caller.execute(statement)
