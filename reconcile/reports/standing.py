"""How each mapping stands: one line of facts, what the guard may take from them, and what a person does next. Pure.

Facts are asked for by `jobs.look`; what follows from them is a table, the most urgent first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
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
        skipped: keys that somebody let go, `passed_over` rows that a backfill left out, `rogue` rows of the other side that
            somebody else wrote (`rogue_key` the latest), `stranded` keys that wait in the database that is not the owner's any
            more: all since the last clean full pass began, which would have found what they left behind.
        backfill: what the last one is doing or how it ended; "" if there was none.
        verdict: of the last pass; None if there was none. `drifted` rows; `why` it is no clean one.
        redefined: the mapping was another one when it was compared last.
        compared_at: when that ended, in seconds since 1970; `compared_all_at` when the last one over all rows did.
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
    skipped: int = 0
    passed_over: int = 0
    rogue: int = 0
    rogue_key: str = ""
    stranded: int = 0
    backfill: str = ""
    backfilled: float = 0.0
    verdict: Verdict | None = None
    drifted: int = 0
    why: str = ""
    redefined: bool = False
    compared_at: float | None = None
    compared_all_at: float | None = None

    @property
    def next(self) -> str:
        """What to do now; "" if there is nothing to do."""
        return next((words.format(self) for true, words in _NEXT if true(self)), "")

    @property
    def status(self) -> MappingStatus:
        """What the guard may take from it."""
        state, why = next((state, why.format(self)) for true, state, why in _STATES if true(self))
        return MappingStatus(state, why, self.lag, self.compared_at, self.compared_all_at)

    @property
    def rests_on_all(self) -> bool:
        """Whether all rows were found equal, and nothing but captured changes can have made them differ since."""
        left = any(true(self) for true, _ in _LEFT)
        return self.known and self.verdict is Verdict.CLEAN and self.compared_all_at is not None and not left

    def document(self) -> Mapping[str, Any]:
        """For JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**found, "state": self.status.state, "next": self.next}


def _silent(standing: Standing) -> bool:
    return standing.lag is None or standing.lag > SILENT


def todo(standings: Iterable[Standing]) -> list[tuple[tuple[str, ...], str]]:
    """What to do next, each thing once: the mappings that need it, and the words; all named in one command where that can be."""
    found: dict[str, list[Standing]] = {}
    for each in standings:
        if each.next:
            found.setdefault(replace(each, mapping=_ANY).next, []).append(each)
    return [
        (names := tuple(each.mapping for each in some), words.replace(_ANY, " ".join(names))) for words, some in found.items()
    ]


_ANY = "\0"  # stands for a mapping's name, which is never that
_Rule = Callable[[Standing], bool]

_LEFT: tuple[tuple[_Rule, str], ...] = (  # what may have left drift behind, since all rows were looked at last
    (
        lambda it: it.rogue > 0,
        "{0.rogue:,} rows of the side that only strangler should write were written by somebody else, {0.rogue_key} the last: "
        "find who it is, or the rows will drift again",
    ),
    (lambda it: it.redefined, "the mapping has been changed since it was compared last (`backfill {0.mapping}` copies by it)"),
    (lambda it: it.stranded > 0, "{0.stranded:,} changes of the side that was the owner before never left it"),
    (lambda it: it.skipped > 0, "{0.skipped:,} dead letters were skipped, and nobody looked at their rows since"),
    (lambda it: it.passed_over > 0, "{0.passed_over:,} rows were passed over by the backfill, and nobody looked at them since"),
)

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
    *((true, "`reconcile {0.mapping}`: " + words) for true, words in _LEFT),
    (lambda it: it.verdict is not Verdict.CLEAN, "`reconcile {0.mapping}`: {0.why}"),
    (lambda it: not it.known, "`reconcile {0.mapping}`: {0.why_unknown}"),
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
    *((true, DataState.UNKNOWN, words) for true, words in _LEFT),
    (lambda it: True, DataState.CLEAN, ""),
)
