"""PostgreSQL's triggers: one function per feed, called once per statement with all rows that it touched.

Once per statement costs a bulk writer a quarter of what once per row does. What comes in through another table (a partition's
parent, a subscription) is seen by triggers for each row only, and gets those. A change of key is always noticed row by row,
in the trigger's WHEN, since only there old and new row stand side by side.

The function runs with the rights of who installed it, so the application needs none. Nothing notifies: NOTIFY makes all
commits of a database wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.capturing.captured import HEARTBEAT_FEED, Captured, Trigger, literal
from reconcile.capturing.tables import BEAT, DELETED, INSERTED, UPDATED

LOCK_SECONDS = 2
_AT = "(date_part('epoch', clock_timestamp()) * 1000000)::bigint"
_ORIGIN = "left(coalesce(current_setting('strangler.origin', true), ''), 64)"
_EXACT = {"int2", "int4", "int8", "uuid", "date", "bool"}  # types of which equal values are spelled alike
_AS_TEXT = {"numeric", "float4", "float8"}  # numbers that a JSON reader might round
_SHAPES = {  # pg_trigger's tgtype, tgenabled, tgnewtable, tgoldtable, and whether there is a WHEN
    "truncate": "32 A - - f",
    "key": "17 A - - t",
    "insert": "4 A captured_rows - f",
    "update": "16 A captured_rows - f",
    "delete": "8 A - captured_rows f",
    "row": "29 A - - f",
    "emit_row": "29 A - - f",
    "beat": "21 A - - f",
}
_EVENTS = {"insert": "new", "update": "new", "delete": "old"}


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def triggers(captured: Captured) -> tuple[Trigger, ...]:
    return (*_of_keys(captured), *((_of_images(captured),) if captured.image else ()))


def _of_keys(captured: Captured) -> tuple[Trigger, ...]:
    body = _body(captured)
    if captured.feed == HEARTBEAT_FEED:
        return (_trigger(captured, body, "beat", "AFTER INSERT OR UPDATE", "FOR EACH ROW"),)
    truncation = _trigger(captured, body, "truncate", "AFTER TRUNCATE", "FOR EACH STATEMENT")
    if captured.by_row:
        return (truncation, _trigger(captured, body, "row", "AFTER INSERT OR UPDATE OR DELETE", "FOR EACH ROW"))
    change = _trigger(captured, body, "key", "AFTER UPDATE", f"FOR EACH ROW WHEN ({' OR '.join(_differ(captured))})")
    return (truncation, change, *(_of_statement(captured, body, event, rows) for event, rows in _EVENTS.items()))


def relation(captured: Captured) -> str:
    return captured.relation


def spell(found_table: str) -> str:
    """A table as the catalog names it, for SQL: it comes quoted."""
    return found_table


def creations(captured: Captured) -> tuple[str, ...]:
    """Statements that make a feed's function and triggers."""
    functions = [_function(captured, captured.stem, _body(captured))]
    if captured.image:
        functions.append(_function(captured, f"{captured.stem}_emit", _image_body(captured), _settings(captured)))
    return (*functions, *(statement for trigger in triggers(captured) for statement in trigger.create))


def drops(names: Sequence[tuple[str, str]], home: str) -> tuple[str, ...]:
    """Statements that take triggers away, each given with its table, and then their functions."""
    functions = {name[: name.rindex("_")] for name, _ in names}
    return (
        *(f"DROP TRIGGER IF EXISTS {quote(name)} ON {relation}" for name, relation in names),
        *(f"DROP FUNCTION IF EXISTS {home}.{quote(name)}()" for name in sorted(functions)),
    )


