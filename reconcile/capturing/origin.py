"""Who writes: a word that our own transactions set, and that capture writes beside each key. Nobody else's writes have one.

It ends with the transaction. Pooled connections outlive one, so where the database does not forget it by itself, we do.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, event, text

from reconcile.capturing.tables import ORIGIN

LENGTH = 64


def mark(connection: Connection, dialect: str, origin: str) -> None:
    """Set the origin of the open transaction's writes; '' for none. Call it before the first write."""
    _MARKS[dialect](connection, origin[:LENGTH])


def _mark_postgresql(connection: Connection, origin: str) -> None:
    connection.execute(text("SELECT set_config('strangler.origin', :origin, true)"), {"origin": origin})


def _mark_mariadb(connection: Connection, origin: str) -> None:
    connection.execute(text("SET @strangler_origin = :origin"), {"origin": origin})
    _at_end(connection, _forget, "commit", "rollback")


def _forget(connection: Connection) -> None:
    """A session that cannot be told is not used again."""
    try:
        connection.connection.cursor().execute("SET @strangler_origin = NULL")
    except Exception:
        connection.invalidate()


def _mark_sqlite(connection: Connection, origin: str) -> None:
    """A row that only this transaction ever sees. A database without capture has no table for it, and no need."""
    if connection.execute(text("SELECT 1 FROM sqlite_master WHERE name = :name"), {"name": ORIGIN.name}).first() is None:
        return
    connection.execute(ORIGIN.delete())
    if origin:
        connection.execute(ORIGIN.insert(), {"origin": origin})
        _at_end(connection, _clear, "commit")


def _clear(connection: Connection) -> None:
    """If this fails, so does the commit: no other writer may be taken for us."""
    connection.connection.cursor().execute(f"DELETE FROM {ORIGIN.name}")


def _at_end(connection: Connection, what: Callable[[Connection], None], *ends: str) -> None:
    for end in ends:
        if not event.contains(connection, end, what):
            event.listen(connection, end, what)


_MARKS: dict[str, Callable[[Connection, str], None]] = {
    "sqlite": _mark_sqlite,
    "postgresql": _mark_postgresql,
    "mariadb": _mark_mariadb,
}
