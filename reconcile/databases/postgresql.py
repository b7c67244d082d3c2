"""PostgreSQL: one way to spell times and numbers whatever the server's settings are, and no wait without an end."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

_SETTINGS = {
    "application_name": "strangler",
    "timezone": "UTC",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "15s",  # below every lease: a paused process loses its transaction before its lease
    "jit": "off",  # compiling an expression over many columns takes longer than a chunk
}
# What is applied is settled in another database: a target that loses commits when it crashes would be behind for ever.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
_CONNECT_SECONDS = 10


def open_engine(subject: str, url: URL) -> Engine:
    """Only psycopg (3) is used, whatever driver the address leaves out."""
    if "+" not in url.drivername:
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(
        url, connect_args={"connect_timeout": _CONNECT_SECONDS}, pool_size=4, max_overflow=8, pool_pre_ping=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _is_news(record: logging.LogRecord) -> bool:
    """A batch that ends with an error raises it; the driver also logs that it could not go on."""
    return not str(record.msg).startswith("error ignored terminating")


logging.getLogger("psycopg").addFilter(_is_news)


def _prepare(connection: Any, _: object) -> None:
    """After connecting, not among the options: a pooler such as PgBouncer refuses options that it does not know."""
    from reconcile.databases.loading import register  # which needs the driver

    before, connection.autocommit = connection.autocommit, True
    with connection.cursor() as cursor:
        for name, value in _SETTINGS.items():
            cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        cursor.execute(_DURABLE)
    connection.autocommit = before
    register(connection)


def _begin(connection: Connection) -> None:
    purpose = connection.get_execution_options().get("strangler")
    if purpose == "writing":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
