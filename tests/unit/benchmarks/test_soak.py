"""The short form of `python -m benchmarks.soak`, and what its ledgers notice."""

import random
import sys

import pytest
import uvloop

from benchmarks.deeds import Plan, Upstream
from benchmarks.soak import Clients, balance, soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc, which only Linux has")


def test_random_clients_before_a_random_upstream() -> None:
    seed = random.randrange(10**6)
    clients, wrong = uvloop.run(soak(1.5, seed, 24))
    assert wrong == [], f"seed {seed}"
    assert len(clients.kinds) == 5
    assert {200, 204, 404, 500} <= {status for status, _ in clients.got.values()}


@pytest.mark.parametrize(
    ("log", "asked", "found"),
    [
        ([{"request_id": "a", "status": 200, "bytes_out": 5}], {"a": 1}, []),
        ([], {"a": 1}, ["a is not in the access log"]),
        ([{"request_id": "a", "status": 200, "bytes_out": 5}] * 2, {}, ["1 requests are in the access log twice"]),
        ([{"request_id": "a", "status": 200, "bytes_out": 5}], {"a": 3}, ["the upstream was asked 3 times for a"]),
        ([{"request_id": "a", "status": 502, "bytes_out": 5}], {}, ["a: the client got 200"]),
        ([{"request_id": "a", "status": 200, "bytes_out": 6}], {}, ["a: the client got 200"]),
        ([{"request_id": x, "status": 200, "bytes_out": 5} for x in "ab"], {}, ["b is in the access log, and no client"]),
        ([{"request_id": x, "status": 200, "bytes_out": 5} for x in "al"], {}, []),
    ],
)
def test_what_does_not_agree_is_said(log: list[dict[str, object]], asked: dict[str, int], found: list[str]) -> None:
    clients, upstream = Clients(0, random.Random(0)), Upstream()
    clients.got["a"] = (200, 5)
    clients.left.add("l")
    upstream.asked.update(asked)
    said = list(balance(clients, upstream, log))
    assert len(said) == len(found)
    assert all(one.startswith(start) for one, start in zip(said, found, strict=True))


def test_a_body_is_nobody_elses() -> None:
    plan = Plan("soak-1", "sized", 20, upload=9, chunked=True)
    assert plan.answer == b"soak-1\nsoak-1\nsoak-1"
    assert plan.body() == b"9\r\nsoak-1\nso\r\n0\r\n\r\n"
