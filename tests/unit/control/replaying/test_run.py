"""The loop alone: somebody who answers is played by an exchange that does as it is told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from strangler.control.replaying.exchange import Exchange
from strangler.control.replaying.run import Run, Settings
from strangler.control.replaying.sending import Sender
from strangler.control.replaying.tally import Tally
from strangler.control.replaying.targets import without_file
from strangler.core.decide import Table
from strangler.core.model import Route
from strangler.core.outcome import Outcome
from strangler.core.records import Stratum
from strangler.evidence.finding import Finding
from strangler.traffic.entry import Entry, Message
from strangler.traffic.replay.pace import Pace
from strangler.traffic.replay.plan import Plan, Wish

STRATUM = Stratum("everything", "shadow", "legacy", "", "", "GET", "2xx")


class Answering:
    """Plays the exchange: notes what begins and ends, and answers when it is let."""

    def __init__(self, tally: Tally, waits: set[str] | None = None) -> None:
        self.tally, self.settled = tally, 0
        self.log: list[str] = []
        self.at_once = self.most_at_once = 0
        self.waits = waits or set()
        self.let = asyncio.Event()

    def follows(self, entry: Entry) -> str:
        return entry.client

    def leave(self, entry: Entry) -> None:
        self.log.append(f"left {entry.target}")

    async def ask(self, entry: Entry, route: Route) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.log.append(f"+{entry.target}")
        if entry.target in self.waits:
            await self.let.wait()
        else:
            await asyncio.sleep(0)
        self.log.append(f"-{entry.target}")
        self.at_once -= 1
        self.tally.add(route.name, Finding(STRATUM, 0.0, outcome=Outcome.MATCH), None, "")
        self.settled += 1


class Silent:
    """Plays a sender whose system is gone."""

    def __init__(self, why: str, hangs: bool = False) -> None:
        self.silent, self.hangs, self.why, self.target = 8, hangs, why, "modern"

    async def reach(self) -> str:
        return self.why


def asked(target: str, client: str = "anna", method: str = "GET") -> Entry:
    body = Message((), b"", 0)
    return Entry(method, target, request=body, status=200, response=body, client=client)


def run(answering: Answering, *senders: Any, **settings: Any) -> Run:
    plan = Plan(Table(without_file()), Wish(frozenset({"GET", "POST"})))
    exchange = cast(Exchange, answering)
    return Run(plan, exchange, [cast(Sender, each) for each in senders], Settings(**settings), answering.tally)


async def test_a_client_keeps_its_order_and_clients_do_not_wait_for_each_other() -> None:
    answering = Answering(Tally(), {"/a1"})
    going = asyncio.create_task(
        run(answering).run(iter([asked("/a1", "a"), asked("/a2", "a"), asked("/b1", "b"), asked("/b2", "b")]))
    )
    while "-/b2" not in answering.log:
        await asyncio.sleep(0)
    assert "+/a2" not in answering.log
    answering.let.set()
    await going
    assert answering.log.index("-/a1") < answering.log.index("+/a2")
    assert answering.tally.compared == 4


async def test_what_changes_things_waits_for_all_before_it_and_all_behind_it_wait() -> None:
    answering = Answering(Tally())
    before, after = ([asked(f"/{name}{at}", f"{name}{at}") for at in range(6)] for name in "xy")
    await run(answering).run(iter([*before, asked("/w", "w", "POST"), *after]))
    begun = answering.log.index("+/w")
    assert all(each.startswith(("+/x", "-/x")) for each in answering.log[:begun])
    assert answering.log[begun + 1] == "-/w"
    assert all(each.startswith(("+/y", "-/y")) for each in answering.log[begun + 2 :])


async def test_no_more_are_under_way_than_may_be() -> None:
    answering = Answering(Tally())
    await run(answering, at_once=3).run(iter([asked(f"/{at}", f"c{at}") for at in range(40)]))
    assert answering.most_at_once == 3
    assert answering.tally.compared == 40


async def test_requests_of_nobody_follow_nobody() -> None:
    answering = Answering(Tally(), {"/a"})
    going = asyncio.create_task(run(answering).run(iter([asked("/a", ""), asked("/b", "")])))
    while "-/b" not in answering.log:
        await asyncio.sleep(0)
    answering.let.set()
    await going


async def test_a_recording_larger_than_memory_is_read_as_it_is_asked() -> None:
    answering = Answering(Tally(), {"/0"})
    read = 0

    def entries() -> Any:
        nonlocal read
        for at in range(100_000):
            read += 1
            yield asked(f"/{at}", "one")

    going = asyncio.create_task(run(answering, at_once=1).run(entries()))
    while not answering.log:
        await asyncio.sleep(0)
    for _ in range(1000):
        await asyncio.sleep(0)
    assert read < 200
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going


@pytest.mark.parametrize(("why", "hangs", "said"), [("refused", False, "refused"), ("", True, "has not answered")])
async def test_when_somebody_is_gone_the_rest_is_counted_and_not_asked(why: str, hangs: bool, said: str) -> None:
    answering = Answering(Tally())
    going = run(answering, Silent(why, hangs), at_once=1)
    await going.run(iter([asked(f"/{at}", "one") for at in range(50)]))
    going.settle()
    assert said in going.gone
    assert answering.tally.compared == 1
    assert (answering.tally.entries, answering.tally.not_reached, answering.tally.closes) == (50, 49, True)


async def test_a_system_that_fails_and_is_there_goes_on_being_asked() -> None:
    answering = Answering(Tally())
    going = run(answering, Silent(""))
    await going.run(iter([asked(f"/{at}") for at in range(20)]))
    assert (going.gone, answering.tally.compared) == ("", 20)


async def test_an_interrupted_run_accounts_for_what_it_had_begun() -> None:
    answering = Answering(Tally(), {"/1"})
    going = run(answering)
    task = asyncio.create_task(going.run(iter([asked("/0"), asked("/1"), asked("/2")])))
    while "+/1" not in answering.log:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    going.settle()
    assert (answering.tally.entries, answering.tally.compared, answering.tally.not_reached) == (3, 1, 2)
    assert answering.tally.closes


async def test_enough_is_enough() -> None:
    answering = Answering(Tally())
    going = run(answering, most=5)
    await going.run(iter([asked(f"/{at}") for at in range(9)]))
    going.settle()
    assert (going.limited, answering.tally.compared, answering.tally.entries, answering.tally.closes) == (True, 5, 5, True)


async def test_an_error_of_ours_ends_the_run() -> None:
    class Broken(Answering):
        async def ask(self, entry: Entry, route: Route) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run(Broken(Tally())).run(iter([asked("/0"), asked("/1", "b")]))


async def test_entries_are_sent_when_they_are_due(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    answering = Answering(Tally())
    going = run(answering, pace=Pace(speed=2), at_once=256)
    entries = [replace(asked(f"/{at}", f"c{at}"), at=100.0 + 1000 * at) for at in range(3)]
    monkeypatch.setattr("strangler.control.replaying.run.asyncio.sleep", sleep)
    await going.run(iter(entries))
    assert [round(each, -2) for each in slept if each > 1] == [500, 1000]
