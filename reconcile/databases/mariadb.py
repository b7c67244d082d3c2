"""MariaDB: strict, in UTC, in utf8mb4, and at READ COMMITTED where it writes, so that no gap is ever locked."""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

_SETTINGS = (
    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 10, "
    "lock_wait_timeout = 10, group_concat_max_len = 1073741824, idle_transaction_timeout = 15"
)
_CONNECT_SECONDS = 10
NAMED_LOCKS = "strangler_locks"  # in a connection's `info`: it holds some, which outlive its transaction


def open_engine(subject: str, url: URL) -> Engine:
    """Only PyMySQL is used, whatever driver the address leaves out."""
    driver = "mysql+pymysql" if "+" not in url.drivername else url.drivername
    url = url.set(drivername=driver.replace("mariadb+", "mysql+")).update_query_dict({"charset": "utf8mb4"})
    arguments = {"connect_timeout": _CONNECT_SECONDS, "conv": _conversions()}
    engine = create_engine(url, connect_args=arguments, pool_size=4, max_overflow=8, pool_pre_ping=True)
    if engine.dialect.driver == "pymysql":
        event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkin", _let_go)
    return engine


def _conversions() -> dict[Any, Any]:
    """How values come out: the driver's way, but BIT(n) as the number that it is."""
    from pymysql.constants import FIELD_TYPE  # which needs the driver
    from pymysql.converters import conversions

    return {**conversions, FIELD_TYPE.BIT: int.from_bytes}


def _connect(dialect: Any, record: Any, positional: Any, named: Any) -> Any:
    return _driver()(*positional, **named)


@cache
def _driver() -> Any:
    """PyMySQL's connection. Where nobody asks for TLS it takes TLS if the server has it, and verifies nothing; but for that it
    reads all of the system's authorities, each time, which takes longer than all the rest of connecting."""
    from pymysql.connections import Connection

    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE

    class Connecting(Connection):  # type: ignore[misc]
        def _create_ssl_ctx(self, settings: Any) -> Any:
            return super()._create_ssl_ctx(settings) if settings else unverified

    return Connecting


def _prepare(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_SETTINGS)


def _begin(connection: Connection) -> None:
    """Both wordings end whatever the driver had begun by itself."""
    purpose = connection.get_execution_options().get("strangler")
    if purpose == "writing":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        connection.exec_driver_sql("START TRANSACTION READ WRITE")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _let_go(connection: Any, record: Any) -> None:
    """Release named locks when a connection goes back to the pool. A broken one (None) has let go already: the server does so
    when a session ends."""
    if not record.info.pop(NAMED_LOCKS, False) or connection is None:
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT RELEASE_ALL_LOCKS()")
    except Exception as error:
        record.invalidate(error)
