"""Whatever the candidate does is an observation, costs a bounded amount and reaches no client."""

from __future__ import annotations

import pytest

from strangler.core.model import Breaker, Health, Stage, Timeouts
from strangler.core.units import Seconds, Share

from .conftest import Open
from .ledger import CANDIDATE, CONTROL, Stand, copied
from .wire import eventually, response

LONG = Timeouts(response=Seconds(30), idle=Seconds(30))


async def failure(stand: Stand) -> str:
    """Why the one candidate gave no whole answer."""
    pair = await stand.ledger.pair()
    assert (pair.control.status, pair.candidate.status, pair.candidate.body) == (200, 0, b"")
    return pair.candidate.failure


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        (b"", "upstream_reset"),
        (b"not HTTP at all\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad_response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "bad_response"),
    ],
)
async def test_an_answer_that_is_none(opened_stand: Open, answer: bytes, label: str) -> None:
    stand: Stand = await opened_stand()
    stand.candidate(answer)
    await stand.ask()
    assert await failure(stand) == label


async def test_a_candidate_that_stops_in_the_middle(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    modern.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    await modern.drain()
    modern.reset()
    assert await failure(stand) == "truncated"


async def test_a_candidate_that_is_dead(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    await stand.modern.close()
    await stand.ask()
    assert await failure(stand) == "connect_failed"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"HTTP/1.1 103 Early Hints\r\n\r\n"])
async def test_a_candidate_that_is_slow_has_one_deadline(opened_stand: Open, said: bytes) -> None:
    stand: Stand = await opened_stand(timeout=Seconds(0.05), timeouts=LONG)
    await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    modern.send(said)
    assert await failure(stand) == "response_timeout"
    assert await modern.ended()


