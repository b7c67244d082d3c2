"""The events of one call on their way: which are packed, and what became of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from reconcile.sinks.cloudevents import UnfitError
from reconcile.sinks.event import Event
from reconcile.sinks.sink import BEHIND, Outcome, Refused

Packed = TypeVar("Packed")


class Parcel(Generic[Packed]):
    """Packs events by `pack`, and refuses those that it calls unfit, and what comes behind them.

    Attributes:
        packed: the places and contents of those that can be sent.
    """

    def __init__(self, events: Sequence[Event], pack: Callable[[Event], Packed]) -> None:
        self._outcomes: list[Outcome | None] = [None] * len(events)
        self.packed: list[tuple[int, Packed]] = []
        stuck: set[str] = set()
        for place, event in enumerate(events):
            if event.key is not None and event.key in stuck:
                self._outcomes[place] = BEHIND
                continue
            try:
                self.packed.append((place, pack(event)))
            except (UnfitError, UnicodeEncodeError) as error:
                self._outcomes[place] = Refused(_explained(error))
                stuck.update(() if event.key is None else (event.key,))

    def settle(self, place: int, outcome: Outcome) -> None:
        """What became of one of them; whoever speaks first is right."""
        if self._outcomes[place] is None:
            self._outcomes[place] = outcome

    def outcomes(self, otherwise: Outcome) -> list[Outcome]:
        """What became of each: `otherwise` of those that nothing was said of."""
        return [otherwise if outcome is None else outcome for outcome in self._outcomes]


def _explained(error: Exception) -> str:
    return str(error) if isinstance(error, UnfitError) else "it has half of a surrogate pair, which is no text"
