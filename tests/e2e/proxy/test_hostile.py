"""Upstreams that cut or garble their answer at any byte: every client still gets its own answer, or an honest failure."""

from __future__ import annotations

import asyncio
import re

import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.core.decide import Table
from strangler.core.model import Timeouts
from strangler.proxy import Proxy, start

from .conftest import TICK, config
from .wire import PATIENCE, Wire, dial, request

TAGS = re.compile(rb"t(\d{4})\1z")  # of all requests: the number twice
TAG = re.compile(rb"X-Tag: (\w+)")


def whole_answer(tag: bytes, kind: str) -> bytes:
    """An answer that carries the tag of its request."""
    if kind == "chunked":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(tag), tag)
    if kind == "interim":
        return b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + whole_answer(tag, "length")
    if kind == "close":
        return b"HTTP/1.1 200 OK\r\n\r\n" + tag
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(tag), tag)


Misdeed = tuple[str, str, int, int]  # kind of answer, what is done to it, where, with which byte

MISDEEDS = st.tuples(
    st.sampled_from(["length", "chunked", "interim", "close"]),
    st.sampled_from(["nothing", "cut", "garble", "repeat", "append", "silence"]),
    st.integers(0, 120),
    st.integers(0, 255),
)


def spoil(answer: bytes, misdeed: Misdeed) -> tuple[bytes, bool]:
    """What is sent, and whether the connection ends then."""
    kind, deed, at, byte = misdeed
    if deed == "cut":
        return answer[: at % len(answer)], True
    if deed == "garble":
        at %= len(answer)
        return answer[:at] + bytes([byte]) + answer[at + 1 :], kind == "close"
    if deed == "repeat":
        return answer * 2, kind == "close"
    if deed == "append":
        return answer + bytes([byte]) * (at + 1), kind == "close"
    return answer, kind == "close"


class Hostile:
    """An upstream that does one misdeed after another, whatever connection the requests come on."""

    def __init__(self, misdeeds: list[Misdeed]) -> None:
        self._misdeeds = iter(misdeeds)
        self.done: dict[bytes, str] = {}  # what the last answer to a request suffered, by its tag

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                found = TAG.search(head)
                assert found is not None
                misdeed = next(self._misdeeds, ("length", "nothing", 0, 0))
                self.done[found[1]] = misdeed[1]
                if misdeed[1] == "silence":
                    continue
                data, ends = spoil(whole_answer(found[1], misdeed[0]), misdeed)
                writer.write(data)
                if ends:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()


async def ask(client: Wire, tag: str) -> tuple[bytes, bytes] | None:
    """The answer to one request, or None if it was cut short."""
    client.send(request("GET / HTTP/1.1", f"X-Tag: {tag}"))
    try:
        head, body = await client.message()
        while head.startswith(b"HTTP/1.1 1"):
            head, body = await client.message()
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        return None
    return head, body


def check(tag: str, got: tuple[bytes, bytes] | None, deed: str) -> None:
    """A client gets its own answer, or nothing that could pass for one. A garbled byte makes no request's tag another's."""
    if got is None:
        assert deed != "nothing"
        return
    head, body = got
    assert {found[0] for found in TAGS.finditer(body)} <= {tag.encode()}
    if deed == "nothing":
        assert head.startswith(b"HTTP/1.1 200 ")
        assert tag.encode() in body


async def story(misdeeds: list[Misdeed]) -> Proxy:
    hostile = Hostile(misdeeds)
    server = await asyncio.start_server(hostile.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = config(port, port, timeouts=Timeouts(response=0.05, idle=0.05))  # type: ignore[arg-type]
    proxy = await start(Table(made), listeners=made.listen, tick=TICK)
    try:
        await converse(proxy.addresses[0].port, hostile, len(misdeeds) + 1)
    finally:
        await proxy.stop(0)
        server.close()
    return proxy


async def converse(port: int, hostile: Hostile, count: int) -> None:
    client = await dial(port)
    try:
        for number in range(count):
            tag = f"t{number:04}{number:04}z"
            got = await ask(client, tag)
            check(tag, got, hostile.done[tag.encode()])
            if got is None or b"Connection: close" in got[0]:
                await client.close()
                client = await dial(port)
    finally:
        await client.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(MISDEEDS, min_size=1, max_size=6))
def test_every_request_gets_its_own_answer(misdeeds: list[Misdeed]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        proxy = runner.run(asyncio.wait_for(story(misdeeds), PATIENCE))
    assert proxy.counters.faults == 0
