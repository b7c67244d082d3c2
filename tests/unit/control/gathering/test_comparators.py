"""The pool of comparators, with real processes: whatever a comparison does, every pair has one end and the loop goes on."""

import asyncio
import os
import pickle
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strangler.control.frames import Head
from strangler.control.gathering import findings, pairs
from strangler.control.gathering.comparators import Comparators, Job
from strangler.core.model import Compare, Config, Match, Route, Upstream, Url
from strangler.core.observation import Observation, Pair
from strangler.core.template import parse_template
from tests.unit.control.given import PAIR

UPSTREAM = Upstream(Url("http", "127.0.0.1", 1))
PLUGIN = """
import pathlib, time
here = pathlib.Path(__file__).parent

def judge(control, candidate):
    if b"hang" in candidate.body:
        while not (here / "go").exists():
            time.sleep(0.005)
    if b"die" in candidate.body:
        import os
        os._exit(1)
    return "$.price"
"""


def route(python: str = "") -> Route:
    return Route(0, "shop", Match(parse_template("/shop/{id}")), compare=Compare(python=python))


def pair(word: str, route: Route) -> Pair:
    kind = ((b"Content-Type", b"text/plain"),)
    return replace(PAIR, rules=route.rules, candidate=Observation(200, kind, word.encode(), len(word)))


class Pool:
    """A pool, and what became of the pairs that it was given."""

    def __init__(self, folder: Path, size: int = 1, cap: float = 20.0) -> None:
        self.folder = folder
        self.ends: list[tuple[Job, str]] = []
        self.news = asyncio.Event()
        self.rooms = 0
        self.pool = Comparators(size, b"k" * 32, b"", found=self._found, gave_up=self._gave_up, room=self._room, cap=cap)

    def use(self, route: Route) -> None:
        upstreams = {"legacy": UPSTREAM, "modern": UPSTREAM}
        self.pool.use(pickle.dumps(Config(upstreams, routes=(route,), folder=str(self.folder))))

    def put(self, pair: Pair) -> Job:
        job = Job("1.1", "shop", False, pairs.pack(pair))
        self.pool.put(job)
        return job

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(40):
            while not holds():
                self.news.clear()
                await self.news.wait()

    def _found(self, job: Job, head: Head) -> None:
        finding = findings.unpack(head["finding"]) if head["finding"] else None
        self.ends.append((job, (finding.skipped or str(finding.outcome)) if finding else head["skipped"]))
        self.news.set()

    def _gave_up(self, job: Job, overdue: bool) -> None:
        self.ends.append((job, "overdue" if overdue else "died"))
        self.news.set()

    def _room(self) -> None:
        self.rooms += 1


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool]:
    (tmp_path / "strangler_test_plugin.py").write_text(PLUGIN)
    made = Pool(tmp_path)
    yield made
    (tmp_path / "go").touch()
    await made.pool.close()


CUSTOM = route("strangler_test_plugin:judge")


async def test_pairs_are_compared_by_the_rules_in_force(pool: Pool) -> None:
    plain = route()
    pool.use(plain)
    jobs = [pool.put(pair(word, plain)) for word in ("one", "two")]
    await pool.until(lambda: len(pool.ends) == 2)
    assert pool.ends == [(jobs[0], "match"), (jobs[1], "mismatch")]
    pool.use(CUSTOM)
    pool.put(pair("one", plain))
    pool.put(pair("one", CUSTOM))
    await pool.until(lambda: len(pool.ends) == 4)
    assert [end for _, end in pool.ends[2:]] == ["rules_gone", "mismatch"]


async def test_nothing_is_started_before_there_is_a_pair(pool: Pool) -> None:
    pool.use(route())
    await asyncio.sleep(0)
    assert pool.pool.pids == []


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (Job("1.1", "shop", False, b"nonsense"), "engine_error"),
        (Job("1.1", "gone", False, pairs.pack(replace(pair("one", CUSTOM), route="gone"))), "rules_gone"),
        (Job("1.1", "shop", False, pairs.pack(pair("one", CUSTOM))), "compare_failed"),
    ],
)
async def test_what_cannot_be_compared_has_a_reason(pool: Pool, given: Job, reason: str) -> None:
    pool.use(route("strangler_test_plugin:nobody"))
    pool.pool.put(given)
    await pool.until(lambda: pool.ends)
    assert pool.ends == [(given, reason)]


async def test_one_that_takes_too_long_is_given_up_alone(tmp_path: Path, pool: Pool) -> None:
    pool.pool.cap = 0.3
    pool.use(CUSTOM)
    jobs = [pool.put(pair(word, CUSTOM)) for word in ("one", "hang", "two", "three")]
    await pool.until(lambda: len(pool.ends) == 4)
    assert sorted((jobs.index(job), end) for job, end in pool.ends) == [
        (0, "mismatch"),
        (1, "overdue"),
        (2, "mismatch"),
        (3, "mismatch"),
    ]


async def test_a_reload_takes_nothing_from_the_cap(pool: Pool) -> None:
    pool.pool.cap = 0.5
    pool.use(CUSTOM)
    pool.put(pair("one", CUSTOM))
    await pool.until(lambda: pool.ends)
    pool.put(pair("two", CUSTOM))
    pool.use(CUSTOM)
    pool.put(pair("hang", CUSTOM))
    await pool.until(lambda: len(pool.ends) == 3)
    assert [end for _, end in pool.ends] == ["mismatch", "mismatch", "overdue"]


async def test_one_that_kills_its_comparator_is_given_up_alone(pool: Pool) -> None:
    pool.use(CUSTOM)
    jobs = [pool.put(pair(word, CUSTOM)) for word in ("die", "two", "three")]
    await pool.until(lambda: len(pool.ends) == 3)
    assert sorted((jobs.index(job), end) for job, end in pool.ends) == [(0, "died"), (1, "mismatch"), (2, "mismatch")]


async def test_while_they_are_busy_pairs_wait_and_the_pool_says_so(tmp_path: Path, pool: Pool) -> None:
    pool.use(CUSTOM)
    pool.put(pair("hang", CUSTOM))
    count = 1
    while not pool.pool.full:
        pool.put(pair("two", CUSTOM))
        count += 1
    assert pool.ends == []
    (tmp_path / "go").touch()
    await pool.until(lambda: len(pool.ends) == count)
    assert pool.rooms == 1
    assert not pool.pool.busy


async def test_a_comparator_that_was_killed_is_replaced(pool: Pool) -> None:
    pool.use(route())
    pool.put(pair("two", route()))
    await pool.until(lambda: pool.ends)
    [pid] = pool.pool.pids
    os.kill(pid, signal.SIGKILL)
    pool.put(pair("two", route()))
    await pool.until(lambda: len(pool.ends) == 2)
    assert {end for _, end in pool.ends} <= {"mismatch", "died"}
    pool.put(pair("two", route()))
    await pool.until(lambda: len(pool.ends) == 3)
    assert pool.pool.pids != [pid]


async def test_at_the_end_what_has_no_answer_is_given_back(tmp_path: Path, pool: Pool) -> None:
    pool.use(CUSTOM)
    jobs = {pool.put(pair("hang", CUSTOM)) for _ in range(20)}
    left = await pool.pool.close()
    assert set(left) == jobs
    assert pool.ends == []
