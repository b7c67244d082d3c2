"""What somebody wants of a route, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from strangler.core.errors import Refusal, UsageError
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.model import Stage
from strangler.core.units import Share


@dataclass(frozen=True, slots=True)
class Order:
    """One flip that is asked for.

    Attributes:
        name: a route, or ``@group``.
        actor: who asks: a user's name, or `journal.LADDER`.
        stage: where to; None for a rollback means where `core.flip.descend` leads.
        weight: of a canary; None where it stands, or the ladder's first step.
        rollback: down, without any evidence; nothing climbs again until somebody resumes.
        force: upwards whatever the guard says, which is written down; needs a reason. A hold stays a hold.
        dry_run: say what would happen, and why it would be refused.
        cutover: token of the cutover that this is a part of, which has asked whatever is to be asked.
    """

    name: str
    actor: str
    stage: Stage | None = None
    weight: Share | None = None
    rollback: bool = False
    reason: str = ""
    force: bool = False
    dry_run: bool = False
    cutover: str = ""

    def check(self) -> None:
        """Raises UsageError for what makes no sense."""
        if self.force and not self.reason.strip():
            raise UsageError("--force needs a --reason: it is what the journal will show")
        if self.force and self.rollback:
            raise UsageError("a rollback needs no --force: nothing stands in its way")
        if self.stage is None and not self.rollback:
            raise UsageError("say where to: shadow, canary, modern, retired or legacy")
        if self.rollback and self.weight is not None:
            raise UsageError("a rollback goes to a stage: for another weight say `strangler flip ROUTE canary --weight P`")


class Effect(StrEnum):
    """What came of an order."""

    NOTHING = "nothing to do"
    PLANNED = "planned"  # a dry run
    LIVE = "live"  # every worker decides by it
    LATER = "at the next start"  # the file is changed, and nobody serves it


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an order that was not refused.

    Attributes:
        flip: name of the flip in the journal; "" if there is none.
        judgements: of the guard, by route; empty on the way down.
        objections: of a dry run: why it would be refused, one line each.
        held: routes that a hold was set on.
        notes: what people should know: that something is journalled later, say.
        digest: of the file as it was left.
    """

    effect: Effect
    flips: tuple[Flip, ...] = ()
    flip: str = ""
    judgements: Mapping[str, Judgement] = field(default_factory=dict)
    objections: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    digest: str = ""


class Refused(Refusal):
    """The guard, a hold, or the running proxy said no.

    Attributes:
        objections: every reason, one line each.
        judgements: of the guard, by route.
    """

    def __init__(
        self, flips: Sequence[Flip], objections: Sequence[str], judgements: Mapping[str, Judgement] | None = None
    ) -> None:
        self.flips, self.objections, self.judgements = tuple(flips), tuple(objections), dict(judgements or {})
        what = "; ".join(map(str, flips))
        super().__init__("\n".join((f"refused: {what}", *(f"  {objection}" for objection in objections))))
