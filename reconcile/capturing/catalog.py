"""What the live database says: of a feed's table before its triggers are written, and of the triggers that are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, text

from reconcile.capturing import postgresql
from reconcile.capturing.captured import PREFIX, Captured
from reconcile.capturing.feed import Feed
from strangler.core.errors import Refusal
from strangler.core.spec.reader import nearest


@dataclass(frozen=True, slots=True)
class Found:
    """A trigger that is there. `rest` is what else must stay as it was: whether it is enabled, when it was made."""

    name: str
    table: str
    body: str
    rest: str


def look(connection: Connection, dialect: str, feed: Feed) -> Captured:
    """A feed's live table. Raises Refusal if it cannot be captured."""
    return _LOOKS[dialect](connection, feed)


def triggers(connection: Connection, dialect: str) -> tuple[Found, ...]:
    """Every trigger of ours, by name."""
    rows = connection.execute(text(_TRIGGERS[dialect]), {"ours": f"{PREFIX}%"})
    return tuple(Found(*(str(part) for part in row)) for row in rows)


def has_table(connection: Connection, dialect: str, name: str) -> bool:
    """Whether there is a table with this name where ours are kept."""
    return connection.execute(text(_TABLE[dialect]), {"name": name}).first() is not None


def home(connection: Connection, dialect: str) -> str:
    """PostgreSQL: the schema in which our tables are, quoted."""
    if dialect != "postgresql":
        return ""
    return postgresql.quote(connection.execute(text("SELECT current_schema()")).scalar_one())


def digest(found: Sequence[Found]) -> str:
    """Of a feed's triggers: changes when one is altered, switched off, dropped, or made again by someone else."""
    return sha256(repr(sorted((each.name, each.table, each.body, each.rest) for each in found)).encode()).hexdigest()


def _look_sqlite(connection: Connection, feed: Feed) -> Captured:
    found = connection.execute(text("SELECT type FROM sqlite_master WHERE lower(name) = lower(:table)"), {"table": feed.table})
    _refuse_other_than(feed, found.scalars().first(), "table")
    columns = connection.execute(text("SELECT name, lower(type) FROM pragma_table_xinfo(:table)"), {"table": feed.table})
    live = {str(name): str(kind) for name, kind in columns}
    types = _types(feed, {name.lower(): kind for name, kind in live.items()}, str.lower)
    uniques, blind = _uniques(connection, feed)
    image, replacing = (tuple(live.items()), _replacing(connection, feed)) if feed.images else ((), ())
    return Captured(feed, types, uniques=uniques, image=image, replacing=replacing, blind=blind)


def _replacing(connection: Connection, feed: Feed) -> tuple[tuple[str, ...], ...]:
    """What no two rows have the same of, whatever else is in them."""
    partial = set(connection.execute(text(_PARTIAL), {"table": feed.table}).scalars())
    whole = [columns for name, columns in _by_index(connection, feed).items() if name not in partial]
    return tuple(sorted({tuple(str(column) for column in columns) for columns in whole if None not in columns}))


def _by_index(connection: Connection, feed: Feed) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for index, column in connection.execute(text(_UNIQUES), {"table": feed.table}):
        found.setdefault(index, []).append(column)
    return found


def _uniques(connection: Connection, feed: Feed) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    by_index = _by_index(connection, feed)
    found = {tuple(column for column in columns if column) for columns in by_index.values() if None not in columns}
    odd = [
        f"rows that REPLACE deletes by the index {name}, which is on an expression" for name in by_index if None in by_index[name]
    ]
    key = {column.lower() for column in feed.columns}
    return tuple(sorted(columns for columns in found if {column.lower() for column in columns} != key)), tuple(odd)


def _look_postgresql(connection: Connection, feed: Feed) -> Captured:
    parts = [feed.table] if _relation(connection, [feed.table]) else feed.table.split(".", 1)
    facts = _relation(connection, parts)
    _refuse_other_than(feed, facts and facts.relkind, "r", "p")
    assert facts is not None
    columns = connection.execute(text(_PG_COLUMNS), {"oid": facts.oid})
    relation = f"{postgresql.quote(facts.nspname)}.{postgresql.quote(facts.relname)}"
    by_row = facts.relkind == "p" or facts.through
    blind = ("rows written to a table that inherits from it",) * facts.parent + ("a TRUNCATE of one of its partitions",) * (
        facts.relkind == "p"
    )
    live = {str(row.attname): str(row.typname) for row in columns}
    image = tuple(live.items()) if feed.images else ()
    return Captured(feed, _types(feed, live), 0, relation, home(connection, "postgresql"), by_row, image=image, blind=blind)


