"""Mismatches that are looked at a second time: how many, and what is counted then."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace

import pytest

from strangler.control.gathering import pairs
from strangler.control.gathering.comparators import Job
from strangler.control.gathering.second_looks import MOST, PER_SECOND, SecondLooks
from strangler.core.model import Config, Guard, Match, Route, Upstream, Url
from strangler.core.observation import Pair
from strangler.core.outcome import Outcome
from strangler.core.template import parse_template
from strangler.core.units import Seconds
from strangler.evidence.finding import Finding
from tests.unit.control.given import DIFFERENT

from .test_batches import MISMATCH, STRATUM

ROUTE = Route(0, "shop", Match(parse_template("/shop/{id}")), data=("orders",), guard=Guard(max_lag=Seconds(0)))
UPSTREAM = Upstream(Url("http", "127.0.0.1", 1))
FIRST = replace(MISMATCH, stratum=STRATUM._replace(rules=ROUTE.rules), second_look=True)
JOB = Job("1.1", "shop", False, pairs.pack(DIFFERENT))


class Desk:
    """Asks whoever is told, compares nothing, and notes what is counted."""

    def __init__(self, answer: Pair | Exception | None = DIFFERENT) -> None:
        self.answer = answer
        self.compared: list[Job] = []
        self.counted: list[tuple[Job, Finding]] = []
        self.news = asyncio.Event()
        self.looks = SecondLooks(self._ask, self._compare, self._settle)
        self.looks.use(Config({"legacy": UPSTREAM, "modern": UPSTREAM}, routes=(ROUTE,)))

    async def _ask(self, pair: Pair, route: Route, upstreams: Mapping[str, Upstream]) -> Pair | None:
        assert (pair, route) == (DIFFERENT, ROUTE)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def _compare(self, job: Job) -> None:
        self.compared.append(job)
        self.news.set()

    def _settle(self, job: Job, finding: Finding) -> None:
        self.counted.append((job, finding))
        self.news.set()


@pytest.mark.parametrize(
    ("second", "outcome"),
    [
        (replace(FIRST, outcome=Outcome.MATCH), "ignored"),
        (replace(FIRST, outcome=Outcome.IGNORED), "ignored"),
        (replace(FIRST, outcome=Outcome.MISMATCH, causes=()), "mismatch"),
        (replace(FIRST, outcome=None, skipped="rules_gone"), "mismatch"),
        (None, "mismatch"),
    ],
)
async def test_what_is_equal_the_second_time_was_lag(second: Finding | None, outcome: str) -> None:
    desk = Desk()
    assert desk.looks.take(JOB, FIRST)
    await desk.news.wait()
    [job] = desk.compared
    assert (job.looked, job.incarnation, job.again) == (True, "1.1", False)
    assert desk.counted == []
    desk.looks.answered(job, second)
    [(settled, finding)] = desk.counted
    assert (settled, finding.outcome) == (JOB, outcome)
    assert finding.causes == (() if outcome == "ignored" else FIRST.causes)
    assert not desk.looks.busy


@pytest.mark.parametrize("answer", [None, ValueError("secret")])
async def test_who_cannot_be_asked_again_leaves_a_mismatch(answer: Exception | None) -> None:
    desk = Desk(answer)
    assert desk.looks.take(JOB, FIRST)
    await desk.news.wait()
    assert [finding.outcome for _, finding in desk.counted] == ["mismatch"]
    assert desk.compared == []


async def test_only_so_many_a_second_and_so_many_at_once() -> None:
    desk = Desk()
    jobs = [Job("1.1", "shop", False, JOB.frame) for _ in range(MOST + 10)]
    assert [desk.looks.take(job, FIRST) for job in jobs] == [True] * PER_SECOND + [False] * (MOST + 10 - PER_SECOND)
    desk.looks.close()
    assert [job for job, _ in desk.counted] == jobs[:PER_SECOND]


async def test_at_the_end_what_was_found_first_stands_and_counts_once() -> None:
    desk = Desk()
    desk.looks.take(JOB, FIRST)
    await desk.news.wait()
    desk.looks.close()
    desk.looks.answered(desk.compared[0], replace(FIRST, outcome=Outcome.MATCH))
    assert [(job, finding.outcome) for job, finding in desk.counted] == [(JOB, "mismatch")]


async def test_rules_that_have_changed_are_not_asked_about() -> None:
    desk = Desk()
    assert not desk.looks.take(JOB, replace(FIRST, stratum=STRATUM))
    assert not desk.looks.take(replace(JOB, route="gone"), FIRST)
