"""What becomes of a lane after its letters were sent, or some of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconcile.outbox.lanes import Dead, Lane, Turn
from reconcile.outbox.tables import DEAD, WAITING
from reconcile.relaying.patience import Fate, Patience, backoff, fail
from reconcile.sinks.sink import BEHIND, Delivered, Failed, Outcome, Refused, Unavailable


@dataclass(slots=True)
class Course:
    """How far a lane has come in its turn. `over`: nothing more of it is sent in this turn."""

    lane: Lane
    goes_on: bool  # past dead letters
    sent: list[int] = field(default_factory=list)
    aside: list[Dead] = field(default_factory=list)
    fate: Fate | None = None
    over: bool = False
    empty: bool = False

    @property
    def turn(self) -> Turn:
        return Turn(self.lane, tuple(self.sent), tuple(self.aside), self.fate, self.empty)

    @property
    def attempts(self) -> int:
        """At the delivery that is next, with this one."""
        return 1 if self.sent or self.aside else self.lane.attempts

    def take(self, outcomes: Iterable[tuple[int, Outcome]], patience: Patience, draw: float, *, counts: bool = True) -> None:
        """What became of its next deliveries, by sequence and in order. `counts`: failing is held against them."""
        for sequence, outcome in outcomes:
            if isinstance(outcome, Delivered):
                self.sent.append(sequence)
                continue
            self._stop(sequence, outcome, patience, draw, counts)
            if self.over:
                return

    def put_off(self, why: str) -> None:
        """Not sent, by no fault of its own."""
        self.fate, self.over = self.fate or Fate(WAITING, 0.0, why, counts=False), True

    def _stop(self, sequence: int, outcome: Outcome, patience: Patience, draw: float, counts: bool) -> None:
        if outcome == BEHIND:
            self.over = True  # behind one that was set aside: it is tried in the next turn
            return
        fate = _fate(outcome, self.attempts, patience, draw, counts)
        if fate.state == DEAD and self.goes_on:
            self.aside.append(Dead(sequence, fate.error, self.attempts))
            return
        self.fate, self.over = fate, True


def _fate(outcome: Outcome, attempts: int, patience: Patience, draw: float, counts: bool) -> Fate:
    match outcome:
        case Refused(why):
            return Fate(DEAD, 0.0, why)
        case Failed(why) if counts:
            return fail(patience, attempts, why, draw)
        case Failed(why):
            return Fate(WAITING, backoff(patience, max(1, attempts), draw), why, counts=False)
        case Unavailable(why):
            return Fate(WAITING, 0.0, why, counts=False)
    raise AssertionError(outcome)
