"""From a worker's courier to control's postbox, over a real socket that outlives both."""

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from strangler.control.frames import encode
from strangler.control.gathering.accounts import Accounts
from strangler.control.gathering.comparators import Job
from strangler.control.gathering.courier import Courier
from strangler.control.gathering.postbox import Postbox
from strangler.control.sockets import open_private


def envelope(route: str = "shop", revision: int = 1, again: bool = False, body: bytes = b"x") -> bytes:
    return encode({"is": "pair", "route": route, "again": again, "revision": revision}, body)


class Office:
    """A control: its postbox, what it took, what it counted as lost."""

    def __init__(self, listening: socket.socket, settled: dict[tuple[str, str], int] | None = None) -> None:
        self.taken: list[Job] = []
        self.lost: Counter[tuple[str, str]] = Counter()
        self.news = asyncio.Event()
        self.postbox = Postbox(listening.dup(), Accounts(settled or {}), take=self._take, lose=self._lose)
        self.postbox.revision = 1
        self.postbox.open()

    def _take(self, job: Job) -> None:
        self.taken.append(job)
        self.news.set()

    def _lose(self, incarnation: str, route: str, number: int) -> None:
        self.lost[incarnation, route] += number
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def has(self, number: int) -> list[Job]:
        """Wait until so many pairs were taken."""
        await self.until(lambda: len(self.taken) >= number)
        return self.taken


@pytest.fixture
async def listening(tmp_path: Path) -> AsyncIterator[socket.socket]:
    sock = open_private(str(tmp_path / "pairs"))
    yield sock
    sock.close()


@pytest.fixture
async def courier(tmp_path: Path) -> AsyncIterator[Courier]:
    made = Courier(str(tmp_path / "pairs"), "1.1")
    yield made
    await made.close(0)


async def test_pairs_arrive_in_order_and_whole(listening: socket.socket, courier: Courier) -> None:
    office = Office(listening)
    bodies = [bytes([number % 256]) * number * 100 for number in range(200)]
    for body in bodies:
        assert courier.hand("shop", envelope(body=body))
    assert [job.frame for job in await office.has(200)] == bodies
    assert {(job.incarnation, job.route, job.again) for job in office.taken} == {("1.1", "shop", False)}
    office.postbox.close()


async def test_pairs_wait_for_a_control_that_is_not_there_yet(listening: socket.socket, courier: Courier) -> None:
    assert courier.hand("shop", envelope())
    office = Office(listening)
    assert len(await office.has(1)) == 1
    office.postbox.close()


async def test_beyond_the_budget_they_are_refused_and_later_taken_again(listening: socket.socket, tmp_path: Path) -> None:
    courier = Courier(str(tmp_path / "pairs"), "1.1", budget=2000)
    big = envelope(body=b"x" * 900)
    assert [courier.hand("shop", big) for _ in range(4)] == [True, True, False, False]
    office = Office(listening)
    await office.has(2)
    assert courier.hand("shop", big)
    await office.has(3)
    await courier.close(5)
    office.postbox.close()


async def test_a_pair_larger_than_the_budget_goes_alone(listening: socket.socket, tmp_path: Path) -> None:
    courier = Courier(str(tmp_path / "pairs"), "1.1", budget=500)
    big = envelope(body=b"x" * 900)
    assert [courier.hand("shop", frame) for frame in (big, big, envelope())] == [True, False, False]
    office = Office(listening)
    assert len(await office.has(1)) == 1
    assert courier.hand("shop", big)
    await office.has(2)
    await courier.close(5)
    office.postbox.close()


async def test_control_that_waits_makes_the_worker_keep_and_nobody_lose(listening: socket.socket, tmp_path: Path) -> None:
    courier = Courier(str(tmp_path / "pairs"), "1.1", budget=4 * 2**20)
    office = Office(listening)
    assert courier.hand("shop", envelope())
    await office.has(1)
    office.postbox.wait()
    kept = 0
    while courier.hand("shop", envelope(body=bytes(50_000))):
        kept += 1
        await asyncio.sleep(0)
    assert 80 < kept < 110  # the budget, and what the link and the sockets take
    office.postbox.resume()
    assert len(await office.has(kept + 1)) == kept + 1
    await courier.close(5)
    office.postbox.close()
    assert not office.lost