def wrap(relation: str | None, ddl: Sequence[str], dml: Sequence[str]) -> tuple[str, ...]:
    """Whoever waits for a table has everyone else wait behind: never for long. Readers are not kept out."""
    lock = (f"LOCK TABLE {relation} IN SHARE ROW EXCLUSIVE MODE",) if relation else ()
    return ("BEGIN", f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'", *lock, *ddl, *dml, "COMMIT")


def _function(captured: Captured, name: str, body: str, settings: str = "") -> str:
    tag = f"${captured.stem}$"  # no name in the body can end it
    return (
        f"CREATE OR REPLACE FUNCTION {captured.home}.{quote(name)}() RETURNS trigger LANGUAGE plpgsql\n"
        f"SECURITY DEFINER SET search_path = pg_catalog, pg_temp{settings} AS {tag}{body}{tag}"
    )


# What a session may have set that says how values of a type are spelled; seen to only where there are such values.
_SPELLED_BY = {
    **dict.fromkeys(("float4", "float8", "_float4", "_float8"), " SET extra_float_digits = 1"),
    **dict.fromkeys(("interval", "_interval"), " SET intervalstyle = 'iso_8601'"),
    **dict.fromkeys(("bytea", "_bytea"), " SET bytea_output = 'hex'"),
    **dict.fromkeys(("money", "_money"), " SET lc_monetary = 'C'"),
}


def _settings(captured: Captured) -> str:
    return "".join(dict.fromkeys(_SPELLED_BY.get(kind, "") for _, kind in captured.image))


def _of_images(captured: Captured) -> Trigger:
    """For each row: only so are old and new row side by side."""
    event = "AFTER INSERT OR UPDATE OR DELETE"
    return _trigger(captured, _image_body(captured), "emit_row", event, "FOR EACH ROW", f"{captured.stem}_emit")


def _image_body(captured: Captured) -> str:
    """The row as a whole: a column that is added later is in it, and one that is dropped makes no writer fail."""
    new, old = _key(captured, "NEW"), _key(captured, "OLD")
    changed = f"CASE WHEN {' OR '.join(_differ(captured))} THEN {old} END"
    silent = f"{_ORIGIN} <> '' OR {_paused(captured)}"
    branches = _by_operation(
        _emitted(captured, INSERTED, new, "NULL", "NULL", "row_to_json(NEW)"),
        _emitted(captured, UPDATED, new, changed, "row_to_json(OLD)", "row_to_json(NEW)"),
        _emitted(captured, DELETED, old, "NULL", "row_to_json(OLD)", "NULL"),
    )
    return _chain({silent: "NULL"} | branches)


def _emitted(captured: Captured, operation: str, key: str, old_key: str, old: str, new: str) -> str:
    return (
        f"INSERT INTO {captured.home}.strangler_emitted (feed, operation, key, old_key, old_row, new_row, at)\n"
        f"    VALUES ({literal(captured.feed.name)}, '{operation}', {key}, {old_key}, {old}, {new}, {_AT})"
    )


def _body(captured: Captured) -> str:
    if captured.feed == HEARTBEAT_FEED:
        row = _outbox(captured, "json_build_array(NEW.name)::text", "NULL", BEAT, "")
        return f"\nBEGIN\n  {row};\n  RETURN NULL;\nEND"
    return _steps(captured, _by_row(captured) if captured.by_row else _by_statement(captured))


def _by_statement(captured: Captured) -> dict[str, str]:
    rows = _key(captured, "captured_rows")
    change = _outbox(captured, _key(captured, "NEW"), _key(captured, "OLD"), UPDATED, "")
    inserted, updated, deleted = (
        _outbox(captured, rows, "NULL", operation, " FROM captured_rows") for operation in (INSERTED, UPDATED, DELETED)
    )
    return {"TG_LEVEL = 'ROW'": change} | _by_operation(inserted, updated, deleted)


def _by_row(captured: Captured) -> dict[str, str]:
    new, old = _key(captured, "NEW"), _key(captured, "OLD")
    changed = f"CASE WHEN {' OR '.join(_differ(captured))} THEN {old} END"
    inserted = _outbox(captured, new, "NULL", INSERTED, "")
    updated = _outbox(captured, new, changed, UPDATED, "")
    return _by_operation(inserted, updated, _outbox(captured, old, "NULL", DELETED, ""))


def _by_operation(inserted: str, updated: str, deleted: str) -> dict[str, str]:
    return {"TG_OP = 'INSERT'": inserted, "TG_OP = 'UPDATE'": updated, "TG_OP = 'DELETE'": deleted}


def _steps(captured: Captured, branches: dict[str, str]) -> str:
    """A paused feed writes nothing; a TRUNCATE is noted even so."""
    feed = literal(captured.feed.name)
    loss = f"INSERT INTO {captured.home}.strangler_loss (feed, why, at) VALUES ({feed}, 'the table was truncated', {_AT})"
    return _chain({"TG_OP = 'TRUNCATE'": loss, _paused(captured): "NULL"} | branches)


def _paused(captured: Captured) -> str:
    return f"EXISTS (SELECT 1 FROM {captured.home}.strangler_paused WHERE generation = {captured.generation})"


def _chain(steps: dict[str, str]) -> str:
    chain = "\n  ELSIF ".join(f"{condition} THEN\n    {statement};" for condition, statement in steps.items())
    return f"\nBEGIN\n  IF {chain}\n  END IF;\n  RETURN NULL;\nEND"


def _trigger(captured: Captured, body: str, name: str, event: str, scope: str, function: str = "") -> Trigger:
    """ALWAYS: also for sessions whose `session_replication_role` is replica, as loaders and replication set it."""
    label = quote(f"{captured.stem}_{name}")
    create = (
        f"CREATE OR REPLACE TRIGGER {label} {event} ON {captured.relation}\n"
        f"{scope} EXECUTE FUNCTION {captured.home}.{quote(function or captured.stem)}()",
        f"ALTER TABLE {captured.relation} ENABLE ALWAYS TRIGGER {label}",
    )
    return Trigger(f"{captured.stem}_{name}", f"{body}\n{_SHAPES[name]}", create)


def _of_statement(captured: Captured, body: str, event: str, rows: str) -> Trigger:
    scope = f"REFERENCING {rows.upper()} TABLE AS captured_rows FOR EACH STATEMENT"
    return _trigger(captured, body, event, f"AFTER {event.upper()}", scope)


def _outbox(captured: Captured, key: str, old_key: str, operation: str, rest: str) -> str:
    return (
        f"INSERT INTO {captured.home}.strangler_outbox (feed, key, old_key, operation, origin, at)\n"
        f"    SELECT {literal(captured.feed.name)}, {key}, {old_key}, '{operation}', {_ORIGIN}, {_AT}{rest}"
    )


def _key(captured: Captured, row: str) -> str:
    pairs = zip(captured.feed.columns, captured.types, strict=True)
    parts = (f"{row}.{quote(column)}{'::text' * (kind in _AS_TEXT)}" for column, kind in pairs)
    return f"json_build_array({', '.join(parts)})::text"


def _differ(captured: Captured) -> list[str]:
    """SQL conditions that hold if a part of the key changed, be it only in case."""
    found = []
    for column, kind in zip(captured.feed.columns, captured.types, strict=True):
        spelled = "" if kind in _EXACT else '::text COLLATE "C"'
        found.append(f"OLD.{quote(column)}{spelled} IS DISTINCT FROM NEW.{quote(column)}{spelled}")
    return found
