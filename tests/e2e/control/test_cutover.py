"""Cutovers of real processes under load: every order that was acknowledged is in both shops, once, whoever was killed when."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from benchmarks.aimed import Course, Point, Range, order_to, voices
from benchmarks.between import live_through
from benchmarks.harm import disk, send, settles
from strangler.core.cutover import Step
from tests.databases import Fresh
from tests.e2e.control.cutting import Cutting, Ledger, behind, cutting_from, people, slow_write
from tests.e2e.control.serving import Serving

WHILE = 0.5  # seconds of orders before and after
LATE = 1.5  # seconds that a relay is behind, at most
HOLD = 3.0  # seconds: less than after which a silent worker is replaced
DEAD = """INSERT INTO strangler_pending
(mapping, key, version, first_at, due_at, lease_until, attempts, deaths, state, error, origin)
VALUES ('orders', '[7]', 1, 0, 9000000000000000, 0, 10, 0, 'dead', 'it never fitted', '')"""
POINTS = (
    Point(False, Step.HOLD, "worker"),
    Point(False, Step.CATCH_UP, "data"),
    Point(False, Step.VERIFY, "control"),
    Point(False, Step.BUMP, "control"),
    Point(True, Step.DRAIN, "supervisor"),
    Point(True, Step.LIVE, "supervisor"),
)


@pytest.fixture
async def cutting(serving: Serving) -> AsyncIterator[Cutting]:
    async with cutting_from(serving) as made:
        yield made


@pytest.fixture(autouse=True)
def near(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisors are found where they are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


async def is_whole(cutting: Cutting, ledger: Ledger) -> None:
    """Nothing that was acknowledged is lost, and nothing is there that nobody ordered."""
    await cutting.quiesce()
    kept = set(cutting.old.kept()) - {1}
    assert ledger.acknowledged <= kept, "an order that was acknowledged is missing"
    assert kept <= set(ledger.answers)


def served(ledger: Ledger) -> list[str]:
    """Who kept the orders, in the order in which they came, without repeats."""
    who = [name for _, (status, name, _) in sorted(ledger.answers.items()) if status == 200]
    return [name for at, name in enumerate(who) if not at or who[at - 1] != name]


async def taken_back(cutting: Cutting, *words: str) -> str:
    """Why a cutover came to nothing after writes had waited; the old side owns, and is written."""
    code, done = await cutting.cut_over("--hold", f"{HOLD:g}s", *words)
    assert (code, done["effect"]) == (3, "reverted"), done
    assert (cutting.record.move, cutting.owners()) == (None, ("old", "old"))
    return str(done["why"])


async def test_writes_and_data_go_over_under_load_and_come_back(cutting: Cutting) -> None:
    async with people(cutting) as ledger:
        await asyncio.sleep(WHILE)
        code, done = await cutting.cut_over()
        assert (code, done["effect"]) == (0, "live"), done
        assert cutting.owners() == ("new", "new")
        await asyncio.sleep(WHILE)
        code, said = await cutting.strangler("rollback", "@orders", "--json", "--reason", "back")
        assert code == 0, said
        assert cutting.owners() == ("old", "old")
        await asyncio.sleep(WHILE)
    assert {status for status, _, _ in ledger.answers.values()} == {200}, "nobody was turned away"
    assert {status for status, _, _ in ledger.reads} == {200}
    assert served(ledger) == ["legacy", "modern", "legacy"]
    await is_whole(cutting, ledger)
    assert (cutting.record.move, cutting.record.moved) == (None, frozenset())


@pytest.mark.timeout(600)
async def test_over_and_back_and_over_between_servers_with_a_relay_that_is_late(serving: Serving, fresh: Fresh) -> None:
    """Every write is in both databases, the last one of each row, and was seen at once by who wrote it."""
    urls = {"old": fresh("mariadb"), "new": fresh("postgresql")}
    async with cutting_from(serving, urls) as cutting, behind(cutting, LATE):
        told = await live_through(cutting, 400)
        assert told.wrong == []
        assert cutting.owners() == ("new", "new")


async def test_what_is_refused_holds_nobody(cutting: Cutting) -> None:
    code, done = await cutting.cut_over("--dry-run")
    assert (code, done["effect"], done["objections"]) == (0, "planned", [])
    for spoil, words in ((dead_letter, "1 keys were given up"), (drift, "1 rows differ")):
        spoil(cutting)
        code, done = await cutting.cut_over()
        assert (code, done["effect"], cutting.owners()) == (3, "refused", ("old", "old"))
        assert [line for line in done["objections"] if words in line], done["objections"]
        assert not done["steps"], "nothing was begun"


def dead_letter(cutting: Cutting) -> None:
    cutting.old.execute(DEAD)


def drift(cutting: Cutting) -> None:
    """Nobody copies what the side writes that does not own."""
    cutting.old.execute("DELETE FROM strangler_pending")
    cutting.new.keep(999)
    with pytest.raises(AssertionError, match="drift"):
        cutting.typed("data", "reconcile")


async def test_what_fails_while_writes_wait_is_taken_back_in_time(cutting: Cutting) -> None:
    await a_slow_write(cutting)
    await an_upload_that_is_held_open(cutting)
    await a_worker_that_does_not_answer(cutting)
    await a_row_that_comes_to_differ(cutting)


async def a_slow_write(cutting: Cutting) -> None:
    slow = asyncio.create_task(cutting.ask("POST", "slow"))
    await cutting.old.waiting.wait()
    assert "1 write did not end in time" in await taken_back(cutting)
    assert await cutting.ask("POST", "77") == (200, "legacy")
    cutting.old.release.set()
    assert await slow == (200, "legacy")


async def an_upload_that_is_held_open(cutting: Cutting) -> None:
    asked = cutting.old.asked
    reader, writer = await asyncio.open_connection("127.0.0.1", cutting.serving.port)
    writer.write(b"POST /orders?5 HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    await cutting.serving.until(lambda: cutting.old.asked > asked)
    assert "1 write did not end in time" in await taken_back(cutting)
    writer.write(b"defghij")
    assert (await reader.readline()).split()[1] == b"200"
    writer.close()
    assert set(cutting.old.kept()) == {1, 5, 77}


async def a_worker_that_does_not_answer(cutting: Cutting) -> None:
    """It is stopped, and may be replaced on a slow machine: then it went over. Either way there is one owner again."""
    pid = send(cutting, "worker", signal.SIGSTOP)
    code, done = await cutting.cut_over("--hold", f"{HOLD:g}s")
    assert (code, done["effect"]) in ((3, "reverted"), (0, "live")), done
    if code:
        assert "did not say in time that it holds the writes" in str(done["why"])
    if pid in cutting.serving.children("worker"):
        send(cutting, "worker", signal.SIGCONT)
    owner = await settles(cutting)
    assert owner == ("old" if code else "new")
    assert set((await asyncio.to_thread(voices, cutting)).values()) == {owner}
    if not code:
        assert (await cutting.cut_over("--back"))[0] == 0


async def a_row_that_comes_to_differ(cutting: Cutting) -> None:
    """Somebody writes on the side that does not own, while the last write is waited for."""
    async with slow_write(cutting) as let_go:
        course = Course(cutting, order_to(back=False, hold=30.0))
        assert await course.reaches(Step.DRAIN)
        cutting.new.keep(999)
        let_go()
        said: dict[str, Any] = await course.end()
    assert (said["done"]["effect"], cutting.owners()) == ("reverted", ("old", "old")), said
    assert said["done"]["why"].startswith("verify: orders: 1 rows differ (999")
    assert (await cutting.ask("POST", "78")) == (200, "legacy")


@pytest.mark.timeout(600)
async def test_whoever_is_killed_on_the_way(cutting: Cutting) -> None:
    """All who can be asked name one owner, who is written; the long form is `python -m benchmarks.cutover --aimed`."""
    await is_shot_at(cutting, POINTS)


async def test_a_disk_that_is_full_on_the_way(serving: Serving) -> None:
    with disk(serving.folder) as made:
        if not made:
            pytest.skip("only root may have a disk of its own")
        async with cutting_from(serving) as cutting:
            await is_shot_at(cutting, [Point(False, Step.BUMP, "disk")])
        await serving.close()


async def is_shot_at(cutting: Cutting, points: Sequence[Point]) -> None:
    async with people(cutting) as ledger:
        there = Range(cutting, {}, ledger, random.Random(1), HOLD)
        await there.shoot_all(points, lambda words: None)
        assert (there.shots.wrong, there.shots.count) == ([], len(points))
    await cutting.quiesce()
    assert ledger.acknowledged <= set(cutting.old.kept())
