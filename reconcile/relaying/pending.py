"""Keys that wait: one row per mapping and key, however often the row behind it changed. `lease` says who takes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, select

from reconcile.capturing.tables import BEAT
from reconcile.comparing import touched
from reconcile.databases.chunk import Key
from reconcile.databases.clock import now
from reconcile.databases.database import Database
from reconcile.mapping.canonical import key_text
from reconcile.relaying import outbox
from reconcile.relaying.change import KEY_LENGTH, Entry, Listener, Sorted, in_order, sort
from reconcile.relaying.tables import DEAD, NEVER, PENDING, PROGRESS, ROGUE, WAITING
from strangler.core.errors import UsageError

_AT_ONCE = 400

Listeners = Mapping[str, Sequence[Listener]]


@dataclass(frozen=True, slots=True)
class Pending:
    """A key that is not known to be applied. Times in microseconds on its database's clock; `leased`: someone is at it now."""

    mapping: str
    key: str
    version: int
    first_at: int
    due_at: int
    attempts: int
    state: str
    leased: bool
    error: str | None
    origin: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What one look into the outbox brought. `rows` is 0 when there was nothing that anybody here listens to."""

    rows: int
    keys: int = 0
    rogues: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """Keys of these mappings that were not waiting yet are claimed as they are collected, by this token for `lease` seconds."""

    token: str
    lease: float
    mappings: Collection[str]


def collect(database: Database, listeners: Listeners, *, limit: int = 1000) -> Collected:
    """Move rows of the outbox to where keys wait, in one transaction."""
    with database.writing() as connection:
        return collect_within(database, connection, listeners, limit)


def collect_within(
    database: Database, connection: Connection, listeners: Listeners, limit: int, claim: Claim | None = None
) -> Collected:
    """The same, in an open transaction that holds no locks yet."""
    changes = outbox.take(connection, listeners.keys(), limit)
    if not changes:
        return Collected(0)
    found = sort(changes, listeners, beat=BEAT)
    instant = connection.execute(select(now(database))).scalar_one()
    _add(connection, found.entries, instant, claim)
    touched.note(connection, [(entry.mapping, entry.key) for entry in found.entries if entry.error is None], instant)
    _note(connection, found, instant)
    return Collected(len(changes), len(found.entries), len(found.rogues))


def enqueue(connection: Connection, mapping: str, keys: Collection[Key], origin: str = "") -> None:
    """Queue keys as if they had changed, in an open transaction of the captured database."""
    texts = sorted({key_text(key) for key in keys}, key=lambda text: in_order((mapping, text)))
    if any(len(text) > KEY_LENGTH for text in texts):
        raise UsageError(f"{mapping}: a key is longer than {KEY_LENGTH} characters as JSON: apply it by hand")
    instant = connection.execute(select(_clock(connection))).scalar_one()
    _add(connection, [Entry(mapping, text, instant, origin) for text in texts], instant, None)


def states(connection: Connection, mapping: str, keys: Collection[Key]) -> dict[Key, Pending]:
    """Those of the keys that wait. What is still in the outbox is not among them: `collect` first."""
    texts = {key_text(key): key for key in keys}
    listed, found = list(texts), dict[Key, Pending]()
    for start in range(0, len(listed), _AT_ONCE):
        here = (PENDING.c.mapping == mapping) & PENDING.c.key.in_(listed[start : start + _AT_ONCE])
        found |= {texts[row.key]: pending(row) for row in connection.execute(select(PENDING).where(here))}
    return found


def pending(row: Any) -> Pending:
    """A row of the table, as a value."""
    return Pending(
        row.mapping,
        row.key,
        row.version,
        row.first_at,
        row.due_at,
        row.attempts,
        row.state,
        row.token is not None,
        row.error,
        row.origin,
    )


def _clock(connection: Connection) -> Any:
    return now(Database("", connection.engine))


# A key that waits already keeps its place, its lease, its pause and its count of attempts; one that was given up begins anew.
# MariaDB assigns from left to right, so `state` comes last.
_AGAIN = """
    version = {p}.version + 1, origin = {new}origin{end},
    first_at = CASE WHEN {p}.state = 'dead' THEN {new}first_at{end} ELSE {p}.first_at END,
    due_at = CASE WHEN {p}.state = 'dead' THEN {new}due_at{end} ELSE {p}.due_at END,
    attempts = CASE WHEN {p}.state = 'dead' THEN 0 ELSE {p}.attempts END,
    deaths = CASE WHEN {p}.state = 'dead' THEN 0 ELSE {p}.deaths END,
    error = CASE WHEN {p}.state = 'dead' THEN {new}error{end} ELSE {p}.error END,
    deferred_at = CASE WHEN {p}.state = 'dead' THEN NULL ELSE {p}.deferred_at END,
    state = CASE WHEN {p}.state = 'dead' THEN {new}state{end} ELSE {p}.state END