async def test_what_went_with_a_dead_control_is_counted_by_the_next(listening: socket.socket, courier: Courier) -> None:
    first = Office(listening)
    for _ in range(5):
        courier.hand("shop", envelope())
        courier.hand("", envelope(again=True))
    await first.has(10)
    first.postbox.close()  # three of them were stored
    second = Office(listening, {("1.1", "shop"): 3})
    courier.hand("shop", envelope())
    await second.until(lambda: len(second.taken) + second.lost["1.1", "shop"] == 3)  # the last one may have gone with the first
    assert second.lost["1.1", "shop"] >= 2
    second.postbox.close()


async def test_a_link_that_is_cut_loses_what_was_on_it_and_counts_nothing_twice(
    listening: socket.socket, courier: Courier
) -> None:
    office = Office(listening)
    courier.hand("shop", envelope())
    await office.has(1)
    for link in list(office.postbox.links):
        link.end()
    for _ in range(3):
        courier.hand("shop", envelope())
    await office.until(lambda: len(office.taken) + office.lost["1.1", "shop"] >= 4)
    assert len(office.taken) + office.lost["1.1", "shop"] == 4
    office.postbox.close()


async def test_a_newer_link_ends_the_older_one_of_the_same_worker(listening: socket.socket, tmp_path: Path) -> None:
    office = Office(listening)
    older, writer = await talk(tmp_path, encode({"is": "hello", "incarnation": "1.1", "given": {}}) + envelope())
    await office.has(1)
    _, newer = await talk(tmp_path, encode({"is": "hello", "incarnation": "1.1", "given": {"shop": 3}}))
    assert await older.read() == b""
    assert office.lost == {("1.1", "shop"): 2}
    newer.close()
    writer.close()
    office.postbox.close()


async def test_a_pair_of_a_newer_configuration_waits_until_control_has_it(listening: socket.socket, tmp_path: Path) -> None:
    office = Office(listening)
    hello = encode({"is": "hello", "incarnation": "1.1", "given": {}})
    _, writer = await talk(tmp_path, hello + envelope() + envelope(revision=2) + envelope(revision=1))
    await office.has(1)
    writer.close()
    await asyncio.sleep(0)
    assert len(office.taken) == 1
    office.postbox.use(2)
    assert len(await office.has(3)) == 3
    async with asyncio.timeout(20):
        while office.postbox.links:
            await asyncio.sleep(0.01)
    office.postbox.close()


@pytest.mark.parametrize("said", [b"GET / HTTP/1.1\r\n\r\n", encode({}), encode({"is": "pair"}), encode({"is": "hello"})])
async def test_who_talks_nonsense_is_not_heard(listening: socket.socket, tmp_path: Path, said: bytes) -> None:
    office = Office(listening)
    reader, writer = await talk(tmp_path, said)
    assert await reader.read() == b""
    writer.close()
    assert office.taken == []
    office.postbox.close()


async def test_at_the_end_all_that_waits_is_handed_over(listening: socket.socket, tmp_path: Path) -> None:
    courier = Courier(str(tmp_path / "pairs"), "1.1")
    office = Office(listening)
    for _ in range(50):
        courier.hand("shop", envelope(body=bytes(20_000)))
    await courier.close(20)
    assert len(await office.has(50)) == 50
    office.postbox.close()


async def test_at_the_end_nobody_waits_for_a_control_that_does_not_come(tmp_path: Path) -> None:
    courier = Courier(str(tmp_path / "nobody"), "1.1")
    courier.hand("shop", envelope())
    await courier.close(0.05)
    assert not courier.hand("shop", bytes(64 * 2**20))


async def talk(folder: Path, said: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(str(folder / "pairs"))
    writer.write(said)
    return reader, writer
