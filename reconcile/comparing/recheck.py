"""What becomes of a row that differed when it was first read: looked at again and again until there is a verdict.

Pure: it is told what was seen and when. One look reads the side that follows, then the owner's row together with what waits to
be relayed (one snapshot), then the side that follows once more. Everything that the owner's row holds has then either been
applied before the second reading, or waits. So a row that nothing waits for, that did not move and that still differs, twice,
has drifted. Without capture nobody knows what waits; then time has to pass in which neither side moves.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What a row turned out to be. Only `drift` and `stuck` are drift."""

    SAME = "same"
    DRIFT = "drift"
    STUCK = "stuck"
    IN_FLIGHT = "in_flight"
    UNDECIDED = "undecided"
    UNMAPPED = "unmapped"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one waits. Seconds.

    Attributes:
        settle: without capture, for how long a row must stand still on both sides to be drift.
        in_flight: how long to wait for what is being relayed before leaving it at that.
        stuck: what has waited for so long is not in flight but stuck.
        moves: so many times a row may have moved between two looks before it is undecided.
        undecided: so many undecided rows still let a pass be clean.
        pause: between two looks.
    """

    settle: float = 1.0
    in_flight: float = 5.0
    stuck: float = 300.0
    moves: int = 10
    undecided: int = 10
    pause: float = 0.05


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that is captured and not known to be applied: for how many seconds, and whether it was given up."""

    age: float
    dead: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a row: what the owner's side makes of it, and the side that follows before and after. None: no row.

    `unmapped`: the old row cannot be mapped.
    """

    held: bytes | None
    before: bytes | None
    after: bytes | None
    waiting: Waiting | None = None
    unmapped: bool = False

    @property
    def stands_still(self) -> bool:
        return self.waiting is None and self.before == self.after

    def repeats(self, last: Seen | None) -> bool:
        """Whether nothing moved since an earlier look."""
        return last is not None and self.stands_still and last.stands_still and (self.held, self.after) == (last.held, last.after)


@dataclass(frozen=True, slots=True)
class Watch:
    """A row that is looked at: since when, since when it has stood still, how often it moved, and what was seen last."""

    since: float
    still_since: float
    moves: int = 0
    last: Seen | None = None


def judge(watch: Watch, seen: Seen, now: float, patience: Patience, *, captured: bool) -> Outcome | Watch:
    """The verdict on a row, or how to go on watching it."""
    if seen.unmapped:
        return Outcome.UNMAPPED
    if seen.held == seen.after:
        return Outcome.SAME
    if seen.waiting is not None:
        return _judge_waiting(watch, seen, seen.waiting, now, patience)
    if seen.repeats(watch.last):
        settled = captured or now - watch.still_since >= patience.settle
        return Outcome.DRIFT if settled else Watch(watch.since, watch.still_since, watch.moves, seen)
    moves = watch.moves + (watch.last is not None and watch.last.waiting is None)
    return Outcome.UNDECIDED if moves > patience.moves else Watch(watch.since, now, moves, seen)


def _judge_waiting(watch: Watch, seen: Seen, waiting: Waiting, now: float, patience: Patience) -> Outcome | Watch:
    if waiting.dead or waiting.age > patience.stuck:
        return Outcome.STUCK
    if now - watch.since > patience.in_flight:
        return Outcome.IN_FLIGHT
    return Watch(watch.since, now, watch.moves, seen)
