"""Cutovers of real processes under load: every order that was acknowledged is in both shops, once, whoever was killed when."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests.databases import Fresh
from tests.e2e.control.cutting import Cutting, Ledger, behind, cutting_from, people
from tests.e2e.control.serving import Serving

WHILE = 0.5  # seconds of orders before and after
LATE = 1.5  # seconds that a relay is behind, at most


@pytest.fixture
async def cutting(serving: Serving) -> AsyncIterator[Cutting]:
    async with cutting_from(serving) as made:
        yield made


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


async def test_over_and_back_and_over_between_servers_with_a_relay_that_is_late(serving: Serving, fresh: Fresh) -> None:
    urls = {"old": fresh("mariadb"), "new": fresh("postgresql")}
    async with cutting_from(serving, urls) as cutting, people(cutting) as ledger:
        for words, owner in ((), "new"), (("--back",), "old"), ((), "new"):
            await asyncio.sleep(WHILE)
            await cutting.strangler("resume", "@orders")
            async with behind(cutting, LATE):
                code, done = await cutting.cut_over(*words)
            assert (code, done["effect"], cutting.owners()) == (0, "live", (owner, owner)), done
        await asyncio.sleep(WHILE)
    assert {status for status, _, _ in ledger.answers.values()} == {200}, "nobody was turned away"
    assert served(ledger) == ["legacy", "modern", "legacy", "modern"]
    await is_whole(cutting, ledger)


async def test_a_rehearsal_holds_nobody(cutting: Cutting) -> None:
    code, done = await cutting.cut_over("--dry-run")
    assert (code, done["effect"], done["objections"]) == (0, "planned", [])
    assert cutting.owners() == ("old", "old")


async def test_a_slow_write_is_waited_for_and_then_it_is_taken_back(cutting: Cutting) -> None:
    slow = asyncio.create_task(cutting.ask("POST", "slow"))
    await cutting.old.waiting.wait()
    code, done = await cutting.cut_over("--hold", "1s")
    assert (code, done["effect"]) == (3, "reverted")
    assert "1 write did not end in time" in str(done["why"])
    assert await cutting.ask("POST", "77") == (200, "legacy")
    cutting.old.release.set()
    assert await slow == (200, "legacy")
    assert cutting.record.move is None


async def test_an_upload_that_a_client_holds_open(cutting: Cutting) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", cutting.serving.port)
    writer.write(b"POST /orders?5 HTTP/1.1\r\nHost: shop\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    await cutting.serving.until(lambda: cutting.old.asked)
    code, done = await cutting.cut_over("--hold", "1s")
    assert (code, done["effect"]) == (3, "reverted")
    writer.write(b"defghij")
    assert (await reader.readline()).split()[1] == b"200"
    writer.close()
    assert set(cutting.old.kept()) == {1, 5}


async def test_drift_refuses_it(cutting: Cutting) -> None:
    cutting.new.keep(999)  # nobody copies what the side writes that does not own
    await cutting.strangler("data", "reconcile")
    code, done = await cutting.cut_over()
    assert (code, done["effect"], cutting.owners()) == (3, "refused", ("old", "old"))
    assert done["objections"]


@pytest.mark.parametrize(
    ("who", "after"), [("worker", 0.0), ("web.admin", 0.0), ("web.admin", 0.4), ("cli.data_process", 0.4), ("supervisor", 0.2)]
)
async def test_whoever_is_killed_on_the_way(cutting: Cutting, who: str, after: float) -> None:
    """The command is typed, and a moment after writes began to wait, or after that, a process is killed."""
    async with people(cutting) as ledger:
        await asyncio.sleep(WHILE)
        moving = asyncio.create_task(cutting.cut_over("--hold", "4s"))
        while cutting.record.move is None and not moving.done():
            await asyncio.sleep(0.002)
        await asyncio.sleep(after)
        if who == "supervisor":
            cutting.serving.process.kill()
            await cutting.serving.end()
            await cutting.serving.start()
        else:
            os.kill(cutting.pid_of(who), signal.SIGKILL)
        await asyncio.gather(moving, return_exceptions=True)
        await cutting.serving.until(lambda: cutting.record.move is None)
        owners = set(cutting.owners())
        assert len(owners) == 1
        side = {"old": "legacy", "new": "modern"}[owners.pop()]
        async with asyncio.timeout(30):
            while await cutting.ask("POST", str(100 + len(ledger.answers))) != (200, side):
                await asyncio.sleep(0.05)
        await asyncio.sleep(WHILE)
    await cutting.quiesce()
    assert ledger.acknowledged <= set(cutting.old.kept())
