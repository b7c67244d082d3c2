"""What a database's own catalogue says of a table and SQLAlchemy's reflection does not: references, triggers, collations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, text

_FOLLOWED = ("CASCADE", "SET NULL", "SET DEFAULT")

_REFERENCES = {  # constraint, child, its column, parent, its column, ON DELETE, ON UPDATE: one row per pair of columns, in order
    "sqlite": """
        SELECT child.name || '.' || reference.id, child.name, reference."from", reference."table",
            coalesce(reference."to", (SELECT name FROM pragma_table_info(reference."table") WHERE pk = reference.seq + 1)),
            reference.on_delete, reference.on_update
        FROM sqlite_master AS child, pragma_foreign_key_list(child.name) AS reference
        WHERE child.type = 'table' AND (lower(child.name) = lower(:name) OR lower(reference."table") = lower(:name))
        ORDER BY child.name, reference.id, reference.seq
    """,
    "postgresql": """
        SELECT c.oid::text, child.relname, mine.attname, parent.relname, theirs.attname,
            CASE c.confdeltype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END,
            CASE c.confupdtype WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END
        FROM pg_constraint AS c
        JOIN pg_class AS child ON child.oid = c.conrelid
        JOIN pg_class AS parent ON parent.oid = c.confrelid
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS pair(mine, theirs, place)
        JOIN pg_attribute AS mine ON mine.attrelid = c.conrelid AND mine.attnum = pair.mine
        JOIN pg_attribute AS theirs ON theirs.attrelid = c.confrelid AND theirs.attnum = pair.theirs
        WHERE c.contype = 'f' AND to_regclass(quote_ident(:name)) IN (c.conrelid, c.confrelid)
        ORDER BY child.relname, c.oid, pair.place
    """,
    "mariadb": """
        SELECT concat(pair.table_name, '.', pair.constraint_name), pair.table_name, pair.column_name, pair.referenced_table_name,
            pair.referenced_column_name, rule.delete_rule, rule.update_rule
        FROM information_schema.key_column_usage AS pair
        JOIN information_schema.referential_constraints AS rule
            ON rule.constraint_schema = pair.constraint_schema AND rule.constraint_name = pair.constraint_name
            AND rule.table_name = pair.table_name
        WHERE pair.constraint_schema = database() AND pair.referenced_table_name IS NOT NULL
            AND (pair.table_name = :name OR pair.referenced_table_name = :name)
        ORDER BY pair.table_name, pair.constraint_name, pair.ordinal_position
    """,
}
_TRIGGERS = {  # those that fire for each row
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:name) ORDER BY name",
    "postgresql": """
        SELECT tgname FROM pg_trigger
        WHERE tgrelid = to_regclass(quote_ident(:name)) AND NOT tgisinternal AND tgtype & 1 = 1
            AND tgenabled <> 'D'
        ORDER BY tgname
    """,
    "mariadb": """
        SELECT trigger_name FROM information_schema.triggers
        WHERE event_object_schema = database() AND event_object_table = :name ORDER BY trigger_name
    """,
}
_COLLATIONS = {
    "sqlite": """
        SELECT part.name, part.coll FROM pragma_index_list(:name) AS one, pragma_index_xinfo(one.name) AS part
        WHERE part.key AND part.name IS NOT NULL
    """,
    "postgresql": """
        SELECT a.attname, CASE WHEN l.collname = 'default'
            THEN (SELECT datcollate FROM pg_database WHERE datname = current_database()) ELSE l.collname END
        FROM pg_attribute AS a JOIN pg_collation AS l ON l.oid = a.attcollation WHERE a.attrelid = to_regclass(quote_ident(:name))
    """,
    "mariadb": """
        SELECT column_name, collation_name FROM information_schema.columns
        WHERE table_schema = database() AND table_name = :name AND collation_name IS NOT NULL
    """,
}
_UNTOLD = {  # columns of which the reflected type does not tell the truth: column, what it is
    "sqlite": """
        SELECT name, 'any' FROM pragma_table_xinfo(:name)
        WHERE NOT (upper(type) GLOB '*NUM*' OR upper(type) GLOB '*DEC*' OR upper(type) GLOB '*MONEY*')
    """,  # to reflection, every type whose name says nothing to SQLite is NUMERIC: STRING and UUID too
    "mariadb": """
        SELECT c.column_name, 'json' FROM information_schema.columns AS c JOIN information_schema.check_constraints AS checked
            ON checked.constraint_schema = c.table_schema AND checked.table_name = c.table_name
            AND checked.check_clause = concat('json_valid(`', c.column_name, '`)')
        WHERE c.table_schema = database() AND c.table_name = :name
    """,
}

_ESTIMATES = {  # rows of a table as its statistics have them; SQLite keeps none that are looked after
    "postgresql": "SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(quote_ident(:name)) AND relkind = 'r'",
    "mariadb": "SELECT table_rows FROM information_schema.tables WHERE table_schema = database() AND table_name = :name",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: `columns` of `child` name a row of `parent` by its `keys`."""

    child: str
    columns: tuple[str, ...]
    parent: str
    keys: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"

    @property
    def follows_deletes(self) -> bool:
        """Whether the database itself changes the child when its parent goes."""
        return self.on_delete in _FOLLOWED

    @property
    def follows_updates(self) -> bool:
        """Whether the database itself changes the child when its parent's key changes."""
        return self.on_update in _FOLLOWED


def references(connection: Connection, dialect: str, name: str) -> tuple[Reference, ...]:
    """All foreign keys from and to a table."""
    rows = connection.execute(text(_REFERENCES[dialect]), {"name": name}).all()
    return tuple(_reference(list(pairs)) for _, pairs in groupby(rows, key=lambda row: row[0]))


def triggers(connection: Connection, dialect: str, name: str) -> tuple[str, ...]:
    """The names of a table's triggers that fire for each row."""
    return tuple(connection.execute(text(_TRIGGERS[dialect]), {"name": name}).scalars())


def collations(connection: Connection, dialect: str, name: str) -> dict[str, str]:
    """By column, how its texts are compared. SQLite tells only of indexed ones."""
    return {row[0]: row[1] for row in connection.execute(text(_COLLATIONS[dialect]), {"name": name})}


def estimate(connection: Connection, dialect: str, name: str) -> int | None:
    """About how many rows a table has; None where nothing is known."""
    query = _ESTIMATES.get(dialect)
    found = connection.execute(text(query), {"name": name}).scalar() if query else None
    return int(found) if found is not None and found > 0 else None


def untold(connection: Connection, dialect: str, name: str) -> dict[str, str]:
    """By column, what it is where its reflected type does not say: ``json``; ``any`` for a NUMERIC that was not declared so."""
    query = _UNTOLD.get(dialect)
    return {row[0]: row[1] for row in connection.execute(text(query), {"name": name})} if query else {}


def _reference(rows: list[Any]) -> Reference:
    _, child, _, parent, _, on_delete, on_update = rows[0]
    return Reference(child, _each(rows, 2), parent, _each(rows, 4), on_delete, on_update)


def _each(rows: Iterable[Any], place: int) -> tuple[str, ...]:
    return tuple(row[place] for row in rows)
