"""Health checks and the breaker: an upstream that is down is noticed, left alone, and noticed again when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

import pytest

from strangler.core.breaker import PROBES, State
from strangler.core.decide import Table
from strangler.core.model import Breaker, Health, Stage, Timeouts
from strangler.core.units import Seconds, Share
from strangler.proxy.pool import Pool

from .conftest import Open, Scene, config, route
from .wire import Wire, eventually, lines_of, request, response

HEALTH = Health("/healthz?deep=1", every=Seconds(0.02), fails=2, passes=2)
BREAKER = Breaker(error_rate=Share(0.5), min_requests=4, window=Seconds(60), open=Seconds(60))
SOON = Timeouts(connect=Seconds(0.05), response=Seconds(0.05), idle=Seconds(5))
NEVER = Timeouts(connect=Seconds(60), response=Seconds(60), idle=Seconds(60))


@dataclass
class Service:
    """A server of its own, behind a port that a scene knows: answers each request as `answer` says, b"" hangs up."""

    answer: Callable[[bytes], bytes | None]
    asked: list[bytes] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self, port: int) -> Service:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.asked.append(head)
                data = self.answer(head)
                if data == b"":
                    break
                writer.write(data or b"")  # None: not a word
        writer.close()

    async def close(self) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    def count(self, path: bytes) -> int:
        return sum(path in head.split(b"\r\n", 1)[0] for head in self.asked)


def well(head: bytes) -> bytes:
    return response(b"modern")


@pytest.fixture
async def services() -> AsyncIterator[list[Service]]:
    made: list[Service] = []
    yield made
    for service in made:
        await service.close()


async def instead(scene: Scene, services: list[Service], answer: Callable[[bytes], bytes | None] = well) -> Service:
    """Put a service in modern's place."""
    await scene.modern.close()
    service = await Service(answer).open(scene.modern.port)
    services.append(service)
    return service


def modern(scene: Scene) -> Pool:
    return scene.proxy.routing.pools["modern"]


def is_well(scene: Scene) -> bool:
    pulse = modern(scene).gate.pulse
    return pulse is not None and pulse.well


async def ask(scene: Scene, line: str = "GET / HTTP/1.1", *headers: str) -> tuple[int, list[str], bytes]:
    """Ask on a connection of its own: status, head, body."""
    client = await scene.dial()
    client.send(request(line, *headers))
    head, body = await client.message()
    await client.close()
    return int(head.split(b" ", 2)[1]), lines_of(head), body


async def from_legacy(scene: Scene, line: str = "GET / HTTP/1.1") -> bytes:
    """Ask, and have legacy answer."""
    client = await scene.dial()
    client.send(request(line))
    upstream = scene.legacy.wires[-1] if scene.legacy.wires else await scene.legacy.accept()
    await upstream.head()
    upstream.send(response(b"legacy"))
    _, body = await client.message()
    await client.close()
    return body


# Health.


async def test_it_dies_hangs_and_comes_back(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), health=HEALTH, timeouts=NEVER)
    service = await instead(scene, services)
    await eventually(lambda: service.count(b"/healthz") > 3)
    assert is_well(scene)
    assert (await ask(scene))[2] == b"modern"

    await service.close()  # nobody listens
    await eventually(lambda: not is_well(scene))
    assert await from_legacy(scene) == b"legacy"

    service = await instead(scene, services, lambda head: None)  # listens, and says nothing
    await eventually(lambda: service.count(b"/healthz") > 3)
    assert not is_well(scene)
    assert await from_legacy(scene) == b"legacy"
    assert service.count(b"GET / ") == 0

    service.answer = well
    await eventually(lambda: is_well(scene))
    assert (await ask(scene))[2] == b"modern"
    assert scene.proxy.counters.fallbacks == 2


async def test_each_check_makes_a_connection(opened: Open, services: list[Service]) -> None:
    """An upstream that takes no new connections is out, however well it answers on those it has."""
    scene = await opened(routes=(route(),), health=HEALTH)
    service = await instead(scene, services)
    assert (await ask(scene))[2] == b"modern"
    service._server.close()
    await eventually(lambda: not is_well(scene))
    assert scene.proxy.upstream_connections


async def test_what_is_asked(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), health=HEALTH, host="modern.example")
    service = await instead(scene, services)
    await eventually(lambda: bool(service.asked))
    assert lines_of(service.asked[0]) == [
        "GET /healthz?deep=1 HTTP/1.1",
        "Host: modern.example",
        "User-Agent: strangler",
        "Connection: close",
    ]


