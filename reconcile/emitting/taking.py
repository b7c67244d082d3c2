"""How the outbox takes over what capture emitted: the events of one database, in the order in which their rows were written.

`emissions` has the real one. What could not be mapped is taken over as well, so that it is delivered in its turn or stands in the
way of its own key only: its content type is `UNMAPPED`, its payload what `again` needs. Whoever sends such an event asks `again`
first; if that has a reason, the event is refused with it, and is a dead letter like any other that can be retried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

UNMAPPED = "application/vnd.strangler.unmapped+json"


@dataclass(frozen=True, slots=True)
class Emitted:
    """One event. `key` is the row's, as JSON text without blanks; `at` in µs since 1970-01-01 UTC."""

    id: str
    type: str
    key: str
    payload: bytes
    at: int
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Unmappable:
    """Why an image cannot be made an event yet. It never shows a value."""

    why: str


class Taking(Protocol):
    """What capture emitted. Not for several threads at once."""

    @property
    def held(self) -> Mapping[str, str]:
        """What cannot be taken at the moment, and why: it stays where it is, and is tried again."""

    def take(self, connection: Connection, rows: int, size: int) -> Sequence[Emitted]:
        """Delete the oldest emitted rows, and give their events: at most so many rows, and no more after so many bytes.

        Only one may be at it at a time, in the transaction that keeps the events. A row may give no event, or two. Nothing is
        there any more when a call found no row: see `waiting`.
        """

    def waiting(self, connection: Connection) -> bool:
        """Whether there are rows to take."""

    def again(self, connection: Connection, payload: bytes) -> Emitted | Unmappable | None:
        """What an `UNMAPPED` payload is by the mapping as it is now. None: no event, so it is done.

        Reads only; an expression that fails does not end the transaction.
        """