"""
_TYPES = {  # of the columns that an entry fills, in the order of `_row`
    **{"mapping": "text", "key": "text", "version": "bigint", "first_at": "bigint", "due_at": "bigint", "attempts": "int"},
    **{"deaths": "int", "state": "text", "token": "text", "lease_until": "bigint", "claimed": "bigint", "error": "text"},
    "origin": "text",
}
_NAMES = ", ".join(_TYPES)
_VARYING = ("mapping", "key", "first_at", "error", "origin")  # within entries that are claimed alike; the others are sent once
_CONFLICT = f"ON CONFLICT (mapping, key) DO UPDATE SET {_AGAIN.format(p=PENDING.name, new='excluded.', end='')}"
_UPSERTS = {
    "sqlite": f"INSERT INTO {PENDING.name} ({_NAMES}) VALUES ({', '.join('?' * len(_TYPES))}) {_CONFLICT}",
    "mysql": f"INSERT INTO {PENDING.name} ({_NAMES.replace('key', '`key`')}) VALUES ({', '.join(['%s'] * len(_TYPES))}) "
    f"ON DUPLICATE KEY UPDATE {_AGAIN.format(p=PENDING.name, new='VALUES(', end=')')}",
}

_GIVEN = ", ".join(f"%({name})s::{_TYPES[name]}[]" for name in _VARYING)
_ARRAYS = (
    f"INSERT INTO {PENDING.name} ({_NAMES}) SELECT "
    + ", ".join(name if name in _VARYING else f"%({name})s::{kind}" for name, kind in _TYPES.items())
    + f" FROM unnest({_GIVEN}) AS given ({', '.join(_VARYING)}) {_CONFLICT}"
)


def _add(connection: Connection, entries: Sequence[Entry], instant: int, claim: Claim | None) -> None:
    """Entries come in order, so that whoever adds the same keys at once waits for us and not crosswise."""
    if not entries:
        return
    rows = [_row(entry, instant, claim) for entry in entries]
    if connection.dialect.name == "postgresql":
        for _, alike in groupby(rows, key=_shared):
            columns = [list(column) for column in zip(*alike, strict=True)]
            given = zip(_TYPES, columns, strict=True)
            connection.exec_driver_sql(_ARRAYS, {name: each if name in _VARYING else each[0] for name, each in given})
    else:
        connection.exec_driver_sql(_UPSERTS[connection.dialect.name], rows)


def _shared(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value for name, value in zip(_TYPES, row, strict=True) if name not in _VARYING)


def _row(entry: Entry, instant: int, claim: Claim | None) -> tuple[Any, ...]:
    """Never due later than now: the clock that told the change may have been set back since."""
    first = entry.mapping, entry.key, 1, min(entry.at, instant)
    if entry.error is not None:
        return *first, NEVER, 0, 0, DEAD, None, 0, None, entry.error, entry.origin
    if claim is None or entry.mapping not in claim.mappings:
        return *first, instant, 0, 0, WAITING, None, 0, None, None, entry.origin
    return *first, instant, 1, 0, WAITING, claim.token, instant + int(claim.lease * 1e6), 1, None, entry.origin


_ROGUES = {
    "sqlite": f"INSERT INTO {ROGUE.name} (mapping, key, writes, origin, first_at, last_at) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (mapping, key) DO UPDATE SET writes = writes + excluded.writes, origin = excluded.origin, "
    "last_at = excluded.last_at",
    "postgresql": f"INSERT INTO {ROGUE.name} (mapping, key, writes, origin, first_at, last_at) VALUES (%s, %s, %s, %s, %s, %s) "
    f"ON CONFLICT (mapping, key) DO UPDATE SET writes = {ROGUE.name}.writes + excluded.writes, origin = excluded.origin, "
    "last_at = excluded.last_at",
    "mysql": f"INSERT INTO {ROGUE.name} (mapping, `key`, writes, origin, first_at, last_at) VALUES (%s, %s, %s, %s, %s, %s) "
    "ON DUPLICATE KEY UPDATE writes = writes + VALUES(writes), origin = VALUES(origin), last_at = VALUES(last_at)",
}


def _note(connection: Connection, found: Sorted, instant: int) -> None:
    if found.rogues:
        rows = [(*place, writes, entry.origin, entry.at, entry.at) for place, (writes, entry) in found.rogues.items()]
        connection.exec_driver_sql(_ROGUES[connection.dialect.name], rows)
    if found.beat_at is not None:
        newer = (PROGRESS.c.name == "") & ((PROGRESS.c.beat_at < found.beat_at) | PROGRESS.c.beat_at.is_(None))
        if connection.execute(select(PROGRESS.c.name).where(newer).with_for_update(skip_locked=True)).first():
            connection.execute(PROGRESS.update().where(newer).values(beat_at=found.beat_at, at=instant))  # else the next one is
