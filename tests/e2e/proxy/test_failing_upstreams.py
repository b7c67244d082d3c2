"""Everything an upstream can do wrong, in one table, seen by a client that is not ours: it gets an honest answer in time, or can
tell that it has not got all; and whoever asks next gets their own.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from strangler.core.model import Timeouts

from .conftest import Open, Scene
from .wire import PATIENCE, Wire, eventually, request, response

SOON = Timeouts(connect=0.25, response=0.25, idle=0.25)  # type: ignore[arg-type]
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNSIZED = b"HTTP/1.1 200 OK\r\n\r\n"
KIB = b"x" * 1024


@dataclass(frozen=True)
class Case:
    """What the upstream sends, and how it ends; what the client gets: a status, or 0 if it must notice that bytes are missing.

    Attributes:
        then: hang, close or reset.
        late: sent once the head has reached the client.
    """

    sends: bytes
    then: str
    status: int
    reason: str
    late: bytes = b""


CASES = {
    "silence": Case(b"", "hang", 504, "response_timeout"),
    "closes without a word": Case(b"", "close", 502, "upstream_reset"),
    "resets without a word": Case(b"", "reset", 502, "upstream_reset"),
    "hangs in the first line": Case(b"HTTP/1.1 2", "hang", 504, "response_timeout"),
    "hangs in the head": Case(b"HTTP/1.1 200 OK\r\nA: 1\r\n", "hang", 504, "response_timeout"),
    "closes in the head": Case(b"HTTP/1.1 200 OK\r\nA: 1\r\n", "close", 502, "upstream_reset"),
    "resets in the head": Case(b"HTTP/1.1 200 OK\r\nA: 1\r\n", "reset", 502, "upstream_reset"),
    "closes after an interim answer": Case(b"HTTP/1.1 103 Early Hints\r\n\r\n", "close", 502, "upstream_reset"),
    "hangs after an interim answer": Case(b"HTTP/1.1 103 Early Hints\r\n\r\n", "hang", 504, "response_timeout"),
    "hangs in a sized body": Case(SIZED + b"abc", "hang", 0, "truncated"),
    "closes in a sized body": Case(SIZED + b"abc", "close", 0, "truncated"),
    "resets in a sized body": Case(SIZED + b"abc", "reset", 0, "truncated"),
    "closes before a sized body": Case(SIZED, "close", 0, "truncated"),
    "hangs in a chunked body": Case(CHUNKED + b"3\r\nabc\r\n", "hang", 0, "truncated"),
    "closes in a chunked body": Case(CHUNKED + b"3\r\nabc\r\n", "close", 0, "truncated"),
    "closes before the last empty line": Case(CHUNKED + b"3\r\nabc\r\n0\r\n", "close", 0, "truncated"),
    "closes in the trailers": Case(CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 1\r\n", "close", 0, "truncated"),
    "resets in a chunked body": Case(CHUNKED + b"3\r\nab", "reset", 0, "truncated"),
    "hangs in a body that the close ends": Case(UNSIZED + b"abc", "hang", 0, "truncated"),
    "resets in a body that the close ends": Case(UNSIZED + b"abc", "reset", 0, "truncated"),
    "garbage": Case(b"\x00\xff\x16\x03SSH-2.0\r\n\r\n", "hang", 502, "bad_response"),
    "a request": Case(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "hang", 502, "bad_response"),
    "garbage for a chunk": Case(CHUNKED + b"3\r\nabc\r\nzz\r\n", "hang", 502, "bad_response"),
    "garbage for a later chunk": Case(CHUNKED + b"3\r\nabc\r\n", "hang", 0, "bad_response", b"zz\r\n"),
    "a chunk that is longer than it says": Case(
        CHUNKED + b"3\r\nabc\r\n", "hang", 0, "bad_response", b"3\r\nabcdef\r\n0\r\n\r\n"
    ),
    "a chunk size beyond 64 bits": Case(CHUNKED, "hang", 0, "bad_response", b"fffffffffffffffff\r\nabc"),
    "a length beyond 64 bits": Case(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "hang", 502, "bad_response"
    ),
    "a negative length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "hang", 502, "bad_response"),
    "a huge length": Case(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999\r\n\r\nabc", "close", 0, "truncated"),
    "a header that does not end": Case(b"HTTP/1.1 200 OK\r\nA: " + KIB * 300, "hang", 502, "bad_response"),
    "headers that do not end": Case(b"HTTP/1.1 200 OK\r\n" + b"A: 1\r\n" * 2000, "hang", 502, "bad_response"),
    "trailers that do not end": Case(CHUNKED, "hang", 0, "bad_response", b"0\r\n" + b"A: 1\r\n" * 2000),
    "a trailer that does not end": Case(CHUNKED, "hang", 0, "bad_response", b"0\r\nA: " + KIB * 600),
    "a chunk extension that does not end": Case(CHUNKED, "hang", 0, "bad_response", b"3;a=" + KIB * 600),
    "interim answers that do not end": Case(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000, "hang", 504, "response_timeout"),
    "no status": Case(b"HTTP/1.1 \r\n\r\n", "hang", 502, "bad_response"),
    "a status of two digits": Case(b"HTTP/1.1 20 OK\r\n\r\n", "hang", 502, "bad_response"),
    "NUL in a header": Case(b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", "hang", 502, "bad_response"),
}

# Unusual, and sound.
LARGE = {
    "64 headers": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
    + b"".join(b"A-%d: %b\r\n" % (n, KIB) for n in range(64))
    + b"\r\nok",
    "one header": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: " + KIB * 64 + b"\r\n\r\nok",
}

# What is wrong with these does not touch the answer itself: it passes, and the connection is not used again.
SURPLUS = {
    "more than its length": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", b"okHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"),
    "a body after 204": (b"HTTP/1.1 204 No Content\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother"),
    "a sized body after 204": (b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n", b"other"),
    "a chunked body after 204": (b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n", b"5\r\nother\r\n0\r\n\r\n"),
    "a body after 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", b"other"),
}


class Failing:
    """Answers /next-N with the path, and does its worst with everything else.

    Attributes:
        reused: whether a connection that it has misbehaved on was asked again.
    """

    def __init__(self, case: Case) -> None:
        self.reused = False
        self._case = case
        self._tasks: set[asyncio.Task[None]] = set()

    async def attend(self, scene: Scene) -> None:
        """Take every connection, for ever."""
        while True:
            wire = await scene.legacy.accept()
            self._tasks.add(asyncio.create_task(self._serve(scene, wire)))

    async def _serve(self, scene: Scene, wire: Wire) -> None:
        case = self._case
        with suppress(asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            while True:
                path = (await wire.head()).split(b" ")[1]
                if not path.startswith(b"/next"):
                    break
                wire.send(response(path))
            wire.send(case.sends)
            if case.late:
                await eventually(lambda: any(one.passage and one.passage._head_sent for one in scene.proxy.clients))
                wire.send(case.late)
            if case.then == "reset":
                await wire.drain()
                wire.reset()
            elif case.then == "close":
                await wire.close()
            else:
                self.reused |= await wire.rest() != b""


Meet = Callable[[Case], Any]


@pytest.fixture
async def meet(opened: Open) -> AsyncIterator[Meet]:
    """Puts a proxy before an upstream that fails so."""
    async with asyncio.TaskGroup() as group:
        tasks = []

        async def meet_(case: Case) -> tuple[Scene, Failing]:
            waits = case.then == "hang" and case.reason in ("response_timeout", "truncated")
            scene = await opened(timeouts=SOON if waits else Timeouts())
            failing = Failing(case)
            tasks.append(group.create_task(failing.attend(scene)))
            return scene, failing

        yield meet_
        for task in tasks:
            task.cancel()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as made:
        yield made


async def others_are_served(scene: Scene, failing: Failing, client: httpx.AsyncClient) -> None:
    """Whoever asks now, on this connection or another, gets their own answer."""
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as other:
        for number, one in enumerate((client, client, other)):
            answer = await one.get(f"http://127.0.0.1:{scene.port}/next-{number}")
            assert answer.text == f"/next-{number}"
    assert not failing.reused


@pytest.mark.parametrize("name", CASES)
async def test_a_client_is_told_or_can_tell(meet: Meet, client: httpx.AsyncClient, name: str) -> None:
    case = CASES[name]
    scene, failing = await meet(case)
    url = f"http://127.0.0.1:{scene.port}/"
    if case.status:
        answer = await client.post(url, headers={"X-Request-Id": "mine"})
        assert answer.status_code == case.status
        assert answer.headers["X-Request-Id"] == "mine"
        assert "mine" in answer.text
        assert "127.0.0.1" not in answer.text
    else:
        with pytest.raises(httpx.TransportError):
            await client.post(url)
    [seen] = scene.observed
    assert (seen.status, seen.reason) == (case.status or 200, case.reason)
    await others_are_served(scene, failing, client)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.status])
async def test_an_old_client_can_tell_too(meet: Meet, client: httpx.AsyncClient, name: str) -> None:
    """It knows no chunks: where the end of the connection would pass for the end of the body, it must see a reset."""
    case = CASES[name]
    scene, failing = await meet(case)
    wire = await scene.dial()
    wire.send(request("GET / HTTP/1.0"))
    try:
        head, _, body = (await wire.rest()).partition(b"\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        assert len(body) < int(length)
    except ConnectionResetError:
        pass
    await others_are_served(scene, failing, client)


@pytest.mark.parametrize("name", SURPLUS)
async def test_what_comes_with_an_answer_is_nobodys(meet: Meet, client: httpx.AsyncClient, name: str) -> None:
    head, surplus = SURPLUS[name]
    scene, failing = await meet(Case(head + b"\r\n" + surplus, "hang", 200, ""))
    answer = await client.get(f"http://127.0.0.1:{scene.port}/")
    assert answer.status_code == int(head.split()[1])
    assert answer.content == (b"ok" if answer.status_code == 200 else b"")
    assert scene.proxy.counters.refusals == {}
    await others_are_served(scene, failing, client)


@pytest.mark.parametrize("name", LARGE)
async def test_64_kib_of_headers_pass(scene: Scene, name: str) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(LARGE[name])
    assert await client.head() + await client.exactly(2) == LARGE[name]


async def test_a_connection_that_cannot_be_made_in_time(opened: Open, client: httpx.AsyncClient) -> None:
    scene = await opened(timeouts=SOON)
    await scene.legacy.close()
    with ExitStack() as stack:  # somebody listens there who never accepts, and the queue is full
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", scene.legacy.port), backlog=0))
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        answer = await client.get(f"http://127.0.0.1:{scene.port}/", headers={"X-Request-Id": "mine"})
    assert answer.status_code == 504
    assert "connect_timeout" in answer.text
    assert "mine" in answer.text