def _relation(connection: Connection, parts: Sequence[str]) -> Any:
    return connection.execute(text(_PG_RELATION), {"name": ".".join(postgresql.quote(part) for part in parts)}).first()


def _look_mariadb(connection: Connection, feed: Feed) -> Captured:
    kind = connection.execute(text(_MY_TABLE), {"table": feed.table}).scalars().first()
    _refuse_other_than(feed, kind, "BASE TABLE")
    columns = connection.execute(text(_MY_COLUMNS), {"table": feed.table})
    live = {str(name): str(data_type).lower() for name, data_type in columns}
    types = _types(feed, {name.lower(): data_type for name, data_type in live.items()}, str.lower)
    cascades = connection.execute(text(_MY_CASCADES), {"table": feed.table}).scalars()
    followed = tuple(f"rows that MariaDB itself changes when one of {parent} does (ON DELETE, ON UPDATE)" for parent in cascades)
    return Captured(feed, types, image=tuple(live.items()) if feed.images else (), blind=("TRUNCATE", *followed))


def _refuse_other_than(feed: Feed, kind: str | None, *kinds: str) -> None:
    if kind is None:
        raise Refusal(f"there is no table {feed.table} to capture: correct `from` in the mappings file")
    if kind not in kinds:
        raise Refusal(f"{feed.table} is not a table, and only tables can be captured: name its tables in `captured_from`")


def _types(feed: Feed, live: dict[str, str], spelled: Callable[[str], str] = str) -> tuple[str, ...]:
    for column in feed.columns:
        if spelled(column) not in live:
            raise Refusal(f"{feed.table} has no column {column} to capture{nearest(column, list(live))}")
    return tuple(live[spelled(column)] for column in feed.columns)


_LOOKS = {"sqlite": _look_sqlite, "postgresql": _look_postgresql, "mariadb": _look_mariadb}

_TABLE = {
    "sqlite": "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name",
    "postgresql": "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = :name",
    "mariadb": "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :name",
}

_TRIGGERS = {
    "sqlite": "SELECT name, tbl_name, sql, '' FROM sqlite_master WHERE type = 'trigger' AND name LIKE :ours ORDER BY name",
    # The oid tells a trigger that was dropped and made again, also by restoring a dump. What a partition has is a copy.
    "postgresql": """
        SELECT tgname, quote_ident(n.nspname) || '.' || quote_ident(c.relname), prosrc || E'\\n' ||
            concat_ws(' ', tgtype, tgenabled, coalesce(tgnewtable, '-'), coalesce(tgoldtable, '-'), tgqual IS NOT NULL),
            concat_ws(' ', t.oid, tgenabled, prosecdef, proconfig, pg_get_triggerdef(t.oid),
            (SELECT count(*) FROM pg_trigger AS copy WHERE copy.tgparentid = t.oid AND copy.tgenabled = 'D'), c.relkind,
            EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid))
        FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
        JOIN pg_proc AS f ON f.oid = tgfoid
        WHERE tgname LIKE :ours AND tgparentid = 0 AND f.pronamespace = current_schema()::regnamespace ORDER BY tgname
    """,
    "mariadb": """
        SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, ACTION_STATEMENT, concat_ws(' ', ACTION_TIMING, EVENT_MANIPULATION, SQL_MODE,
            DEFINER, CREATED)
        FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME LIKE :ours ORDER BY TRIGGER_NAME
    """,
}

_UNIQUES = """
    SELECT list.name, info.name FROM pragma_index_list(:table) AS list, pragma_index_info(list.name) AS info WHERE list."unique"
    UNION ALL
    SELECT 'the rowid', name FROM pragma_table_xinfo(:table)
    WHERE pk AND NOT EXISTS (SELECT 1 FROM pragma_index_list(:table) WHERE origin = 'pk')
"""

_PARTIAL = 'SELECT name FROM pragma_index_list(:table) WHERE "unique" AND partial'

_PG_RELATION = """
    SELECT c.oid, n.nspname, c.relname, c.relkind::text, EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid)
        AND c.relkind = 'r' AS parent, EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid)
        OR EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid) AS through
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(:name)
"""

_PG_COLUMNS = """
    SELECT attname, typname FROM pg_attribute JOIN pg_type AS t ON t.oid = atttypid
    WHERE attrelid = :oid AND attnum > 0 AND NOT attisdropped
"""

_MY_TABLE = "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table"

_MY_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table"
)

_MY_CASCADES = """
    SELECT DISTINCT REFERENCED_TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS
    WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = :table
    AND (DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL')) ORDER BY 1
"""
