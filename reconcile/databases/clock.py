"""The database's own clock. Leases, ages and windows are told by one clock, whichever machine a process runs on."""

from __future__ import annotations

from sqlalchemy import BigInteger, ColumnElement, literal_column

from reconcile.databases.database import Database
from reconcile.databases.instant import NOW


def now(database: Database) -> ColumnElement[int]:
    """SQL: microseconds since 1970-01-01 UTC on the database's clock."""
    return literal_column(NOW[database.dialect], BigInteger)
