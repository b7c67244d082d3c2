"""What a sink is: two methods, three promises. Whoever adds one proves it with `reconcile.sinks.contract`.

The promises: `Delivered` is said of an event only when the other end has it for good. An outcome is given for every event, in
the order of the events. Nothing is raised that a later try may not meet with: a server that is not there is an outcome as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reconcile.sinks.event import Event


@dataclass(frozen=True, slots=True)
class Delivered:
    """The other end has acknowledged it. `known`: it said that it had it already."""

    known: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """It can never be delivered as it is: a dead letter at once."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was not delivered this time, for a reason that may be the event's own: counted, and tried again later and later."""

    why: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The sink takes nothing at the moment, whatever the event: not counted; everything for it waits.

    `after`: how long it asked to be left alone, in seconds; None if it did not say.
    """

    why: str
    after: float | None = None


Outcome = Delivered | Refused | Failed | Unavailable

BEHIND = Failed("one that comes before it, with the same key, was not delivered")  # so this one was not tried


class Sink(Protocol):
    """Where events go. Used by one event loop, by one caller at a time unless `batch` is 1.

    Attributes:
        batch: how many events it takes in one call at most. With 1, calls are made at the same time, for different keys.
        keeps_order: several events of one key may be in one call, in order. Then, if it has not delivered one of them, it has
            delivered none of that key that comes after it in that call: they are `BEHIND`. Without it, no key is twice in a call.
    """

    batch: int
    keeps_order: bool

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        """Deliver them; what became of each, in their order. A call that is cancelled may have delivered any of them."""

    async def close(self) -> None:
        """Let go of connections. Called once, and `send` never after it."""
