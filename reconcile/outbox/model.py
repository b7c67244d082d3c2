"""The `outbox` section of a mappings.yaml as it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconcile.sinks.settings import Settings

TABLE = "outbox_events"  # as `outbox init` makes it
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Route:
    """A sink, and which events go there.

    Attributes:
        types: patterns such as ``order.*``; an event whose type fits one of them goes there.
        start: where a sink that is new begins: ``now``, ``beginning`` (of what is kept), or a moment as ISO 8601.
        attempts: an event that failed so often is a dead letter.
        concurrency: so many keys may be under way at once.
        after_dead: ``hold``: what comes after a dead letter of its key waits until someone retries or skips it, so that order
            is kept; ``pass``: it goes on.
    """

    name: str
    settings: Settings
    types: tuple[str, ...] = ("*",)
    start: str = "now"
    attempts: int = 10
    concurrency: int = 64
    after_dead: str = "hold"


@dataclass(frozen=True, slots=True)
class Outbox:
    """The table with the events, and who gets them.

    Attributes:
        columns: part of an event (`id`, `type`, `key`, `payload`, …) to the table's own column, or an expression in its SQL,
            where that differs from what `outbox init` makes.
        mark: the column that is set to the current time when an event was taken over; None: its row is deleted.
        source: what consumers are told events come from, a URI reference.
        keep: how long delivered events can be replayed, in seconds.
    """

    database: str
    table: str = TABLE
    columns: Mapping[str, str] = field(default_factory=dict)
    mark: str | None = None
    source: str = "/strangler/outbox"
    keep: float = 7 * _DAY
    sinks: tuple[Route, ...] = ()
