"""How each mapping stands: one line of facts, what the guard may take from them, and what a person does next. Pure.

Facts are asked for by `jobs.look`; what follows from them is a table, the most urgent first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from reconcile.reports.report import Verdict
from strangler.core.data_status import MappingStatus
from strangler.core.guard.evidence import DataState

SILENT = 30.0  # seconds without a heartbeat, after which nobody relays


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts about one mapping.

    Attributes:
        trouble: why something of this is not known (a database that does not answer, owners that disagree); "" if all is.
        rests: it has no way back, and the new side owns it: nothing is copied.
        captured: whether every feed's triggers write: installed, paused, missing, changed or unconfirmed, the worst of them.
        known: every change since the last clean full pass went through the outbox; `why_unknown` if not.
        lag: seconds that the last heartbeat took, or has been on its way; None if none came through.
        waiting: keys on their way, `oldest` the age of the oldest in seconds; `deferred` those of them that wait for a parent.
        dead: keys that were given up.
        halted: why the relay does not go on with it, in words; "" if it does.
        backfill: what the last one is doing or how it ended; "" if there was none.
        verdict: of the last pass; None if there was none. `drifted` rows; `why` it is no clean one.
        compared_at: when that ended, in seconds since 1970.
    """

    mapping: str
    trouble: str = ""
    owner: str = "old"
    epoch: int = 1
    rests: bool = False
    captured: str = "missing"
    known: bool = False
    why_unknown: str = ""
    lag: float | None = None
    waiting: int = 0
    oldest: float | None = None
    deferred: int = 0
    dead: int = 0
    halted: str = ""
    backfill: str = ""
    backfilled: float = 0.0
    verdict: Verdict | None = None
    drifted: int = 0
    why: str = ""
    compared_at: float | None = None

    @property
    def next(self) -> str:
        """What to do now; "" if there is nothing to do."""
        return next((words.format(self) for true, words in _NEXT if true(self)), "")

    @property
    def status(self) -> MappingStatus:
        """What the guard may take from it."""
        state, why = next((state, why.format(self)) for true, state, why in _STATES if true(self))
        return MappingStatus(state, why, self.lag, self.compared_at)

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "state": self.status.state, "next": self.next}


def _silent(standing: Standing) -> bool:
    return standing.lag is None or standing.lag > SILENT


_Rule = Callable[[Standing], bool]

_NEXT: tuple[tuple[_Rule, str], ...] = (
    (lambda it: bool(it.trouble), "{0.trouble}"),
    (lambda it: it.rests, ""),
    (lambda it: it.captured == "missing", "`capture install {0.mapping}`, so that nothing written from now on is missed"),
    (lambda it: it.captured == "paused", "`capture resume {0.mapping}`: what is written meanwhile is not captured"),
    (
        lambda it: it.captured != "installed",
        "`capture status {0.mapping}` says what is wrong; `capture install` mends it",
    ),
    (lambda it: bool(it.halted), "{0.halted}"),
    (lambda it: it.backfill == "paused", "`backfill {0.mapping} --continue`: it is paused at {0.backfilled:.0%}"),
    (lambda it: it.backfill == "running", "wait for the backfill, which is at {0.backfilled:.0%}"),
    (lambda it: it.backfill == "stopped", "`backfill {0.mapping}` goes on where it stopped, at {0.backfilled:.0%}"),
    (
        lambda it: not it.backfill and it.verdict is not Verdict.CLEAN,
        "`backfill {0.mapping}`: what was there before must be copied",
    ),
    (_silent, "`relay`, or `strangler serve`: nobody relays"),
    (lambda it: it.dead > 0, "`dead list {0.mapping}`: {0.dead:,} keys were given up"),
    (lambda it: it.verdict is None, "`reconcile {0.mapping}`: it was never compared"),
    (lambda it: it.verdict is Verdict.DRIFT, "`repair plan {0.mapping}`: {0.drifted:,} rows differ"),
    (lambda it: not it.known, "`reconcile {0.mapping}`: {0.why_unknown}"),
    (lambda it: it.verdict is not Verdict.CLEAN, "`reconcile {0.mapping}`: {0.why}"),
)

_STATES: tuple[tuple[_Rule, DataState, str], ...] = (
    (lambda it: bool(it.trouble), DataState.UNKNOWN, "{0.trouble}"),
    (lambda it: it.rests, DataState.UNKNOWN, "the new side owns it, and it has no way back: nothing is copied or compared"),
    (
        lambda it: it.verdict is Verdict.DRIFT,
        DataState.DRIFT,
        "{0.drifted:,} rows differ: `strangler data reconcile {0.mapping}`",
    ),
    (lambda it: it.dead > 0, DataState.DRIFT, "{0.dead:,} keys were given up: `strangler data dead list`"),
    (lambda it: it.captured == "missing", DataState.UNKNOWN, "capture is not installed: `strangler data capture install`"),
    (lambda it: bool(it.halted), DataState.UNKNOWN, "{0.halted}"),
    (lambda it: not it.known, DataState.UNKNOWN, "{0.why_unknown}"),
    (lambda it: it.verdict is None, DataState.UNKNOWN, "never compared: `strangler data reconcile {0.mapping}`"),
    (lambda it: it.verdict is not Verdict.CLEAN, DataState.UNKNOWN, "the last pass could not say: {0.why}"),
    (lambda it: True, DataState.CLEAN, ""),
)
