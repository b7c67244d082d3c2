"""SQLite's triggers. They run in the library that the application has: they need `json_array` (in every usual build since 3.9).

REPLACE deletes rows without firing their triggers, unless the application has set `recursive_triggers`. So before a row comes
in, the rows that would be in its way are written to the outbox too. If they stay after all, nothing is lost by it.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.capturing.captured import HEARTBEAT_FEED, Captured, Trigger, literal
from reconcile.capturing.tables import BEAT, DELETED, INSERTED, UPDATED

_AT = "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)"
_ORIGIN = "coalesce((SELECT origin FROM strangler_origin), '')"
_OUTBOX = "INSERT INTO strangler_outbox (feed, key, old_key, operation, origin, at)"


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def triggers(captured: Captured) -> tuple[Trigger, ...]:
    if captured.feed == HEARTBEAT_FEED:
        return _heartbeat(captured)
    new, old = _key(captured, "NEW"), _key(captured, "OLD")
    changed = " OR ".join(_differ(f"NEW.{quote(column)}", f"OLD.{quote(column)}") for column in captured.feed.columns)
    found = [
        _trigger(captured, "AFTER", "INSERT", [_row(captured, new, "NULL", INSERTED)]),
        _trigger(captured, "AFTER", "UPDATE", [_row(captured, new, f"CASE WHEN {changed} THEN {old} END", UPDATED)]),
        _trigger(captured, "AFTER", "DELETE", [_row(captured, old, "NULL", DELETED)]),
    ]
    if captured.uniques:
        found.append(
            _trigger(captured, "BEFORE", "INSERT", [_in_the_way(captured, unique, "NEW") for unique in captured.uniques])
        )
        found.append(
            _trigger(captured, "BEFORE", "UPDATE", [_in_the_way(captured, unique, "OLD") for unique in captured.uniques])
        )
    return tuple(found)


def _heartbeat(captured: Captured) -> tuple[Trigger, ...]:
    rows = [_row(captured, "json_array(NEW.name)", "NULL", BEAT)]
    return (_trigger(captured, "AFTER", "INSERT", rows), _trigger(captured, "AFTER", "UPDATE", rows))


def relation(captured: Captured) -> str:
    return quote(captured.feed.table)


def spell(found_table: str) -> str:
    """A table as the catalog names it, for SQL."""
    return quote(found_table)


def creations(captured: Captured) -> tuple[str, ...]:
    """Statements that make a feed's triggers."""
    return tuple(statement for trigger in triggers(captured) for statement in trigger.create)


def drops(names: Sequence[tuple[str, str]], home: str) -> tuple[str, ...]:
    """Statements that take triggers away, each given with its table."""
    return tuple(f"DROP TRIGGER IF EXISTS {quote(name)}" for name, _ in names)


def wrap(relation: str | None, ddl: Sequence[str], dml: Sequence[str]) -> tuple[str, ...]:
    """All of it in one transaction."""
    return ("BEGIN IMMEDIATE", *ddl, *dml, "COMMIT")


def _trigger(captured: Captured, when: str, event: str, statements: list[str]) -> Trigger:
    name = f"{captured.stem}_{when.lower()}_{event.lower()}"
    rows = ";\n  ".join(statements)
    create = f"""CREATE TRIGGER {quote(name)} {when} {event} ON {quote(captured.feed.table)}
{_running(captured)}BEGIN
  {rows};
END"""
    return Trigger(name, create, (create,))


def _running(captured: Captured) -> str:
    """The heartbeat has no switch: it is what tells whether anything goes through."""
    if captured.feed == HEARTBEAT_FEED:
        return ""
    return f"WHEN NOT EXISTS (SELECT 1 FROM strangler_paused WHERE generation = {captured.generation})\n"


def _row(captured: Captured, key: str, old_key: str, operation: str) -> str:
    return f"{_OUTBOX}\n  VALUES ({literal(captured.feed.name)}, {key}, {old_key}, '{operation}', {_ORIGIN}, {_AT})"


def _in_the_way(captured: Captured, unique: tuple[str, ...], itself: str) -> str:
    equal = " AND ".join(f"other.{quote(column)} = NEW.{quote(column)}" for column in unique)
    another = " OR ".join(_differ(f"other.{quote(column)}", f"{itself}.{quote(column)}") for column in captured.feed.columns)
    return (
        f"{_OUTBOX}\n  SELECT {literal(captured.feed.name)}, {_key(captured, 'other')}, NULL, '{DELETED}', {_ORIGIN}, {_AT}\n"
        f"  FROM {quote(captured.feed.table)} AS other WHERE {equal} AND ({another})"
    )


def _differ(one: str, other: str) -> str:
    """Byte by byte, whatever collation the column has."""
    return f"{one} COLLATE BINARY IS NOT {other} COLLATE BINARY"


def _key(captured: Captured, row: str) -> str:
    """A column may hold anything, and a blob would make `json_array` fail, and the writer with it."""
    columns = [f"{row}.{quote(column)}" for column in captured.feed.columns]
    parts = ", ".join(f"CASE typeof({column}) WHEN 'blob' THEN hex({column}) ELSE {column} END" for column in columns)
    if len(columns) > 1:
        return f"json_array({parts})"
    return f"CASE typeof({columns[0]}) WHEN 'integer' THEN '[' || {columns[0]} || ']' ELSE json_array({parts}) END"
