"""Which conditions which step needs, as a table, and the judgement on all of them (DESIGN, section 4)."""

from __future__ import annotations

from enum import StrEnum

from strangler.core.guard import conditions
from strangler.core.guard.conditions import Condition
from strangler.core.guard.evidence import Evidence
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.model import Guard, Stage
from strangler.core.units import Share


class Step(StrEnum):
    """What a flip does, as far as evidence goes."""

    DOWN = "down"  # and to where it stands already: needs nothing
    SHADOW = "legacy → shadow"
    UP = "to canary, up on it, or to modern"
    RETIRE = "modern → retired"
    LEAP = "→ retired, past modern"


_COMPARED: tuple[Condition, ...] = (
    conditions.parity,
    conditions.recent,
    conditions.errors,
    conditions.latency,
    conditions.coverage,
    conditions.version,
    conditions.comparing,
    conditions.data,
)
_RETIRED: tuple[Condition, ...] = (conditions.quiet, conditions.data, conditions.journal)
WATCHED: tuple[Condition, ...] = (conditions.parity, conditions.recent, conditions.errors, conditions.latency, conditions.data)
NEEDED: dict[Step, tuple[Condition, ...]] = {
    Step.DOWN: (),
    Step.SHADOW: (conditions.health,),
    Step.UP: _COMPARED,
    Step.RETIRE: _RETIRED,
    Step.LEAP: tuple(dict.fromkeys((*_COMPARED, *_RETIRED))),
}


def step(stage: Stage, weight: Share, to_stage: Stage, to_weight: Share) -> Step:
    """What kind of step a flip is. A flip over several stages needs what the highest of them needs."""
    below = (to_stage.rung, to_weight if to_stage is Stage.CANARY else 0.0)
    if below <= (stage.rung, weight if stage is Stage.CANARY else 0.0):
        return Step.DOWN
    if to_stage is Stage.RETIRED:
        return Step.RETIRE if stage is Stage.MODERN else Step.LEAP
    return Step.SHADOW if to_stage is Stage.SHADOW else Step.UP


def judge(kind: Step, evidence: Evidence, guard: Guard) -> Judgement:
    """What the evidence says of a step. A step down is not judged: its judgement is empty, and nobody asks for it."""
    if evidence.unreadable and set(NEEDED[kind]) - {conditions.health}:
        return Judgement((Finding("evidence", Verdict.NOT_ENOUGH, evidence.unreadable),))
    return Judgement(tuple(condition(evidence, guard) for condition in NEEDED[kind]))


def watch(evidence: Evidence, guard: Guard) -> Judgement:
    """What the evidence says of staying where modern answers clients already. What fails here is what brings a route down."""
    if evidence.unreadable:
        return Judgement((Finding("evidence", Verdict.NOT_ENOUGH, evidence.unreadable),))
    return Judgement(tuple(condition(evidence, guard) for condition in WATCHED))
