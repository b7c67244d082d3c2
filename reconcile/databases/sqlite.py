"""SQLite: a file that must be there, transactions that begin when we say so."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from reconcile.mapping.kind import float_text
from strangler.core.errors import DatabaseError

_BUSY_SECONDS = 10
_LENT = {  # what SQLite's own functions cannot spell
    "strangler_float": lambda value: float_text(float(value)),
    "strangler_decimal": lambda value: f"{Decimal(repr(value)).normalize():f}",
}
_read = partial(str, encoding="utf-8", errors="surrogateescape")  # what it lets through fits no column (`mapping.fitting`)


def open_engine(subject: str, url: URL) -> Engine:
    """A missing file would be created, empty, by the driver; an empty database looks like rows that have gone."""
    if not url.database or url.database == ":memory:":
        raise DatabaseError(f"{subject}: a database in memory holds nothing: write sqlite:///FILE.db")
    if not url.database.startswith("file:") and not Path(url.database).is_file():
        raise DatabaseError(f"{subject}: there is no file {url.database} (in {Path.cwd()})")
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late and by itself; `_begin` does it
    connection.text_factory = _read  # bytes that are no UTF-8 are the matter of one row, and must not end a pass
    connection.execute("PRAGMA foreign_keys = ON")
    for name, function in _LENT.items():
        connection.create_function(name, 1, function, deterministic=True)


def _begin(connection: Connection) -> None:
    """A transaction that reads first and writes later may fail at once when another one wrote in between."""
    purpose = connection.get_execution_options().get("strangler")
    if purpose == "writing":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql("PRAGMA query_only = ON")
        connection.exec_driver_sql("BEGIN")
