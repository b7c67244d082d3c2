"""A sink that keeps what it is given: for tests, of ours and of whoever uses the outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconcile.sinks.event import Event
from reconcile.sinks.sink import BEHIND, Delivered, Outcome, Unavailable


def _welcome(event: Event) -> Outcome:
    return Delivered()


class MemorySink:
    """Keeps events, in the order in which they came.

    Args:
        batch, keeps_order: as every sink has them.
        answer: what becomes of an event; one that is Delivered is kept, however often it comes, unless it is known.
    """

    def __init__(self, *, batch: int = 100, keeps_order: bool = True, answer: Callable[[Event], Outcome] = _welcome) -> None:
        self.batch, self.keeps_order, self.answer = batch, keeps_order, answer
        self.delivered: list[Event] = []
        self.calls: list[tuple[Event, ...]] = []
        self.away = ""  # why it takes nothing at the moment; "": it does
        self.closed = False

    async def send(self, events: Sequence[Event]) -> Sequence[Outcome]:
        self.calls.append(tuple(events))
        if self.away:
            return [Unavailable(self.away)] * len(events)
        stuck: set[str] = set()
        return [self._take(event, stuck) for event in events]

    async def close(self) -> None:
        self.closed = True

    def _take(self, event: Event, stuck: set[str]) -> Outcome:
        if event.key in stuck:
            return BEHIND
        outcome = self.answer(event)
        if not isinstance(outcome, Delivered):
            stuck.update({event.key} if event.key is not None and self.keeps_order else ())
            return outcome
        if not outcome.known:
            self.delivered.append(event)
        return outcome
