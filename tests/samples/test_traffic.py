"""People do the same things in the same order, however fast they are answered."""

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import pytest
from uvicorn import Config, Server

from sample_legacy import facts
from sample_legacy.traffic import Action, Person, Result, Summary, Unreachable, drive

from .conftest import legacy_over, running

WORLD = facts.load()


def actions(seed: int, user: int, count: int = 400, writes: bool = True) -> list[Action]:
    return list(islice(Person(WORLD, seed, user, writes).actions(), count))


def test_the_same_person_does_the_same_things() -> None:
    assert actions(7, 3) == actions(7, 3)
    assert actions(7, 3) != actions(8, 3)
    assert actions(7, 3) != actions(7, 4)


def test_everything_is_visited_sooner_or_later() -> None:
    seen = {(action.method, action.kind) for user in range(8) for action in actions(7, user)}
    assert seen == {("GET", "http"), ("POST", "http"), ("PUT", "http"), ("PATCH", "http"), ("GET", "sse"), ("GET", "websocket")}
    paths = " ".join(action.path for user in range(8) for action in actions(7, user))
    for place in (
        "/login",
        "/account",
        "/whoami",
        "/logout",
        "/api/uploads",
        "sales.csv",
        "/images/",
        "/go/",
        "/api/search",
        "size=50",
    ):
        assert place in paths


def test_without_writes_nothing_but_get_is_sent() -> None:
    assert {action.method for user in range(8) for action in actions(7, user, writes=False)} == {"GET"}


def test_nobody_touches_the_orders_of_another() -> None:
    owner = {order.id: order.customer_id for order in WORLD.orders}
    for user in range(20):
        customer = Person(WORLD, 7, user).customer.id
        moved = [int(action.path.rpartition("/")[2]) for action in actions(7, user) if action.method == "PUT"]
        assert {owner[number] for number in moved} <= {customer}


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    with running(legacy_over(tmp_path)) as app:
        server = Server(Config(app, port=0, log_level="critical", access_log=False, lifespan="off"))
        task = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        server.should_exit = True
        await task


async def test_what_is_sent_does_not_depend_on_timing(url: str) -> None:
    async def sent(rate: float) -> dict[str, list[Action]]:
        seen: dict[str, list[Action]] = {}

        def note(result: Result) -> None:
            seen.setdefault(result.user, []).append(result.action)

        await drive(url, 7, requests=90, users=4, rate=rate, on_result=note)
        return seen

    fast, slow = await sent(0), await sent(300)
    assert fast == slow
    assert {user: len(done) for user, done in fast.items()} == {"u000": 23, "u001": 23, "u002": 22, "u003": 22}
    assert fast["u001"] == actions(7, 1, 23)


async def test_everyone_gets_an_answer(url: str) -> None:
    results: list[Result] = []
    summary = await drive(url, 11, requests=400, rate=0, on_result=results.append)
    assert (summary.requests, summary.errors, len(results)) == (400, 0, 400)
    assert "5xx" not in summary.by_class
    assert summary.by_class["2xx"] > 300
    assert {result.status for result in results if result.action.path == "/login"} == {303}
    assert {result.status for result in results if result.action.path == "/whoami"} == {200}
    assert {result.status for result in results if result.action.kind == "websocket"} <= {101}


async def test_it_stops_when_told(url: str) -> None:
    stop = asyncio.Event()
    summary = await drive(url, rate=200, stop=stop, on_result=lambda result: stop.set())
    assert 1 <= summary.requests <= 8
    assert (await drive(url, seconds=0.05, rate=100)).requests <= 5


async def test_nobody_home() -> None:
    for url in ("http://127.0.0.1:1", "ftp://example.org", "nonsense"):
        with pytest.raises(Unreachable, match="cannot reach"):
            await drive(url, requests=1)


def test_the_summary_in_a_line() -> None:
    summary = Summary(seconds=2.0)
    for milliseconds in range(1, 101):
        summary.add(Result("u000", Action("GET", "/"), 200, milliseconds / 1000, 10))
    summary.add(Result("u000", Action("GET", "/"), None, 30.0, 0, "gone"))
    summary.add(Result("u000", Action("GET", "/events", kind="sse"), 200, 30.0, 10))
    assert str(summary) == "102 requests in 2.0 s: 101 2xx, 1 errors; p50 50.0 ms, p95 95.0 ms"
    assert summary.as_dict()["status"] == {"2xx": 101}
