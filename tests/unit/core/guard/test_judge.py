"""What each step needs, in verdicts and words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.core.guard.evidence import Agreement, Covered, Data, DataState, Evidence, Failures, Latency
from strangler.core.guard.judge import NEEDED, Step, judge, step
from strangler.core.guard.latency import Histogram
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Guard, Stage

FAST = Histogram((0.01, 0.02, 0.04, 0.2), (5000, 4000, 900, 100, 0))
SLOW = Histogram((0.01, 0.02, 0.04, 0.2), (0, 0, 5000, 5000, 0))
GOOD = Evidence(
    route="read-order",
    version="2026-11-20",
    names_version=True,
    agreement=(Agreement("GET", "2xx", 20_000, 2), Agreement("GET", "4xx", 60, 0)),
    recent=(Agreement("GET", "2xx", 400, 0),),
    failures=Failures(20_000, 3, 4),
    latency=Latency(FAST, FAST),
    coverage=(Covered("GET", 19_000, 20_000),),
    age=2.0,
    comparing=True,
    healthy=True,
    per_hour=500.0,
    data=(Data("orders", DataState.CLEAN, 0.4),),
    legacy_quiet=40 * 86400.0,
    journal_complete=True,
)
NAN = float("nan")


def verdicts(kind: Step, evidence: Evidence) -> dict[str, Verdict]:
    return {finding.condition: finding.verdict for finding in judge(kind, evidence, Guard()).findings}


@pytest.mark.parametrize("kind", [Step.SHADOW, Step.UP, Step.RETIRE, Step.LEAP])
def test_good_evidence_passes_every_step(kind):
    assert judge(kind, GOOD, Guard()).verdict is Verdict.PASS


@pytest.mark.parametrize("kind", [Step.SHADOW, Step.UP, Step.RETIRE, Step.LEAP])
def test_no_evidence_passes_no_step(kind):
    assert judge(kind, Evidence("read-order"), Guard()).verdict in (Verdict.NOT_ENOUGH, Verdict.FAIL)


@pytest.mark.parametrize(
    ("change", "condition", "verdict", "words"),
    [
        ({"agreement": ()}, "parity", "not enough data", "nothing was compared; 3,"),
        ({"agreement": (Agreement("GET", "2xx", 3, 0),)}, "parity", "not enough data", "more samples needed, about"),
        ({"agreement": (Agreement("GET", "2xx", 9_500, 500),)}, "parity", "fail", "95.00% of 10,000 agree"),
        (
            {"agreement": (Agreement("GET", "2xx", 90_000, 0), Agreement("GET", "4xx", 900, 100))},
            "parity",
            "fail",
            "GET 4xx: 90.00%",
        ),
        ({"recent": ()}, "recent", "not enough data", "nothing was compared recently"),
        ({"recent": (Agreement("GET", "2xx", 380, 20),)}, "recent", "fail", "95.00% of 400 recent samples"),
        ({"failures": Failures(20_000, 0, 900)}, "errors", "fail", "modern failed 900"),
        ({"failures": Failures(3, 0, 0)}, "errors", "not enough data", "more samples needed"),
        ({"latency": None}, "latency", "not enough data", "too few durations"),
        ({"latency": Latency(FAST, SLOW)}, "latency", "fail", "allowed 1.5"),
        ({"coverage": ()}, "coverage", "not enough data", "no request could be compared"),
        ({"coverage": (Covered("GET", 10, 10), Covered("HEAD", 1, 10))}, "coverage", "not enough data", "HEAD: 10.00% of 10"),
        ({"version": ""}, "version", "not enough data", "do not name their build"),
        ({"version": "", "names_version": False}, "version", "not enough data", "version: header:x-build"),
        ({"comparing": False}, "comparing", "not enough data", "has stopped"),
        ({"age": 3600.0}, "comparing", "not enough data", "nothing was compared for 60 min"),
        ({"age": None}, "comparing", "not enough data", "nothing was compared ever"),
        ({"data": (Data("orders", DataState.CLEAN, None),)}, "data", "not enough data", "no heartbeat"),
        ({"data": (Data("orders", DataState.CLEAN, 9.0),)}, "data", "not enough data", "9.0 s behind"),
        ({"data": (Data("orders", DataState.CLEAN, NAN),)}, "data", "not enough data", "nan s behind"),
        ({"data": (Data("orders", DataState.DRIFT, 0.1, "3 rows differ"),)}, "data", "fail", "3 rows differ"),
        ({"data": (Data("orders", DataState.UNKNOWN),)}, "data", "not enough data", "unknown"),
    ],
)
def test_each_condition_holds_a_step_up_by_itself_and_says_why(change, condition, verdict, words):
    judgement = judge(Step.UP, replace(GOOD, **change), Guard())
    assert judgement.verdict == verdict
    assert [finding.condition for finding in judgement.unmet] == [condition]
    assert words in judgement.unmet[0].words


@pytest.mark.parametrize(
    ("change", "condition"),
    [
        ({"legacy_quiet": None}, "quiet"),
        ({"legacy_quiet": 86400.0}, "quiet"),
        ({"journal_complete": False}, "journal"),
        ({"data": (Data("orders", DataState.DRIFT),)}, "data"),
    ],
)
def test_what_retiring_needs(change, condition):
    judgement = judge(Step.RETIRE, replace(GOOD, **change), Guard())
    assert [finding.condition for finding in judgement.unmet] == [condition]


def test_modern_that_is_unwell_or_unknown_gets_no_shadow():
    assert verdicts(Step.SHADOW, replace(GOOD, healthy=False)) == {"health": Verdict.FAIL}
    assert verdicts(Step.SHADOW, replace(GOOD, healthy=None)) == {"health": Verdict.NOT_ENOUGH}


def test_a_missing_count_is_said_with_a_time():
    finding = judge(Step.UP, replace(GOOD, agreement=(Agreement("GET", "2xx", 1826, 0),)), Guard()).unmet[0]
    assert finding.more == pytest.approx(2000, rel=0.02)
    assert "about 4.0 h at current traffic" in finding.words


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        (("legacy", 0), ("shadow", 0), Step.SHADOW),
        (("legacy", 0), ("canary", 0.01), Step.UP),
        (("shadow", 0), ("canary", 0.0), Step.UP),
        (("canary", 0.05), ("canary", 0.25), Step.UP),
        (("canary", 0.25), ("canary", 0.05), Step.DOWN),
        (("canary", 0.25), ("canary", 0.25), Step.DOWN),
        (("canary", 1.0), ("modern", 0), Step.UP),
        (("shadow", 0), ("modern", 0), Step.UP),
        (("modern", 0), ("retired", 0), Step.RETIRE),
        (("canary", 1.0), ("retired", 0), Step.LEAP),
        (("retired", 0), ("modern", 0), Step.DOWN),
        (("modern", 0), ("legacy", 0), Step.DOWN),
    ],
)
def test_kinds_of_steps(before, after, kind):
    assert step(Stage(before[0]), before[1], Stage(after[0]), after[1]) is kind


def test_every_step_up_needs_something():
    assert [kind for kind, conditions in NEEDED.items() if not conditions] == [Step.DOWN]
