"""What somebody wants of a cutover, what is told while it goes on, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from strangler.core.cutover import NEW, OLD, Owner, Step
from strangler.core.errors import UsageError
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Stage

HOLD = 10.0  # seconds that writes wait at most, if nobody says otherwise
LEAST, MOST = 0.5, 120.0


@dataclass(frozen=True, slots=True)
class Order:
    """One cutover that is asked for.

    Attributes:
        name: a route, or ``@group``.
        actor: who asks.
        back: the other way: legacy gets writes and data again.
        stage: where to, on the way back; shadow if it is not said.
        force: whatever the guard says; what stands against it for the data's sake stays.
        hold: seconds that writes wait at most.
        dry_run: rehearse: nobody waits, and nothing moves.
    """

    name: str
    actor: str
    back: bool = False
    stage: Stage | None = None
    reason: str = ""
    force: bool = False
    hold: float = HOLD
    dry_run: bool = False

    @property
    def to(self) -> Owner:
        """The side that gets the data."""
        return OLD if self.back else NEW

    def check(self) -> None:
        """Raises UsageError for what makes no sense."""
        if self.force and not self.reason.strip():
            raise UsageError("--force needs a --reason: it is what the journal will show")
        if self.stage is not None and not self.back:
            raise UsageError("--to belongs to --back: a cutover goes to modern")
        if not LEAST <= self.hold <= MOST:
            raise UsageError(f"--hold {self.hold:g}s: between {LEAST * 1000:g}ms and {MOST:g}s; clients wait for as long")


class Effect(StrEnum):
    """What came of it."""

    DONE = "live"
    REFUSED = "refused"  # nothing was begun
    REVERTED = "reverted"  # it failed on the way: the old owner, the old table, and no write is held
    PLANNED = "planned"
    UNSETTLED = "unsettled"  # it goes on, or whoever comes next settles it


@dataclass(frozen=True, slots=True)
class Told:
    """One step, while it goes on.

    Attributes:
        seconds: that it took; None at its beginning.
        words: what there is to say of it.
    """

    step: Step
    seconds: float | None = None
    words: str = ""


Tell = Callable[[Told], None]


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an order.

    Attributes:
        objections: why it is refused, or would be, one line each.
        why: it was reverted, or is not settled.
        judgements: of the guard, by route.
        rehearsal: numbers of a dry run.
        owners: side and epoch of each mapping, where they have moved.
        steps: seconds that each step took, in order.
        held: seconds that writes waited: from the first one that did to their release.
        waited: how many waited when they were let go.
    """

    effect: Effect
    flips: tuple[Flip, ...] = ()
    mappings: tuple[str, ...] = ()
    objections: tuple[str, ...] = ()
    why: str = ""
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    rehearsal: Mapping[str, Any] = field(default_factory=dict)
    owners: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)
    held: float | None = None
    waited: int = 0
    token: str = ""
    notes: tuple[str, ...] = ()


def order_as_json(order: Order) -> dict[str, Any]:
    """As a frame carries it."""
    return asdict(order)


def order_of(said: Mapping[str, Any]) -> Order:
    """What `order_as_json` made. Raises ValueError, TypeError."""
    return Order(**{**said, "stage": Stage(said["stage"]) if said["stage"] else None})
