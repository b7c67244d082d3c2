"""Writing an event in the transaction of the business change: the one thing that an application needs of the outbox.

The statement is one INSERT; nothing is committed, and nothing is imported that the application has not imported itself.

    with Session(engine) as session, session.begin():
        session.add(order)
        publish(session, "order.placed", {"no": order.no}, key=order.no)
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from reconcile.databases.caller import HERE, Caller
from strangler.core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Outbox:
    """A table of events, as its writers see it.

    Attributes:
        columns: part of an event (`id`, `type`, `key`, `payload`, `content_type`, `headers`, `version`, `at`) to the table's own
            column. Without any, the table is as `outbox init` makes it.
        binary: the payload's column holds bytes.
    """

    table: str = "outbox_events"
    columns: Mapping[str, str] = field(default_factory=dict)
    binary: bool = False

    def column(self, part: str) -> str:
        """Raises UsageError if the table has no column for it."""
        if not self.columns:
            return "event_id" if part == "id" else part
        if part not in self.columns:
            raise UsageError(f"the outbox {self.table} has no column for {part}: leave it out, or name one in its `columns`")
        return self.columns[part]


USUAL = Outbox()


def publish(
    connection: Any,
    type: str,
    payload: Any,
    *,
    key: object = None,
    version: int | None = None,
    headers: Mapping[str, str] | None = None,
    id: str | None = None,
    at: datetime | int | None = None,
    content_type: str | None = None,
    also: Mapping[str, Any] | None = None,
    outbox: Outbox = USUAL,
) -> str:
    """Write an event in the open transaction, and give its id.

    Args:
        connection: a Session or Connection of SQLAlchemy, or a connection of a driver (sqlite3, psycopg, pymysql, …).
        payload: text as it is, which should be JSON unless `content_type` says otherwise; UTF-8 bytes; anything else as JSON.
        key: what it happened to. Events of one key are delivered in the order in which they were written, if their writers
            take turns, as they do when each has changed that thing's row first.
        version: of what it happened to, counted by the application, so that a consumer can tell an old event from a new one.
        id: names the event for consumers; by itself one that nobody else has, and that grows with time.
        at: when it happened; an int is µs since 1970-01-01 UTC. By itself the moment of the insert, if the table says so.
        also: further columns of the table.

    Raises UsageError for what is no event, and where every statement would be committed by itself.
    """
    if hasattr(connection, "run_sync"):
        raise UsageError("publish would have to wait here: write `await publish_async(session, …)` for what is asynchronous")
    found = id or make_id(time.time_ns() // 1_000_000, os.urandom(10))
    written = _written(outbox, found, type, payload, key, version, headers, at, content_type)
    values = {outbox.column(part): value for part, value in written.items() if value is not None} | dict(also or {})
    caller = Caller(connection)
    caller.refuse_automatic("the event would be there although the business change might fail")
    names, places = ", ".join(map(caller.quote, values)), ", ".join([HERE] * len(values))
    caller.execute(f"INSERT INTO {caller.quote(outbox.table)} ({names}) VALUES ({places})", *values.values())
    return found


async def publish_async(connection: Any, type: str, payload: Any, **rest: Any) -> str:
    """The same for an AsyncSession or AsyncConnection of SQLAlchemy."""
    found: str = await connection.run_sync(lambda inner: publish(inner, type, payload, **rest))
    return found


def make_id(milliseconds: int, draw: bytes) -> str:
    """A UUID of version 7 (RFC 9562): ids of later milliseconds are greater. `draw`: 10 random bytes."""
    number = (milliseconds & (1 << 48) - 1) << 80 | int.from_bytes(draw)
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62
    return str(UUID(int=number))


def _written(
    outbox: Outbox,
    id: str,
    type: str,
    payload: Any,
    key: object,
    version: int | None,
    headers: Mapping[str, str] | None,
    at: datetime | int | None,
    content_type: str | None,
) -> dict[str, Any]:
    if not isinstance(type, str) or not type.strip():
        raise UsageError(f"{type!r} is not an event's type: write a text such as 'order.placed'")
    return {
        "id": id,
        "type": type,
        "key": None if key is None else str(key),
        "payload": _payload(payload, binary=outbox.binary),
        "content_type": content_type,
        "headers": _headers(headers),
        "version": version,
        "at": at if outbox.columns else _microseconds(at),
    }


def _payload(payload: Any, *, binary: bool) -> str | bytes:
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload) if binary else _decoded(bytes(payload))
    words = payload if isinstance(payload, str) else _json(payload)
    return words.encode() if binary else words


def _decoded(payload: bytes) -> str:
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise UsageError("the payload is no UTF-8: encode it, as base64 say, or use a table that takes bytes") from None


def _json(payload: Any) -> str:
    try:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the payload cannot be written as JSON: {error}") from None


def _plain(value: Any) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    raise TypeError(f"a {value.__class__.__name__} has no place in it")


def _headers(headers: Mapping[str, str] | None) -> str | None:
    for name, value in (headers or {}).items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise UsageError(f"header {name!r}: names and values of headers are texts")
    return json.dumps({name.lower(): value for name, value in headers.items()}, ensure_ascii=False) if headers else None


def _microseconds(at: datetime | int | None) -> int | None:
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        raise UsageError(f"{at.isoformat()} is in no time zone: give it one, or µs since 1970-01-01 UTC")
    return round(at.timestamp() * 1_000_000)
