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
_EMITTED = "INSERT INTO strangler_emitted (feed, operation, key, old_key, old_row, new_row, at)"


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
    return (*found, *_of_images(captured))


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
    return _made(captured, f"{captured.stem}_{when.lower()}_{event.lower()}", f"{when} {event}", _running(captured), statements)


def _made(captured: Captured, name: str, event: str, condition: str, statements: list[str]) -> Trigger:
    rows = ";\n  ".join(statements)
    create = f"""CREATE TRIGGER {quote(name)} {event} ON {quote(captured.feed.table)}
{condition}BEGIN
  {rows};
END"""
    return Trigger(name, create, (create,))


def _running(captured: Captured) -> str:
    """The heartbeat has no switch: it is what tells whether anything goes through."""
    return "" if captured.feed == HEARTBEAT_FEED else f"WHEN {_switch(captured)}\n"


def _switch(captured: Captured) -> str:
    return f"NOT EXISTS (SELECT 1 FROM strangler_paused WHERE generation = {captured.generation})"


def _of_images(captured: Captured) -> tuple[Trigger, ...]:
    """What REPLACE takes away has no trigger of its own, so what may be in the way is kept before, and emitted after: by then a
    row that was is gone. What is kept of a statement that came to nothing is thrown away by the next one."""
    if not captured.image:
        return ()
    feed, key, old_key = literal(captured.feed.name), _key(captured, "NEW"), _key(captured, "OLD")
    old, new = image(captured, "OLD"), image(captured, "NEW")
    changed = " OR ".join(_differ(f"NEW.{quote(column)}", f"OLD.{quote(column)}") for column in captured.feed.columns)
    kept = f"strangler_replaced WHERE feed = {feed}"
    gone = f"{_EMITTED}\n  SELECT {feed}, '{DELETED}', key, NULL, old_row, NULL, {_AT} FROM {kept}"
    came = f"""{_EMITTED}
  SELECT {feed}, CASE WHEN here.key IS NULL THEN '{INSERTED}' ELSE '{UPDATED}' END, {key}, NULL, here.old_row, {new}, {_AT}
  FROM (SELECT 1) LEFT JOIN strangler_replaced AS here ON here.feed = {feed} AND here.key = {key}"""
    altered = f"{_EMITTED}\n  VALUES ({feed}, '{UPDATED}', {key}, CASE WHEN {changed} THEN {old_key} END, {old}, {new}, {_AT})"
    left = f"{_EMITTED}\n  VALUES ({feed}, '{DELETED}', {old_key}, NULL, {old}, NULL, {_AT})"
    return (
        _emit(captured, "BEFORE", "INSERT", [f"DELETE FROM {kept}", _keep(captured, "")]),
        _emit(captured, "AFTER", "INSERT", [f"{gone} AND key <> {key}", came, f"DELETE FROM {kept}"]),
        _emit(captured, "BEFORE", "UPDATE", [f"DELETE FROM {kept}", _keep(captured, "OLD")]),
        _emit(captured, "AFTER", "UPDATE", [gone, altered, f"DELETE FROM {kept}"]),
        _emit(captured, "AFTER", "DELETE", [f"DELETE FROM {kept} AND key = {old_key}", left]),
    )


def _emit(captured: Captured, when: str, event: str, statements: list[str]) -> Trigger:
    condition = f"WHEN {_ORIGIN} = '' AND {_switch(captured)}\n"
    return _made(captured, f"{captured.stem}_emit_{when.lower()}_{event.lower()}", f"{when} {event}", condition, statements)


def _keep(captured: Captured, itself: str) -> str:
    """What has the same as the row that comes, of anything that no two rows may have the same of."""
    same = [" AND ".join(f"other.{quote(column)} = NEW.{quote(column)}" for column in unique) for unique in captured.replacing]
    conditions = [f"({' OR '.join(f'({each})' for each in same) or '0'})"]
    if itself:
        key = captured.feed.columns
        conditions.append(f"({' OR '.join(_differ(f'other.{quote(name)}', f'{itself}.{quote(name)}') for name in key)})")
    elif captured.types == ("integer",):  # until a row has its number, SQLite says that it is -1
        conditions.append(f"NEW.{quote(captured.feed.columns[0])} <> -1")
    row = f"{literal(captured.feed.name)}, {_key(captured, 'other')}, {image(captured, 'other')}"
    chosen = f"FROM {quote(captured.feed.table)} AS other WHERE {' AND '.join(conditions)}"
    return f"INSERT INTO strangler_replaced (feed, key, old_row)\n  SELECT {row}\n  {chosen}"


def image(captured: Captured, row: str) -> str:
    """Every value as SQL would write it, so that its type and all of its digits are in it; a few columns to an object, since
    functions take no more than a hundred arguments."""
    spelled = [f"{literal(name)}, {_spelled(f'{row}.{quote(name)}')}" for name, _ in captured.image]
    objects = [f"json_object({', '.join(spelled[start : start + 25])})" for start in range(0, len(spelled), 25)]
    return f"json_array({', '.join(objects)})"


def _spelled(column: str) -> str:
    """`quote` ends a text at its first NUL."""
    whole = f"'CAST(X''' || hex({column}) || ''' AS TEXT)'"
    return f"CASE WHEN typeof({column}) = 'text' AND instr({column}, char(0)) THEN {whole} ELSE quote({column}) END"


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