@pytest.mark.parametrize(
    ("status", "passes"), [("204 No Content", True), ("302 Found", True), ("404 x", False), ("500 x", False)]
)
async def test_what_is_well(opened: Open, services: list[Service], status: str, passes: bool) -> None:
    scene = await opened(routes=(route(),), health=HEALTH)
    service = await instead(scene, services, lambda head: response(status=status))
    await eventually(lambda: service.count(b"/healthz") > 4)
    assert is_well(scene) is passes


async def test_out_of_service_costs_no_client_a_connect_timeout(opened: Open) -> None:
    """Modern does not answer a check; a client that had to try it would wait for a minute."""
    scene = await opened(routes=(route(),), health=HEALTH, timeouts=NEVER)
    await eventually(lambda: not is_well(scene))
    before = len(scene.modern.wires)
    for _ in range(20):
        assert await from_legacy(scene) == b"legacy"
    heads = [await wire.head() for wire in scene.modern.wires[:before]]
    assert all(b"/healthz" in head for head in heads)
    assert max(one.duration for one in scene.observed) < 5


OUT = [
    ("safe, no fallback", {"fallback": "off"}, "GET / HTTP/1.1"),
    ("unsafe", {}, "POST / HTTP/1.1"),
    ("unsafe, with data", {"data": ("orders",)}, "DELETE / HTTP/1.1"),
    ("retired", {"stage": Stage.RETIRED}, "GET / HTTP/1.1"),
]


@pytest.mark.parametrize(("settings", "line"), [case[1:] for case in OUT], ids=[case[0] for case in OUT])
async def test_without_a_fallback_the_answer_says_when_to_come_again(
    opened: Open, settings: dict[str, object], line: str
) -> None:
    scene = await opened(routes=(route(**settings),), health=HEALTH)
    await scene.modern.close()
    await eventually(lambda: not is_well(scene))
    status, head, body = await ask(scene, line, "Content-Length: 0", "Accept: application/json")
    assert status == 503
    assert "Retry-After: 1" in head
    assert b'"error": "unhealthy"' in body
    assert scene.legacy.untouched
    assert scene.proxy.counters.refusals == {"unhealthy": 1}


async def test_legacy_is_only_taken_out_if_that_was_asked_for(opened: Open) -> None:
    scene = await opened()
    await scene.legacy.close()
    for _ in range(30):
        assert (await ask(scene))[0] == 502
    assert not scene.proxy.routing.pools["legacy"].shut

    scene = await opened(legacy_health=HEALTH)
    await scene.legacy.close()
    await eventually(lambda: scene.proxy.routing.pools["legacy"].shut)
    status, head, _ = await ask(scene)
    assert (status, "Retry-After: 1" in head) == (503, True)


async def test_a_table_that_leaves_the_upstream_alone_leaves_its_health_alone(opened: Open) -> None:
    scene = await opened(routes=(route(),), health=HEALTH)
    await scene.modern.close()
    await eventually(lambda: not is_well(scene))
    pool = modern(scene)
    scene.proxy.use(scene.proxy.routing.table)
    assert modern(scene) is pool
    assert not is_well(scene)


async def test_nobody_is_asked_once_the_upstream_has_gone_from_the_table(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), health=HEALTH)
    service = await instead(scene, services)
    await eventually(lambda: bool(service.asked))
    scene.proxy.use(Table(config(scene.legacy.port, scene.modern.port)))
    await eventually(lambda: not scene.proxy.upstream_connections)
    asked = len(service.asked)
    later = scene.proxy.deadlines.now + 0.1
    await eventually(lambda: scene.proxy.deadlines.now > later)
    assert len(service.asked) == asked


# The breaker.


def state(scene: Scene) -> State:
    circuit = modern(scene).gate.circuit
    assert circuit is not None
    return circuit.state


async def broken(scene: Scene, services: list[Service], count: int = BREAKER.min_requests) -> Service:
    """Modern hangs up on so many requests."""
    service = await instead(scene, services, lambda head: b"")
    for _ in range(count):
        await ask(scene, "POST / HTTP/1.1", "Content-Length: 0")
    return service


