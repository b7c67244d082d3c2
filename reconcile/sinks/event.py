"""One event, as sinks get it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that an application recorded in its own transaction.

    Attributes:
        sequence: its place in the outbox it came from; within a key, later events have greater ones.
        id: names it for good: every delivery of it, to every sink, carries the same one.
        type: what happened, such as ``order.placed``.
        key: what it happened to; events with the same key are delivered in order. None: in any order.
        payload: as the application wrote it; text is UTF-8.
        content_type: what the payload is, such as ``application/json``.
        headers: what else the application wants consumers to have; names are lower case.
        version: of what it happened to, growing with every event of its key, if the application counts.
        at: when it was written, in µs since 1970-01-01 UTC.
        source: where it came from, a URI reference (CloudEvents 1.0, `source`).
    """

    sequence: int
    id: str
    type: str
    key: str | None
    payload: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    version: int | None = None
    at: int = 0
    source: str = ""
