"""Whether an index serves the order in which a table's keys are walked; if none does, every chunk sorts the whole table."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from reconcile.checking.finding import Finding, Steps
from reconcile.databases.database import Database
from reconcile.databases.schema import Table

LARGE = 100_000  # rows; below it sorting does not matter
_CODE_POINT = ("C", "POSIX", "ucs_basic")
_NOPAD = "utf8mb4_nopad_bin"
_ROWS = {
    "postgresql": "SELECT reltuples FROM pg_class WHERE oid = to_regclass(quote_ident(:name))",
    "mariadb": "SELECT table_rows FROM information_schema.tables WHERE table_schema = database() AND table_name = :name",
}
_INDEXES = """
    SELECT CASE WHEN l.collname = 'default'
        THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) ELSE l.collname END
    FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    JOIN pg_collation AS l ON l.oid = i.indcollation[0]
    WHERE i.indrelid = to_regclass(quote_ident(:name)) AND i.indpred IS NULL AND i.indisvalid AND a.attname = :column
"""


def unserved(steps: Steps, database: Database, table: Table, key: tuple[str, ...], large: int = LARGE) -> Iterator[Finding]:
    """Only the key's first column matters, and only if it holds text: numbers sort alike everywhere."""
    live = table.columns.get(key[0])
    if live is None or live.kind is None or live.kind.name != "text" or database.dialect == "sqlite":
        return
    with database.reading() as connection:
        rows = int(connection.execute(text(_ROWS[database.dialect]), {"name": table.name}).scalar_one_or_none() or 0)
        advice = _postgresql(connection, table.name, key) if database.dialect == "postgresql" else _mariadb(live.collation)
    if rows >= large and advice:
        message = f"chunks are walked by code point and {key[0]} is sorted otherwise, so each sorts about {rows:,} rows"
        yield Finding(steps, f"{message}: {advice}", warning=True)


def _postgresql(connection: Connection, name: str, key: tuple[str, ...]) -> str | None:
    found = connection.execute(text(_INDEXES), {"name": name, "column": key[0]}).scalars()
    if any(collation in _CODE_POINT for collation in found):
        return None
    quote = connection.dialect.identifier_preparer.quote
    return f'CREATE INDEX CONCURRENTLY ON {quote(name)} ({quote(key[0])} COLLATE "C")'


def _mariadb(collation: str) -> str | None:
    return None if collation == _NOPAD else f"the column would have to be {_NOPAD}; large chunks help (backfill --chunk)"
