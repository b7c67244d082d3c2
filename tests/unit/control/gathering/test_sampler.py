"""Samples of requests: even, bounded, out of the way of pairs, and without secrets once they are through."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import Counter
from pathlib import Path
from typing import Any

from strangler.control.frames import Frames, encode
from strangler.control.gathering.accounts import Accounts
from strangler.control.gathering.glances import MOST, Glances
from strangler.control.gathering.postbox import Postbox
from strangler.control.gathering.sampler import KIND, Sampler
from strangler.core.decide import Table
from strangler.core.records import Batch
from strangler.core.redact.overall import strictest
from tests.unit.given import config, request

FILE = config("routes: [{name: a, match: {path: '/a/{id}', cookies: {beta: '1'}}}]")


class Road:
    """A courier that keeps what it is given."""

    def __init__(self) -> None:
        self.idle = True
        self.heads: list[dict[str, Any]] = []

    def hand(self, route: str, frame: bytes) -> bool:
        self.heads += [head for head, _ in Frames().feed(frame)]
        assert route == ""
        return True


def sampler(road: Road, seed: int = 1, most: int = 20) -> Sampler:
    found = Sampler(road, random.Random(seed).random, most)  # type: ignore[arg-type]
    found.use(FILE)
    return found


def take(one: Sampler, number: int) -> None:
    table = Table(FILE)
    for place in range(number):
        came = request(f"GET /a/{place}", "cookie: beta=1")
        one.take(came, table.decide(came, 0.5))


def test_few_requests_are_all_taken() -> None:
    road = Road()
    one = sampler(road)
    take(one, 3)
    assert one.flush(7.0)
    assert [(head["is"], head["at"], head["weight"]) for head in road.heads] == [(KIND, 7.0, 1.0)]
    assert [each["target"] for each in road.heads[0]["requests"]] == ["/a/0", "/a/1", "/a/2"]


def test_of_many_each_is_as_likely() -> None:
    """1,000 samples of 5 out of 50: each place is expected 100 times, with a deviation of 9.5."""
    road, found = Road(), Counter[str]()
    for seed in range(1000):
        one = sampler(road, seed, most=5)
        take(one, 50)
        one.flush(0.0)
    for head in road.heads:
        assert (head["weight"], len(head["requests"])) == (10.0, 5)
        found.update(each["target"] for each in head["requests"])
    assert len(found) == 50
    assert all(50 < number < 150 for number in found.values())


def test_it_begins_anew_with_each_frame_and_sends_none_without_requests() -> None:
    road = Road()
    one = sampler(road)
    take(one, 40)
    assert [one.flush(1.0), one.flush(2.0)] == [True, False]
    take(one, 1)
    assert one.flush(3.0)
    assert [head["weight"] for head in road.heads] == [2.0, 1.0]


def test_pairs_come_first() -> None:
    road = Road()
    road.idle = False
    one = sampler(road)
    take(one, 1)
    assert not one.flush(1.0)
    assert road.heads == []


def test_without_routes_there_is_nothing_to_look_for() -> None:
    one = sampler(Road())
    one.use(config("routes: []"))
    assert not one.wanted


async def test_a_sample_goes_through_the_postbox_and_counts_for_no_ledger(tmp_path: Path) -> None:
    ours, heard = socket.socket(socket.AF_UNIX), list[dict[str, Any]]()
    ours.bind(str(tmp_path / "pairs"))
    ours.listen()
    accounts = Accounts({})
    postbox = Postbox(ours, accounts, take=lambda job: None, lose=lambda *lost: None, glance=heard.append)
    postbox.open()
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "pairs"))
    writer.write(encode({"is": "hello", "incarnation": "1.1", "given": {}}))
    writer.write(encode({"is": KIND, "at": 1.0, "weight": 1.0, "requests": []}))
    async with asyncio.timeout(10):
        while not heard:
            await asyncio.sleep(0)
    postbox.close()
    writer.close()
    assert (heard[0]["requests"], await reader.read()) == ([], b"")


def told(number: int = 1) -> dict[str, Any]:
    road = Road()
    one = sampler(road, most=MOST * 2)
    take(one, number)
    one.flush(5.0)
    return road.heads[0]


async def test_secrets_are_gone_before_the_batch_has_it() -> None:
    batch, complaints = Batch(), list[str]()
    glances = Glances(b"k" * 32, lambda: batch, complaints.append)
    glances.use(FILE)
    glances.take(told())
    glances.take(told())  # left out: the first is still worked on
    await glances.close()
    assert [(recent.at, recent.target, recent.route) for recent in batch.requests] == [(5.0, "/a/0", "a")]
    assert batch.requests[0].seen["cookie:beta"] not in (None, "1")
    assert complaints == []


async def test_a_batch_that_cannot_be_written_does_not_grow_for_ever() -> None:
    batch = Batch()
    glances = Glances(b"k" * 32, lambda: batch, lambda text: None)
    glances.use(FILE)
    for _ in range(2):
        glances.take(told(MOST - 100))
        await glances.close()
    assert len(batch.requests) == MOST


async def test_nonsense_from_a_worker_is_said_once() -> None:
    complaints = list[str]()
    glances = Glances(b"k" * 32, Batch, complaints.append)
    glances.use(FILE)
    for head in ({"is": KIND}, {"is": KIND, "at": 1, "weight": "x", "requests": [{}]}):
        glances.take(head)
        await glances.close()
    assert complaints == ["a sample of requests is left out: KeyError"]


def test_what_one_route_calls_a_secret_is_one_everywhere() -> None:
    file = config("""
routes:
  - {name: a, match: {path: /a}, redact: {headers: [x-a], detect: [email]}}
  - {name: b, match: {path: /b}, redact: {headers: [x-b], detect: [card]}}
""")
    rules = strictest(file)
    assert {"x-a", "x-b"} <= set(rules.headers)
    assert set(rules.detect) == {"email", "card"}
