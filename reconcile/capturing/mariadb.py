"""MariaDB's triggers, for each row: it knows no others. They run with the rights of who installed them.

A lock on the table makes installing all or nothing: DDL commits by itself, but nothing can wait or fail between the triggers.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.capturing.captured import HEARTBEAT_FEED, Captured, Trigger, literal
from reconcile.capturing.tables import BEAT, DELETED, INSERTED, UPDATED

LOCK_SECONDS = 2
SETTINGS = (  # a trigger keeps those under which it was made
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_BACKSLASH_ESCAPES'",
    "SET NAMES utf8mb4 COLLATE utf8mb4_nopad_bin",
    f"SET SESSION lock_wait_timeout = {LOCK_SECONDS}, innodb_lock_wait_timeout = {LOCK_SECONDS}",
)
_AT = "CAST(@@timestamp * 1000000 AS signed)"  # the statement's begin; the writer's time zone has no part in it
_ORIGIN = "LEFT(CONVERT(COALESCE(@strangler_origin, '') USING utf8mb4), 64)"
_WHOLE = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_SPELLINGS = {
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext"), "CONVERT({} USING utf8mb4)"),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), "HEX({})"),
    **dict.fromkeys(("decimal", "float", "double"), "CAST({} AS CHAR)"),  # numbers that a JSON reader might round
    "bit": "({} + 0)",
    "timestamp": "TIMESTAMPADD(MICROSECOND, UNIX_TIMESTAMP({}) * 1000000, '1970-01-01')",
}


def quote(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def triggers(captured: Captured) -> tuple[Trigger, ...]:
    if captured.feed == HEARTBEAT_FEED:
        return _heartbeat(captured)
    new, old = _key(captured, "NEW"), _key(captured, "OLD")
    changed = " OR ".join(f"NOT (BINARY NEW.{quote(name)} <=> BINARY OLD.{quote(name)})" for name in captured.feed.columns)
    return (
        _trigger(captured, "INSERT", _switched(captured, new, "NULL", INSERTED, new="NEW")),
        _trigger(captured, "UPDATE", _switched(captured, new, f"IF({changed}, {old}, NULL)", UPDATED, old="OLD", new="NEW")),
        _trigger(captured, "DELETE", _switched(captured, old, "NULL", DELETED, old="OLD")),
    )


def _heartbeat(captured: Captured) -> tuple[Trigger, ...]:
    row = _row(captured, "JSON_ARRAY(NEW.name)", "NULL", BEAT)
    return (_trigger(captured, "INSERT", row), _trigger(captured, "UPDATE", row))


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
    """Under a lock that waits for those who write to the table. DDL commits by itself."""
    locked = (f"LOCK TABLES {relation} WRITE", *ddl, "UNLOCK TABLES") if relation else tuple(ddl)
    return (*SETTINGS, *locked, "START TRANSACTION", *dml, "COMMIT")


def _trigger(captured: Captured, event: str, body: str) -> Trigger:
    name = f"{captured.stem}_{event.lower()}"
    create = f"CREATE OR REPLACE TRIGGER {quote(name)} AFTER {event} ON {quote(captured.feed.table)} FOR EACH ROW\n{body}"
    return Trigger(name, body, (create,))


def _switched(captured: Captured, key: str, old_key: str, operation: str, *, old: str = "", new: str = "") -> str:
    """A statement looks at the switch once, for its first row: for each row that would cost more than all the rest.

    A SELECT of its own reads without a lock; as a condition, or as a part of the insert, it would take one. With a binary log by
    statements it takes one all the same, and who pauses waits for the writers' transactions.
    """
    known = f"{captured.stem}_{captured.generation}"
    return f"""BEGIN
  IF NOT (@{known}_at <=> @@timestamp) THEN
    SELECT count(*), @@timestamp INTO @{known}_paused, @{known}_at FROM strangler_paused WHERE generation = {captured.generation};
  END IF;
  IF @{known}_paused = 0 THEN
    {_row(captured, key, old_key, operation)};{_emitting(captured, key, old_key, operation, old, new)}
  END IF;
END"""


_NO_IMAGE = ("point", "linestring", "polygon", "geometry", "multipoint", "multilinestring", "multipolygon", "geometrycollection")
_IMAGES = {
    **_SPELLINGS,
    **dict.fromkeys(_WHOLE, "{}"),
    "float": "CAST(CAST({} AS double) AS CHAR)",
    "longtext": "CONCAT('', CONVERT({} USING utf8mb4))",  # of a JSON column it would take the value, not the text
}


def _emitting(captured: Captured, key: str, old_key: str, operation: str, old: str, new: str) -> str:
    """The row as it was and as it is. A column that is no longer there, or a row that is too large, has no image: it must not
    make the writer fail. Nothing but that is handled, so a deadlock is still the writer's to know of."""
    if not captured.image:
        return ""
    text = "longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
    return f"""
    IF {_ORIGIN} = '' THEN
      BEGIN
        DECLARE old_image, new_image {text};
        BEGIN
          DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN END;
          SET old_image = {_image(captured, old)};
          SET new_image = {_image(captured, new)};
        END;
        INSERT INTO strangler_emitted (feed, operation, `key`, old_key, old_row, new_row, at)
          VALUES ({literal(captured.feed.name)}, '{operation}', {key}, {old_key}, old_image, new_image, {_AT});
      END;
    END IF;"""


def _image(captured: Captured, row: str) -> str:
    if not row:
        return "NULL"
    pairs = [(name, kind) for name, kind in captured.image if kind not in _NO_IMAGE]
    spelled = (f"{literal(name)}, {_IMAGES.get(kind, 'CAST({} AS CHAR)').format(f'{row}.{quote(name)}')}" for name, kind in pairs)
    return f"JSON_OBJECT({', '.join(spelled)})"


def _row(captured: Captured, key: str, old_key: str, operation: str) -> str:
    return (
        f"INSERT INTO strangler_outbox (feed, `key`, old_key, operation, origin, at)\n"
        f"  VALUES ({literal(captured.feed.name)}, {key}, {old_key}, '{operation}', {_ORIGIN}, {_AT})"
    )


def _key(captured: Captured, row: str) -> str:
    pairs = zip(captured.feed.columns, captured.types, strict=True)
    if set(captured.types) <= _WHOLE and len(captured.types) == 1:  # a quarter faster than JSON_ARRAY; NULL is no key
        return f"CONCAT('[', COALESCE({row}.{quote(captured.feed.columns[0])}, 'null'), ']')"
    parts = (_SPELLINGS.get(kind, "{}").format(f"{row}.{quote(name)}") for name, kind in pairs)
    return f"JSON_ARRAY({', '.join(parts)})"