@pytest.mark.parametrize("begins", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
async def test_an_endless_answer_is_cut(opened_stand: Open, begins: bytes) -> None:
    stand: Stand = await opened_stand(timeout=Seconds(60))
    await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    modern.send(begins)
    piece, sent = bytes(2**20), 0
    try:
        while not stand.ledger.pairs:
            modern.send(b"100000\r\n" + piece + b"\r\n" if b"chunked" in begins else piece)
            sent += len(piece)
            await modern.drain()
    except ConnectionError:
        pass
    candidate = (await stand.ledger.pair()).candidate
    assert (candidate.status, candidate.body, len(candidate.digest)) == (200, b"", 16)
    assert 2**20 < candidate.size <= sent < 32 * 2**20


async def test_an_answer_that_is_said_to_be_too_large_is_not_read(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(timeout=Seconds(60))
    await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    modern.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    candidate = (await stand.ledger.pair()).candidate
    assert (candidate.status, candidate.body, len(candidate.digest), candidate.size) == (200, b"", 16, 10_000_000)
    assert await modern.ended()


async def test_an_answer_that_ends_with_the_connection(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(response(b"candidate", "Connection: close"))
    client = await stand.ask()
    await stand.ledger.close()
    await stand.ask(client=client)
    await stand.ledger.close()
    assert ([pair.candidate.status for pair in stand.ledger.pairs], candidate.wires) == ([200, 200], 2)


async def test_connections_are_kept_apart_from_the_clients(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(routes=(copied("/a"), copied("/b", index=1, name="b", stage=Stage.MODERN, during=())))
    candidate = stand.candidate(CANDIDATE)
    client = await stand.ask(line="GET /a HTTP/1.1")
    await stand.ledger.close()
    await stand.ask(line="GET /b HTTP/1.1", client=client)  # modern serves it
    await stand.ask(line="GET /a HTTP/1.1", client=client)
    await stand.ledger.close()
    assert (len(candidate.heads), candidate.wires) == (3, 2)


async def test_a_pooled_connection_that_was_closed_is_tried_once_more(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    client = await stand.ask()
    first = await stand.modern.accept()
    await first.head()
    first.send(CANDIDATE)
    await stand.ledger.close()
    await stand.ask(client=client)
    await first.head()
    first.reset()
    second = await stand.modern.accept()
    await second.head()
    second.reset()  # no third time
    await stand.ledger.close()
    assert [pair.candidate.failure for pair in stand.ledger.pairs] == ["", "upstream_reset"]


async def test_what_the_candidate_sends_unasked_harms_nobody(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    stand.candidate(CANDIDATE + CANDIDATE)
    client = await stand.ask()
    for _ in range(3):
        await stand.ask(client=client)
    await stand.ledger.close()
    assert {pair.candidate.body for pair in stand.ledger.pairs} == {b"candidate"}


# When it is not asked at all.


async def test_shadow_requests_under_way_are_bounded_for_each_route(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(
        routes=(copied("/a", name="a", concurrency=1), copied("/b", index=1, name="b", concurrency=2))
    )
    client = await stand.scene.dial()
    for path in ("/a", "/a", "/b", "/b", "/b"):
        await stand.ask(line=f"GET {path} HTTP/1.1", client=client)
    await eventually(lambda: len(stand.ledger.skips) == 2)
    assert stand.ledger.skips == [("a", "concurrency"), ("b", "concurrency")]
    assert stand.ledger.open == {"a": 1, "b": 2}
    stand.candidate(CANDIDATE)
    await stand.ledger.close()
    await stand.ask(line="GET /a HTTP/1.1", client=client)  # there is room again
    await stand.ledger.close()
    assert [pair.route for pair in stand.ledger.pairs].count("a") == 2


async def test_a_candidate_that_is_out_of_service_is_not_asked(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(health=Health("/healthz", every=Seconds(0.01), fails=1))
    candidate = stand.candidate(lambda head: CONTROL if b"/healthz" not in head else response(b"", status="500 No"))
    pulse = stand.scene.proxy.routing.pools["modern"].gate.pulse
    assert pulse is not None
    await eventually(lambda: not pulse.well)
    await stand.ask()
    assert await stand.ledger.skip() == "unhealthy"
    assert not any(head.startswith(b"GET / ") for head in candidate.heads)


async def test_a_candidate_that_fails_is_left_alone_for_a_while(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(breaker=Breaker(Share(0.5), 3, Seconds(10), Seconds(60)))
    await stand.modern.close()
    client = await stand.scene.dial()
    for _ in range(5):
        await stand.ask(client=client)
        await stand.ledger.close()
    assert [pair.candidate.failure for pair in stand.ledger.pairs] == ["connect_failed"] * 3
    assert stand.ledger.reasons == ["breaker_open"] * 2
    assert not stand.scene.proxy.routing.pools["modern"].shut, "clients' own requests are another matter"
    assert not stand.scene.proxy.counters.opens


async def test_nothing_is_left_of_thousands_of_requests_to_a_dead_candidate(opened_stand: Open) -> None:
    """Traefik ran out of memory here."""
    stand: Stand = await opened_stand(control=response(b"x" * 1000))
    await stand.modern.close()
    client = await stand.scene.dial()
    for _ in range(30):
        client.send(b"".join(request_line(number) for number in range(100)))
        for _ in range(100):
            await client.message()
    await stand.ledger.close()
    assert (stand.ledger.counts["r"], stand.shadowing.budget.held, len(stand.shadowing._legs)) == (3000, 0, 0)
    assert all(head.count(b"HTTP/1.1") == 1 for head in stand.control.heads)


def request_line(number: int) -> bytes:
    return f"GET /{number} HTTP/1.1\r\nHost: shop.example\r\n\r\n".encode()


async def test_what_is_held_for_a_candidate_that_hangs_is_bounded(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(control=response(b"x" * 100_000), concurrency=1000)
    stand.shadowing.budget.most = 1_000_000
    client = await stand.scene.dial()
    for number in range(20):
        client.send(request_line(number))
        await client.message()
    assert stand.shadowing.budget.held <= 1_000_000
    await eventually(lambda: len(stand.ledger.skips) > 5)
    assert set(stand.ledger.reasons) == {"budget"}
    stand.candidate(response(b"y" * 100_000))
    await stand.ledger.close()
    assert stand.shadowing.budget.held == 0
