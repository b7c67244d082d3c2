"""The database's own clock. Leases, ages and windows are told by one clock, whichever machine a process runs on."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, literal_column

from reconcile.databases.database import Database

_NOW = {  # microseconds since 1970-01-01 UTC, at this moment: not at the begin of the transaction, nor of the statement
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",  # exact to the millisecond
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
    "mariadb": "CAST(unix_timestamp(sysdate(6)) * 1000000 AS signed)",
}


def now(database: Database) -> ColumnElement[int]:
    """SQL: microseconds since 1970-01-01 UTC on the database's clock."""
    return literal_column(_NOW[database.dialect], BigInteger)
