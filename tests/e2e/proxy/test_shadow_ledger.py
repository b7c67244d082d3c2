"""Every request that the ledger saw ends once: as a pair, or skipped for the right reason. Whoever misbehaves."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Adapt, AdaptRequest, AdaptResponse, Fallback, Identity, Limits, Noise, Route, Stage, Timeouts
from strangler.core.observation import About, Answer, Pair
from strangler.core.units import Seconds, Share
from strangler.proxy import Proxy, proxy, shadowing
from strangler.proxy.identities import Inquirer

from .conftest import Open
from .ledger import CANDIDATE, CONTROL, Stand, copied
from .wire import eventually, request, response

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def status(line: str) -> bytes:
    return f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("reason", "settings", "asked", "control"),
    [
        ("sample", {"sample": Share(0.0)}, ["GET /"], CONTROL),
        ("method", {}, ["POST /", "Content-Length: 0"], CONTROL),
        ("method", {"methods": ("HEAD",)}, ["GET /"], CONTROL),
        ("conditional", {}, ["GET /", "If-None-Match: 1"], b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n"),
        ("conditional", {}, ["GET /", "Range: bytes=0-1"], response(b"co", status="206 Partial Content")),
        ("conditional", {}, ["GET /", "Range: bytes=99-"], status("416 Range Not Satisfiable")),
        ("conditional", {"methods": ("PUT",)}, ["PUT /", "If-Match: 1", "Content-Length: 0"], status("412 Precondition Failed")),
        ("upgrade", {}, ["GET /", "Connection: upgrade", "Upgrade: websocket"], status("401 Unauthorized")),
        ("stream", {}, ["GET /"], STREAM % b"text/event-stream"),
        ("stream", {}, ["GET /"], STREAM % b"Text/Event-Stream; charset=utf-8"),
        ("stream", {}, ["GET /"], STREAM % b"multipart/x-mixed-replace; boundary=x"),
        ("control_failed", {}, ["GET /"], b"not HTTP\r\n\r\n"),
        ("control_failed", {}, ["GET /"], b""),
        ("request_body", {"methods": ("POST",), "max_body": 2}, ["POST /", "Content-Length: 3"], CONTROL),
        ("request_body", {"methods": ("POST",), "max_body": 2}, ["POST /", "Transfer-Encoding: chunked"], CONTROL),
        ("signed", {"methods": ("POST",)}, ["POST /", "X-Hub-Signature-256: sha256=1", "Content-Length: 0"], CONTROL),
        ("signed", {"methods": ("POST",)}, ["POST /", "Stripe-Signature: t=1,v1=2", "Content-Length: 0"], CONTROL),
    ],
)
async def test_why_a_request_is_not_copied(
    opened_stand: Open, reason: str, settings: dict[str, object], asked: list[str], control: bytes
) -> None:
    stand: Stand = await opened_stand(control=control, **settings)
    body = {"Content-Length: 3": b"abc", "Transfer-Encoding: chunked": b"3\r\nabc\r\n0\r\n\r\n"}.get(asked[-1], b"")
    await stand.ask(*asked[1:], line=f"{asked[0]} HTTP/1.1", body=body)
    assert await stand.ledger.skip() == reason
    assert (stand.ledger.pairs, stand.modern.untouched) == ([], True)


@pytest.mark.parametrize(
    ("settings", "asked", "control"),
    [
        ({}, ["GET /", "If-Modified-Since: Wed, 09 Jun 2032 10:18:14 GMT"], CONTROL),
        ({"methods": ("POST",)}, ["POST /", "Content-Length: 0"], status("412 Precondition Failed")),
        ({}, ["GET /", "X-Hub-Signature: sha1=1"], CONTROL),  # safe: asked twice it is the same
        ({"methods": ("POST",), "max_body": 3}, ["POST /", "Content-Length: 3"], CONTROL),
        ({}, ["GET /", "Connection: upgrade", "Upgrade: h2c"], CONTROL),
        ({}, ["GET /"], STREAM % b"text/plain"),
        ({}, ["GET /"], response(b"data: 1\n\n", "Content-Type: text/event-stream")),  # it has an end
        ({}, ["GET /"], status("500 Internal Server Error")),
    ],
)
async def test_what_is_copied_all_the_same(
    opened_stand: Open, settings: dict[str, object], asked: list[str], control: bytes
) -> None:
    stand: Stand = await opened_stand(control=control, **settings)
    stand.candidate(CANDIDATE)
    await stand.ask(*asked[1:], line=f"{asked[0]} HTTP/1.1", body=b"abc" if asked[-1] == "Content-Length: 3" else b"")
    assert (await stand.ledger.pair()).candidate.size == len(b"candidate")
    assert stand.ledger.skips == []


async def test_a_switch_of_protocols_ends_at_once(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(
        control=b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
    )
    client = await stand.scene.dial()
    client.send(request("GET / HTTP/1.1", "Connection: upgrade", "Upgrade: websocket"))
    await client.head()
    assert (stand.ledger.reasons, bool(stand.scene.proxy.tunnels)) == (["upgrade"], True)


async def test_a_stream_ends_in_the_ledger_when_it_begins(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(control=STREAM[:-5] % b"text/event-stream")
    client = await stand.scene.dial()
    client.send(request())
    await client.head()
    assert await stand.ledger.skip() == "stream"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves(opened_stand: Open, how: str) -> None:
    stand: Stand = await opened_stand(control=lambda head: None)
    client = await stand.scene.dial()
    client.send(request())
    await eventually(lambda: bool(stand.control.heads))
    if how == "reset":
        client.reset()
    else:
        await client.close()
    assert await stand.ledger.skip() == "client_gone"


async def test_a_client_that_leaves_with_its_answer_is_copied(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    client = await stand.ask()
    await client.close()
    await eventually(lambda: not stand.scene.proxy.clients)
    stand.candidate(CANDIDATE)
    assert (await stand.ledger.pair()).candidate.status == 200


async def test_control_that_answers_before_it_has_the_whole_body(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(methods=("POST",), control=lambda head: None)
    client = await stand.scene.dial()
    client.send(request("POST / HTTP/1.1", "Content-Length: 10", body=b"abc"))
    await eventually(lambda: bool(stand.scene.legacy.wires))
    stand.scene.legacy.wires[0].send(CONTROL)
    await client.message()
    assert await stand.ledger.skip() == "request_body"


async def test_an_answer_that_control_cuts_short(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(control=lambda head: None)
    client = await stand.scene.dial()
    client.send(request())
    await eventually(lambda: bool(stand.control.heads))
    legacy = stand.scene.legacy.wires[0]
    legacy.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    await client.head()
    await legacy.close()
    assert await stand.ledger.skip() == "control_failed"


async def test_after_a_fallback_there_is_nothing_to_compare(opened_stand: Open) -> None:
    """What answered is the candidate: asked again, it would be compared with itself, as if modern had served."""
    stand: Stand = await opened_stand(stage=Stage.MODERN, fallback=Fallback.SAFE)
    await stand.modern.close()
    await stand.ask()
    assert await stand.ledger.skip() == "control_failed"
    assert len(stand.control.heads) == 1


async def test_a_control_that_is_retried_is_copied_once(opened_stand: Open) -> None:
    answers = iter((CONTROL, b"", CONTROL))
    stand: Stand = await opened_stand(control=lambda head: next(answers))
    stand.candidate(CANDIDATE)
    await stand.ask(client=await stand.ask())
    await stand.ledger.close()
    assert (stand.ledger.counts["r"], len(stand.ledger.pairs), stand.scene.proxy.counters.retries) == (2, 2, 1)


ADAPT = Adapt(AdaptRequest("/v2/{rest}/x"), AdaptResponse({parse_pattern("$.name"): parse_pattern("$.fullName")}))


async def test_a_path_that_cannot_be_translated(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(path="/api/{rest...}", adapt=ADAPT)
    await stand.ask(line="GET /api/ HTTP/1.1")
    assert await stand.ledger.skip() == "adapt_path"
    assert stand.modern.untouched


async def test_a_control_that_cannot_be_translated(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(path="/{rest...}", adapt=ADAPT, stage=Stage.MODERN, fallback=Fallback.OFF)
    stand.candidate(response(b"no JSON", "Content-Type: application/json"))
    await stand.ask(line="GET /a HTTP/1.1")
    assert await stand.ledger.skip() == "control_failed"


IDENTITY = {"identity": Identity("legacy", "/whoami", ("cookie",))}


async def test_the_candidate_is_told_who_the_user_is(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(
        modern_more=IDENTITY, control=lambda head: response(b'{"id": 7}') if b"/whoami" in head else CONTROL
    )
    candidate = stand.candidate(CANDIDATE)
    await stand.ask("Cookie: s=1", "X-User: me", "X_User: me too")
    await stand.ledger.pair()
    [head] = candidate.heads
    assert (head.count(b"\r\nx-user: "), head.lower().count(b"user")) == (1, 1)
    assert [seen.split(b" ")[1] for seen in stand.control.heads] == [b"/", b"/whoami"]


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_user_who_cannot_be_known(opened_stand: Open, hangs: bool) -> None:
    broken = None if hangs else response(b"", status="500 No")
    stand: Stand = await opened_stand(
        modern_more=IDENTITY, control=lambda head: broken if b"/whoami" in head else CONTROL, timeout=Seconds(0.05)
    )
    await stand.ask("Cookie: s=1")
    assert await stand.ledger.skip() == "identity"
    assert stand.modern.untouched


async def test_a_loop_that_is_late_drops_copies_first(opened_stand: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    stand: Stand = await opened_stand()
    monkeypatch.setattr(shadowing, "LATE", -1.0)  # everything is too late
    await stand.ask()
    assert await stand.ledger.skip() == "busy"
    assert stand.modern.untouched


async def test_many_copies_are_sent_in_several_turns(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    stand.shadowing._serving = True  # nobody serves the queue yet
    client = await stand.scene.dial()
    client.send(request() * 7)
    for _ in range(7):
        await client.message()
    stand.candidate(CANDIDATE)
    stand.shadowing._serve()
    assert (len(stand.shadowing._legs), len(stand.shadowing._queue)) == (shadowing.FEW, 7 - shadowing.FEW)
    await stand.ledger.close()
    assert len(stand.ledger.pairs) == 7


async def test_shadow_requests_of_one_worker_are_bounded(opened_stand: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "MOST_LEGS", 1)
    stand: Stand = await opened_stand()
    client = await stand.ask()
    await stand.ask(client=client)
    assert await stand.ledger.skip() == "concurrency"


# The end.


async def test_a_stop_waits_for_what_is_under_way(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    client = await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    await client.close()
    stopping = asyncio.create_task(stand.scene.proxy.stop(30))
    await eventually(lambda: not stand.scene.proxy.clients)
    modern.send(CANDIDATE)
    async with asyncio.timeout(10):
        await stopping
    assert ((await stand.ledger.pair()).candidate.status, stand.ledger.skips) == (200, [])


async def test_a_stop_does_not_wait_for_a_candidate_that_hangs(opened_stand: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxy, "PARTING", 0.01)
    stand: Stand = await opened_stand(timeout=Seconds(60))
    client = await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    await client.close()
    await stand.scene.proxy.stop(30)
    assert await stand.ledger.skip() == "stopping"
    assert await modern.ended()


async def test_a_stop_at_once_leaves_nothing_open(opened_stand: Open) -> None:
    """A request that waits for control, a copy in the queue, and one under way."""
    stand: Stand = await opened_stand(control=lambda head: None if b"/never" in head else CONTROL)
    waiting = await stand.scene.dial()
    waiting.send(request("GET /never HTTP/1.1"))
    await eventually(lambda: bool(stand.control.heads))
    await stand.ask()
    await stand.modern.accept()
    stand.shadowing._serving = True  # nobody serves the queue
    await stand.ask()
    await stand.scene.proxy.stop(0)
    assert (stand.ledger.reasons, stand.ledger.open) == (["stopping"] * 3, {})


# Faults.


class Broken:
    """A witness that fails whatever it is told."""

    def seen(self, route: Route) -> None:
        raise RuntimeError("seen")

    def skipped(self, route: Route, reason: str, method: str) -> None:
        raise RuntimeError("skipped")

    def alike(self, about: About, repeated: bool, control: Answer, candidate: Answer) -> bool:
        raise RuntimeError("alike")

    def paired(self, pair: Pair, route: Route) -> None:
        raise RuntimeError("paired")


async def test_a_witness_that_fails_is_only_counted(opened: Open) -> None:
    scene = await opened(routes=(copied(),), witness=Broken(), faults=5)
    client, legacy, _ = await scene.ask(request())
    legacy.send(CONTROL)
    assert (await client.message())[1] == b"control"
    modern = await scene.modern.accept()
    await modern.head()
    modern.send(CANDIDATE)
    await eventually(lambda: scene.proxy.counters.faults == 3)
    client.send(request("POST / HTTP/1.1", "Content-Length: 0"))
    await legacy.head()
    legacy.send(CONTROL)
    assert (await client.message())[1] == b"control"
    assert scene.proxy.counters.faults == 5


class Faulty:
    """Identities with an error in one place; it looks what the clients are at when it is asked."""

    def __init__(self, place: str, proxy: Proxy) -> None:
        self.place = place
        self.proxy = proxy
        self.served: list[bool] = []

    def introduce(self, inquirer: Inquirer, *about: object) -> None:
        self.served += [client.passage is None for client in self.proxy.clients]
        if self.place == "introduce":
            raise RuntimeError(self.place)
        inquirer.introduced(b"user")

    def line(self, user: bytes) -> bytes:
        raise RuntimeError("line")

    def heard(self, *what: object) -> None:
        """It is control who has answered."""


@pytest.mark.parametrize("place", ["introduce", "line"])
async def test_an_error_of_ours_is_an_end_too(opened_stand: Open, place: str) -> None:
    """One where the shadow request begins, and one when it has its connection."""
    stand: Stand = await opened_stand(faults=1)
    faulty = Faulty(place, stand.scene.proxy)
    routing: Any = replace(stand.scene.proxy.routing, identities={"modern": faulty}, extras=True)
    stand.scene.proxy.routing = routing
    stand.candidate(CANDIDATE)
    await stand.ask()
    assert await stand.ledger.skip() == "engine_error"
    assert faulty.served == [True], "a copy that is sent before the client is done with"


# All at once.

ANSWERS: tuple[bytes | None, ...] = (
    *(CONTROL, CONTROL, CONTROL, response(b"x" * 5000), b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    *(STREAM % b"text/plain", STREAM % b"text/event-stream", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", b"junk\r\n\r\n"),
    *(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", CONTROL + CONTROL, b"", None),
)
REQUESTS = (
    *[request(f"{method} {path} HTTP/1.{old}") for method in ("GET", "HEAD", "PUT") for path in ("/", "/b") for old in (0, 1)],
    request("POST / HTTP/1.1", "Content-Length: 3", body=b"abc"),
    request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
    request("POST / HTTP/1.1", "Content-Length: 900", body=b"x" * 100),
    request() * 3,
)


@pytest.mark.parametrize("seed", range(12))
async def test_the_ledger_closes_whatever_happens(opened_stand: Open, seed: int) -> None:
    chance = random.Random(seed)
    limits: dict[str, Any] = {"timeout": Seconds(0.05), "max_body": 1000, "sample": Share(0.9), "concurrency": 3}
    shadow = {**limits, "methods": ("GET", "HEAD", "POST"), "noise": Noise(True, Share(0.2))}
    stand: Stand = await opened_stand(
        control=lambda head: chance.choice(ANSWERS),
        routes=(
            copied("/b", name="b", stage=Stage.CANARY, weight=Share(0.5), fallback=Fallback.SAFE, **shadow),
            copied(index=1, **shadow),
        ),
        timeouts=Timeouts(response=Seconds(0.05), idle=Seconds(0.05)),
        limits=Limits(idle=Seconds(0.1)),
    )
    stand.candidate(lambda head: chance.choice(ANSWERS))

    async def visit() -> None:
        client = await stand.scene.dial()
        client.send(chance.choice(REQUESTS), chance.choice(REQUESTS))
        if chance.random() < 0.3:
            client.reset()
            return
        if chance.random() < 0.5:
            client.end()
        with suppress(ConnectionError):
            await client.rest()

    for _ in range(8):
        visits = [asyncio.create_task(visit()) for _ in range(10)]
        if chance.random() < 0.3:
            stand.scene.proxy.use(stand.scene.proxy.routing.table)
        await asyncio.gather(*visits)
    if seed % 2:
        await stand.ledger.close()
        await eventually(lambda: not stand.shadowing.budget.held)  # noise that is being learned is in no ledger
    else:
        await stand.scene.proxy.stop(0)
    assert (stand.ledger.open, stand.shadowing.budget.held) == ({}, 0)
    assert stand.ledger.counts.total() > 50
    assert stand.ledger.pairs
