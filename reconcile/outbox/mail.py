"""What lanes hold: their next deliveries, with small payloads at once, and large ones only when they are sent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, null, select

from reconcile.databases.among import among
from reconcile.emitting.taking import UNMAPPED, Taking, Unmappable
from reconcile.outbox.lanes import Lane
from reconcile.outbox.tables import DELIVERY, EVENT
from reconcile.sinks.event import Event

SMALL = 4 * 1024  # bytes of a payload that comes along at once
_SEVERAL = 16  # deliveries of a lane that are read together with those of others
_MOST = 4000  # deliveries that are read at once where some lanes have many, about


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery to make.

    Attributes:
        event: with an empty payload if that is not here yet: see `size`.
        size: of the payload, in bytes.
        here: whether the payload is.
        broken: why it can be sent to nobody; "" if it can.
        void: there is nothing to send, and it is done.
    """

    event: Event
    size: int
    here: bool = True
    broken: str = ""
    void: bool = False


def fetch(
    connection: Connection, sink: str, lanes: Sequence[Lane], source: str, emitted: Taking | None = None, *, most: int = _MOST
) -> dict[str, list[Letter]]:
    """By lane, its next deliveries in order."""
    found: dict[str, list[Letter]] = {lane.key: [] for lane in lanes}
    few = [lane.key for lane in lanes if lane.waiting <= _SEVERAL]
    wanted: list[tuple[ColumnElement[bool], int | None]] = [(here, None) for here in among(connection, DELIVERY.c.lane, few)]
    share = max(_SEVERAL, most // max(1, len(lanes)))
    wanted += [(DELIVERY.c.lane == lane.key, share) for lane in lanes if lane.waiting > _SEVERAL]
    for here, limit in wanted:
        for row in connection.execute(_next(sink, here).limit(limit)):
            found[row.lane].append(_letter(row, source))
    return {key: [_asked(connection, letter, emitted) for letter in letters] for key, letters in found.items()}


def payloads(connection: Connection, sequences: Sequence[int]) -> dict[int, bytes]:
    """The payloads of kept events."""
    found: dict[int, bytes] = {}
    for here in among(connection, EVENT.c.sequence, sequences):
        rows = connection.execute(select(EVENT.c.sequence, EVENT.c.payload).where(here))
        found |= {row.sequence: bytes(row.payload) for row in rows}
    return found


_INLINE = case(((EVENT.c.size <= SMALL) | (EVENT.c.content_type == UNMAPPED), EVENT.c.payload), else_=null())
_COLUMNS = (
    *(DELIVERY.c.lane, EVENT.c.sequence, EVENT.c.event_id, EVENT.c.type, EVENT.c.key, EVENT.c.content_type, EVENT.c.headers),
    *(EVENT.c.version, EVENT.c.at, EVENT.c.size, _INLINE.label("payload")),
)


def _next(sink: str, here: ColumnElement[bool]) -> Any:
    joined = DELIVERY.join(EVENT, EVENT.c.sequence == DELIVERY.c.sequence)
    return select(*_COLUMNS).select_from(joined).where(DELIVERY.c.sink == sink, here).order_by(DELIVERY.c.sequence)


def _letter(row: Any, source: str) -> Letter:
    headers, broken = _headers(row.headers)
    here = row.payload is not None
    event = Event(
        row.sequence,
        row.event_id,
        row.type,
        row.key,
        bytes(row.payload) if here else b"",
        row.content_type or "application/json",
        headers,
        row.version,
        row.at,
        source,
    )
    return Letter(event, row.size, here, broken)


def _headers(words: str | None) -> tuple[Mapping[str, str], str]:
    """Names in lower case. What is no object of JSON is told of, and its event not sent without."""
    if not words:
        return {}, ""
    try:
        read = json.loads(words)
        return {str(name).lower(): _text(value) for name, value in read.items() if value is not None}, ""
    except (ValueError, AttributeError, RecursionError):
        return {}, "its headers are no JSON object of names and values"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _asked(connection: Connection, letter: Letter, emitted: Taking | None) -> Letter:
    """What could not be mapped when it was taken over may be able to by now."""
    event = letter.event
    if event.content_type != UNMAPPED:
        return letter
    found = emitted.again(connection, event.payload) if emitted else Unmappable("its mapping is not in the file any more")
    if isinstance(found, Unmappable):
        return Letter(event, letter.size, broken=found.why)
    if found is None:
        return Letter(event, 0, void=True)
    mapped = replace(event, id=found.id, type=found.type, payload=found.payload, content_type=found.content_type, at=found.at)
    return Letter(mapped, len(found.payload))
