"""What each step needs, in verdicts and words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.core.guard.evidence import Agreement, Covered, Data, DataState, Evidence, Failures, Latency, Recent
from strangler.core.guard.judge import NEEDED, Step, judge, step, watch
from strangler.core.guard.latency import Histogram
from strangler.core.guard.verdict import Verdict
from strangler.core.model import Guard, Stage

FAST = Histogram((0.01, 0.02, 0.04, 0.2), (5000, 4000, 900, 100, 0))
FEW = Histogram((0.01, 0.02, 0.04, 0.2), (200, 160, 36, 4, 0))
SLOW = Histogram((0.01, 0.02, 0.04, 0.2), (0, 0, 5000, 5000, 0))
GOOD = Evidence(
    route="read-order",
    version="2026-11-20",
    names_version=True,
    agreement=(Agreement("GET", "2xx", 20_000, 2), Agreement("GET", "4xx", 60, 0)),
    recent=Recent(15, (Agreement("GET", "2xx", 400, 0),), Failures(400, 0, 0), Latency(FEW, FEW), (Covered("GET", 400, 410),)),
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
NEARLY = Histogram((0.01, 0.02, 0.04, 0.2), (200, 160, 32, 8, 0))
NAN = float("nan")


def lately(**change) -> Recent:
    return replace(GOOD.recent, **change)


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
        ({"recent": Recent(60)}, "recent", "not enough data", "nothing was compared in the last 60 min"),
        (
            {"recent": lately(agreement=(Agreement("GET", "2xx", 380, 20),))},
            "recent",
            "fail",
            "95.00% of 400 samples of the last 15",
        ),
        ({"recent": lately(failures=Failures(400, 0, 60))}, "recent", "fail", "modern failed 60 of 400 requests that both were"),
        (
            {"recent": lately(served=Failures(400, 2, 60))},
            "recent",
            "fail",
            "60 of 400 requests that modern was to answer in the",
        ),
        ({"recent": Recent(15, served=Failures(50, 0, 50))}, "recent", "fail", "modern failed 50 of 50"),
        (
            {"recent": lately(latency=Latency(FAST, SLOW))},
            "recent",
            "fail",
            "in the last 15 min 95 % of modern's answers took up to",
        ),
        (
            {"recent": lately(coverage=(Covered("GET", 3, 400),))},
            "coverage",
            "not enough data",
            "requests of the last 15 min were",
        ),
        ({"failures": Failures(20_000, 0, 900)}, "errors", "fail", "modern failed 900"),
        ({"failures": Failures(3, 0, 0)}, "errors", "not enough data", "more samples needed"),
        ({"latency": None}, "latency", "not enough data", "0 durations are too few; "),
        (
            {"latency": Latency(FEW, NEARLY)},
            "latency",
            "not enough data",
            "times as long, 1.5 allowed; 1,200 more samples needed",
        ),
        ({"latency": Latency(FAST, SLOW)}, "latency", "fail", "between 5.32 and 6.32 times as long, 1.5 allowed"),
        ({"coverage": ()}, "coverage", "not enough data", "no request could be compared"),
        ({"coverage": (Covered("GET", 10, 10), Covered("HEAD", 1, 10))}, "coverage", "not enough data", "HEAD: 10.00% of 10"),
        ({"version": ""}, "version", "not enough data", "do not name their build"),
        ({"version": "", "names_version": False}, "version", "not enough data", "version: header:x-build"),
        ({"comparing": False}, "comparing", "not enough data", "no evidence is being written"),
        ({"age": 7200.0}, "comparing", "not enough data", "nothing was compared for 120 min"),
        ({"age": None}, "comparing", "not enough data", "nothing was compared yet"),
        ({"age": NAN}, "comparing", "not enough data", "nothing was compared for nan min"),
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


def test_a_rare_stratum_needs_no_proof_of_its_own_but_must_not_fail():
    few = (Agreement("GET", "2xx", 20_000, 2), Agreement("GET", "4xx", 900, 0))
    assert verdicts(Step.UP, replace(GOOD, agreement=few))["parity"] is Verdict.PASS
    bad = (Agreement("GET", "2xx", 20_000, 2), Agreement("GET", "4xx", 880, 20))
    assert verdicts(Step.UP, replace(GOOD, agreement=bad))["parity"] is Verdict.FAIL
    many = (Agreement("GET", "2xx", 20_000, 2), Agreement("GET", "4xx", 3_000, 0))
    assert verdicts(Step.UP, replace(GOOD, agreement=many))["parity"] is Verdict.NOT_ENOUGH


def test_all_strata_together_must_reach_the_bar_too():
    scattered = tuple(Agreement("GET", f"{number}xx", 300, 0) for number in range(12))
    assert verdicts(Step.UP, replace(GOOD, agreement=scattered))["parity"] is Verdict.NOT_ENOUGH


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


def test_a_build_that_still_answers_beside_the_new_one_is_said():
    finding = next(f for f in judge(Step.UP, replace(GOOD, others=("a", "b")), Guard()).findings if f.condition == "version")
    assert "build 2026-11-20; a and b still answer, too" in finding.words


@pytest.mark.parametrize("kind", [Step.UP, Step.RETIRE, Step.LEAP])
def test_where_nothing_can_be_read_that_is_all_there_is_to_say(kind):
    judgement = judge(kind, replace(GOOD, unreadable="store x cannot be opened"), Guard())
    assert [(each.condition, each.verdict, each.words) for each in judgement.unmet] == [
        ("evidence", "not enough data", "store x cannot be opened")
    ]


def test_a_shadow_needs_no_store():
    assert judge(Step.SHADOW, replace(GOOD, unreadable="store x cannot be opened"), Guard()).verdict is Verdict.PASS


def test_the_time_that_is_missing_is_that_of_the_stratum():
    agreement = (Agreement("GET", "2xx", 8_000, 0), Agreement("POST", "2xx", 1000, 0))
    finding = judge(Step.UP, replace(GOOD, agreement=agreement), Guard()).unmet[0]
    assert finding.more == pytest.approx(2830, rel=0.02)
    assert finding.words.endswith("about 2 days at current traffic")  # of 500 an hour 55.6 are of this kind


@pytest.mark.parametrize("per_hour", [0.0, NAN, -1.0])
def test_no_traffic_is_said(per_hour):
    evidence = replace(GOOD, agreement=(Agreement("GET", "2xx", 10, 0),), per_hour=per_hour)
    assert judge(Step.UP, evidence, Guard()).unmet[0].words.endswith("more samples needed; there is no traffic now")


def test_days_are_not_rounded_up_to_what_is_needed():
    finding = judge(Step.RETIRE, replace(GOOD, legacy_quiet=29.99 * 86400), Guard()).unmet[0]
    assert finding.words == "legacy has not served this route for 29.9 days, 30 needed"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, "pass"),
        ({"coverage": (), "version": "", "comparing": False, "age": None}, "pass"),  # no reason to go down
        ({"recent": Recent()}, "not enough data"),
        ({"recent": lately(served=Failures(400, 2, 60))}, "fail"),
        ({"agreement": (Agreement("GET", "2xx", 900, 100),)}, "fail"),
        ({"latency": Latency(FAST, SLOW)}, "fail"),
        ({"failures": Failures(20_000, 0, 900)}, "fail"),
        ({"unreadable": "gone"}, "not enough data"),
    ],
)
def test_what_brings_a_route_down(change, verdict):
    assert watch(replace(GOOD, **change), Guard()).verdict == verdict


def test_every_step_up_needs_something():
    assert [kind for kind, conditions in NEEDED.items() if not conditions] == [Step.DOWN]
