"""Whether a database is a primary that can be written: a standby lags, and what it does not have yet looks like deletions."""

from __future__ import annotations

import os

from sqlalchemy import text

from reconcile.applying.standby import is_standby
from reconcile.databases.database import Database


def follows_another(database: Database) -> bool:
    """Whether it is a standby, or a server that takes no writes."""
    with database.reading() as connection:
        return is_standby(connection, database.dialect)


def refuses_writes(database: Database) -> bool:
    """Whether it takes no writes from us."""
    if database.dialect == "sqlite":
        return not os.access(database.engine.url.database or "", os.W_OK)
    if database.dialect == "mariadb":
        return follows_another(database)
    with database.reading() as connection:
        return str(connection.execute(text("SHOW default_transaction_read_only")).scalar_one()) == "on"