async def test_it_opens_and_nothing_more_is_sent(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), breaker=BREAKER)
    service = await broken(scene, services)
    assert state(scene) is State.OPEN
    assert await from_legacy(scene) == b"legacy"
    status, head, body = await ask(scene, "POST / HTTP/1.1", "Content-Length: 0")
    assert (status, "Retry-After: 60" in head, b"reason: breaker_open" in body) == (503, True, True)
    assert len(service.asked) == BREAKER.min_requests
    assert scene.proxy.counters.opens == {"modern": 1}
    assert scene.proxy.counters.fallbacks == 1
    assert scene.observed[-1].reason == "breaker_open"


FAILURES = {
    "no connection": ({}, None, 502),
    "a reset": ({}, lambda head: b"", 502),
    "no answer in time": ({"timeouts": SOON}, lambda head: None, 504),
    "not HTTP": ({}, lambda head: b"hello\r\n\r\n", 502),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_what_counts(opened: Open, services: list[Service], case: str) -> None:
    settings, answer, expected = FAILURES[case]
    scene = await opened(routes=(route(fallback="off"),), breaker=BREAKER, **settings)
    if answer is None:
        await scene.modern.close()
    else:
        await instead(scene, services, answer)
    statuses = [(await ask(scene))[0] for _ in range(BREAKER.min_requests + 1)]
    assert statuses == [expected] * BREAKER.min_requests + [503]


async def test_fallbacks_count_as_failures(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), breaker=BREAKER)
    await scene.modern.close()
    for _ in range(BREAKER.min_requests):
        assert await from_legacy(scene) == b"legacy"
    assert state(scene) is State.OPEN


@pytest.mark.parametrize("status", ["500 x", "502 x", "503 x", "404 x"])
async def test_a_status_is_an_answer(opened: Open, services: list[Service], status: str) -> None:
    scene = await opened(routes=(route(),), breaker=BREAKER)
    await instead(scene, services, lambda head: response(status=status))
    for _ in range(3 * BREAKER.min_requests):
        assert (await ask(scene))[0] == int(status[:3])
    assert state(scene) is State.CLOSED


async def test_a_pooled_connection_that_was_closed_tells_nothing(opened: Open) -> None:
    scene = await opened(routes=(route(),), breaker=BREAKER)
    for _ in range(3 * BREAKER.min_requests):
        client = await scene.dial()
        client.send(request())
        upstream = await scene.modern.accept()
        await upstream.head()
        upstream.send(response(b"1"))
        await client.message()
        client.send(request())
        await upstream.head()
        await upstream.close()
        upstream = await scene.modern.accept()
        await upstream.head()
        upstream.send(response(b"2", "Connection: close"))
        await client.message()
    assert scene.proxy.counters.retries == 3 * BREAKER.min_requests
    gate = modern(scene).gate
    assert gate.circuit is not None
    assert gate.circuit._window.counts(modern(scene).answered)[1] == 0


async def test_half_open_lets_a_few_through_and_closes(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), breaker=Breaker(BREAKER.error_rate, 4, Seconds(60), open=Seconds(0.05)))
    service = await broken(scene, services)
    pool = modern(scene)
    service.answer = lambda head: None  # the probes are held back
    await eventually(lambda: pool.gate.circuit is not None and pool.gate.circuit.rest(perf_counter()) == 0)
    waiting: list[Wire] = []
    for _ in range(PROBES):
        client = await scene.dial()
        client.send(request())
        waiting.append(client)
    await eventually(lambda: service.count(b"GET / ") == PROBES)
    assert state(scene) is State.HALF_OPEN
    assert (await ask(scene, "POST / HTTP/1.1", "Content-Length: 0"))[2].count(b"breaker_open") == 1
    for writer in service.writers[-PROBES:]:
        writer.write(response(b"again"))
    for client in waiting:
        assert (await client.message())[1] == b"again"
    service.answer = well
    assert (await ask(scene))[2] == b"modern"
    assert state(scene) is State.CLOSED
    assert not pool.shut


async def test_a_probe_that_fails_opens_it_again(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),), breaker=Breaker(BREAKER.error_rate, 4, Seconds(60), open=Seconds(0.05)))
    await broken(scene, services)
    await eventually(lambda: modern(scene).gate.circuit.rest(perf_counter()) == 0)  # type: ignore[union-attr]
    await ask(scene, "POST / HTTP/1.1", "Content-Length: 0")
    assert state(scene) is State.OPEN
    assert scene.proxy.counters.opens == {"modern": 2}


async def test_there_is_no_breaker_unless_the_upstream_has_one(opened: Open, services: list[Service]) -> None:
    scene = await opened(routes=(route(),))
    service = await broken(scene, services, 40)
    assert len(service.asked) == 40
