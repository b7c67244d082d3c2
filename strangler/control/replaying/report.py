"""What a run found, as a value: the verdict and why, agreement by route, causes, times, what was bridged, what put aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from strangler.control.replaying.tally import AGREE, CauseTally, RouteTally, Tally, id_of
from strangler.core.causes import words
from strangler.core.outcome import SKIPS, Outcome
from strangler.core.records import Cause, Example
from strangler.evidence.comparator import FAILED
from strangler.traffic.replay.reasons import ASIDE

MOST_SHOWN = 10  # causes of a route that are reported


class Verdict(StrEnum):
    """Of a run; everything but PASS fails a build."""

    PASS = "pass"
    BELOW = "below the bar"
    TOO_FEW = "too few compared"
    DAMAGED = "recording damaged"
    GONE = "upstream gone"
    INTERRUPTED = "interrupted"


EXIT = {Verdict.PASS: 0, Verdict.GONE: 4, Verdict.INTERRUPTED: 130}
"""Exit codes of verdicts; 3 for all others."""


@dataclass(frozen=True, slots=True)
class Bridged:
    """What was learned and used on the way to one system."""

    system: str
    learned: Mapping[str, int]
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Report:
    """One run.

    Attributes:
        file, kind: of the recording.
        against, control: the systems; `control` is "" if the recorded answers were compared with.
        bar: share that must agree; least: how many must have been compared.
        gone: why it ended before the recording did; damage: what of the recording could not be read.
        limited: whether it was told to ask only so many.
        began: seconds since 1970; seconds: how long it took.
    """

    file: str
    kind: str
    against: str
    control: str
    bar: float
    least: int
    tally: Tally
    bridged: Sequence[Bridged] = ()
    gone: str = ""
    interrupted: bool = False
    damage: Sequence[str] = ()
    limited: bool = False
    began: float = 0.0
    seconds: float = 0.0
    notes: Sequence[str] = ()

    @property
    def agree(self) -> float | None:
        """The share of what was compared that agrees; None if nothing was."""
        return self.tally.agreed / self.tally.compared if self.tally.compared else None

    @property
    def verdict(self) -> Verdict:
        """The worst of what happened: who was not asked to the end says nothing of the whole."""
        if self.interrupted:
            return Verdict.INTERRUPTED
        if self.gone:
            return Verdict.GONE
        if self.damage:
            return Verdict.DAMAGED
        if self.agree is None or self.tally.compared < self.least:
            return Verdict.TOO_FEW
        return Verdict.PASS if self.agree >= self.bar else Verdict.BELOW

    @property
    def exit_code(self) -> int:
        return EXIT.get(self.verdict, 3)

    @property
    def routes(self) -> list[tuple[str, RouteTally]]:
        """Routes, those that disagree most first."""
        known = [(name, one) for name, one in self.tally.routes.items() if one.compared]
        return sorted(known, key=lambda item: (item[1].agreed / item[1].compared, -item[1].compared, item[0]))

    @property
    def aside(self) -> list[tuple[str, int, str]]:
        """Label, number and sentence of what was put aside, most first."""
        sentences = {**SKIPS, **ASIDE}
        return [(label, number, sentences.get(label, label)) for label, number in self.tally.aside.most_common()]


def causes(one: RouteTally) -> list[tuple[Cause, CauseTally]]:
    """Of a route, most first."""
    return sorted(one.causes.items(), key=lambda item: (-item[1].number, item[0].pattern))


def cause_words(cause: Cause) -> str:
    """What differs, in words; a failed candidate is told, too."""
    if cause.pattern == FAILED:
        return f"the candidate gave no whole answer ({(cause.transform or 'unreadable').replace('_', ' ')})"
    return words(cause)


def percentile(values: Sequence[float], part: float) -> float | None:
    """The smallest value that such a share does not exceed; None without values."""
    ranked = sorted(values)
    return ranked[max(0, -(-int(len(ranked) * part * 1000) // 1000) - 1)] if ranked else None


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON-able values; its keys do not change."""
    tally = report.tally
    shown = {line.example for _, one in report.routes for _, line in causes(one)[:MOST_SHOWN]} - {""}
    return {
        "file": report.file,
        "kind": report.kind,
        "against": report.against,
        "control": report.control or "recording",
        "verdict": str(report.verdict),
        "exit_code": report.exit_code,
        "agree": report.agree,
        "fail_under": report.bar,
        "compared": tally.compared,
        "agreed": tally.agreed,
        "ledger": ledger(tally),
        "routes": [_route(name, one) for name, one in report.routes],
        "examples": {id: example_as_json(each) for id, each in tally.examples.items() if id in shown},
        "bridged": [{"system": each.system, "learned": dict(each.learned), "used": dict(each.used)} for each in report.bridged],
        "aside": [
            {"reason": label, "count": number, "words": sentence, "details": dict(tally.details.get(label, {}))}
            for label, number, sentence in report.aside
        ],
        "versions": dict(tally.versions),
        "late": tally.late,
        "limited": report.limited,
        "gone": report.gone or None,
        "damage": list(report.damage),
        "notes": list(report.notes),
        "began": report.began,
        "seconds": report.seconds,
    }


def ledger(tally: Tally) -> dict[str, Any]:
    """Entries = compared by outcome + put aside by reason + not reached."""
    outcomes: Counter[Outcome] = sum((one.outcomes for one in tally.routes.values()), Counter())
    return {
        "entries": tally.entries,
        "compared": {str(outcome): outcomes[outcome] for outcome in Outcome},
        "aside": dict(tally.aside),
        "not_reached": tally.not_reached,
        "closes": tally.closes,
    }


def _route(name: str, one: RouteTally) -> dict[str, Any]:
    ranked = causes(one)
    return {
        "route": name,
        "compared": one.compared,
        "agreed": one.agreed,
        "agree": one.agreed / one.compared,
        "outcomes": {str(outcome): one.outcomes[outcome] for outcome in Outcome},
        "causes": [_cause(name, cause, line) for cause, line in ranked[:MOST_SHOWN]],
        "more_causes": max(0, len(ranked) - MOST_SHOWN),
        "failures": dict(one.failures),
        "allowed": dict(one.allowed),
        "latency": {
            "pairs": len(one.live),
            "control": {"p50": percentile(one.recorded, 0.5), "p95": percentile(one.recorded, 0.95)},
            "candidate": {"p50": percentile(one.live, 0.5), "p95": percentile(one.live, 0.95)},
        },
    }


def _cause(route: str, cause: Cause, line: CauseTally) -> dict[str, Any]:
    return {
        "id": id_of(route, *map(str, cause)),
        "pattern": cause.pattern,
        "kind": str(cause.kind),
        "transform": cause.transform,
        "words": cause_words(cause),
        "count": line.number,
        "example": line.example or None,
    }


def example_as_json(example: Example) -> dict[str, Any]:
    """One mismatch; secrets are tokens."""
    return {
        "route": example.route,
        "method": example.method,
        "target": example.target,
        "at": example.at,
        "outcome": str(example.outcome),
        "agrees": example.outcome in AGREE,
        "request": dict(example.request),
        "control": dict(example.control),
        "candidate": dict(example.candidate),
        "differences": [dict(one) for one in example.differences],
        "causes": [words(cause) for cause in example.causes],
    }
