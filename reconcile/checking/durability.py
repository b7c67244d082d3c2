"""Whether a database may lose, in a crash, what it has committed. Then the other side, in step with it, is ahead for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import text

from reconcile.databases.database import Database

Settings = Mapping[str, str]

_QUERIES = {
    "postgresql": "SELECT name, reset_val FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')",
    "mariadb": """
        SELECT 'innodb_flush_log_at_trx_commit', @@innodb_flush_log_at_trx_commit
        UNION ALL SELECT 'sync_binlog', CASE WHEN @@log_bin THEN @@sync_binlog ELSE 1 END
    """,  # without a binary log nobody asks what is in it after a crash
}  # SQLite keeps the way it syncs with each connection: nobody can ask for an application's


def settings(database: Database) -> Settings:
    """What the server says of how it keeps what is committed; by itself, not as this connection has set it."""
    if database.dialect not in _QUERIES:
        return {}
    with database.reading() as connection:
        return {str(name): str(value) for name, value in connection.execute(text(_QUERIES[database.dialect]))}


def inspect_durability(found: Settings, *, read: bool) -> Iterator[str]:
    """Each setting with which a crash may take back what was committed. Pure.

    `read`: changes of applications are copied from this database. Where we write we see to `synchronous_commit` ourselves.
    """
    for name, value in found.items():
        if value in _SAFE[name] or (name == "synchronous_commit" and not read):
            continue
        message = f"{name} is {value}: a crash may take back what it has committed, after the other side was given it"
        yield f"{message}: set it to {_SAFE[name][0]}, or `reconcile` all rows after each crash"


_SAFE = {  # the first is what is recommended
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "local", "remote_write", "remote_apply"),  # off alone does not wait for this server's own disk
    "innodb_flush_log_at_trx_commit": ("1", "3"),
    "sync_binlog": ("1",),
}
