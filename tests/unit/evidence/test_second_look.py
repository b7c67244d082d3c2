"""The second look: the same bytes go out again, what comes back is a pair again, and whatever goes wrong is None."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from strangler.core.model import Side, Upstream, Url
from strangler.core.observation import Pair
from strangler.core.outcome import Outcome
from strangler.evidence.finding import Finding
from strangler.evidence.second_look import SecondLook, settled
from tests.unit.evidence.given import examined, pair, seen
from tests.unit.given import route

OF = route("shadow: {max_body: 1KiB, timeout: 2s}")
ANSWER = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nx-a: 2\r\nSet-Cookie: a=b\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


@asynccontextmanager
async def upstream(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server that gives one answer to whatever is asked; its port, and the heads that it got."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            if not answer:
                await reader.read()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    served: list[Any] = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], heads
    await asyncio.gather(*served)


def again(head: bytes, **values: object) -> Pair:
    return pair(seen("[1]"), seen("[2]"), OF, legs=(head, head), **values)


async def look(first: Pair, port: int, of: object = OF, scheme: str = "http", ca: str = "") -> Pair | None:
    both = dict.fromkeys(("legacy", "modern"), Upstream(Url(scheme, "localhost", port), ca=ca))
    asking = SecondLook()
    try:
        return await asking.ask(first, of, both)  # type: ignore[arg-type]
    finally:
        await asking.close()


async def test_both_sides_get_the_bytes_that_they_got_before() -> None:
    line = b'GET /a%2fb//c/../d?x="|[] HTTP/1.1\r\nHost: shop.example\r\nX-A: 1\r\nx-a: 2\r\nCookie: s=\xff\r\n'
    head, sent = line + b"Connection: close\r\n\r\n", line + b"X-Strangler-Shadow: 1\r\n\r\n"
    async with upstream(ANSWER) as (port, heads):
        found = await look(again(head), port)
    assert heads == [sent, sent]
    assert found is not None
    assert (found.control.status, found.control.body, found.control.size) == (200, b"abc", 3)
    assert found.control.headers[:3] == ((b"X-A", b"1"), (b"x-a", b"2"), (b"Set-Cookie", b"a=b"))
    assert replace(found, control=again(head).control, candidate=again(head).candidate) == again(head)


async def test_a_marker_that_is_there_stays_the_only_one() -> None:
    async with upstream(ANSWER) as (port, heads):
        await look(again(b"GET / HTTP/1.1\r\nHost: h\r\nx-strangler-shadow: 1\r\n\r\n"), port)
    assert [head.lower().count(b"x-strangler-shadow") for head in heads] == [1, 1]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 500 Oops\r\n\r\nuntil the end",
    ],
)
async def test_answers_are_taken_as_they_are(answer: bytes) -> None:
    async with upstream(answer) as (port, heads):
        found = await look(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), port)
    assert found is not None
    assert found.candidate.body == answer.partition(b"\r\n\r\n")[2]
    assert str(found.candidate.status).encode() == answer.split()[1]
    assert len(heads) == 2


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + bytes(2000), b"no HTTP\r\n\r\n",
                                    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"])  # fmt: skip
async def test_what_is_no_whole_answer_leaves_the_first_look_standing(answer: bytes) -> None:
    async with upstream(answer) as (port, _):
        assert await look(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), port) is None


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / x HTTP/1.1\r\n\r\n",
        b"G\xffT / HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    ],
)
async def test_a_head_that_cannot_be_sent_again_is_not(head: bytes) -> None:
    async with upstream(ANSWER) as (port, heads):
        assert await look(again(head), port) is None
    assert heads == []


async def test_an_upstream_that_is_silent_or_gone_leaves_the_first_look_standing() -> None:
    hasty = replace(OF, shadow=replace(OF.shadow, timeout=0.05))
    async with upstream(b"") as (port, _):
        assert await look(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), port, hasty) is None
    assert await look(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), port) is None


async def test_an_upstream_that_the_table_does_not_know_any_more_is_not_asked() -> None:
    assert await SecondLook().ask(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), OF, {}) is None


async def test_an_answer_that_clients_get_translated_is_not_asked_for_raw() -> None:
    of = route('adapt: {response: {rename: {"$.a": "$.b"}}}')
    async with upstream(ANSWER) as (port, heads):
        assert await look(again(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", control_side=Side.MODERN), port, of) is None
    assert heads == []


async def test_certificates_are_checked_against_the_upstreams_own_authorities(tmp_path: Path) -> None:
    ca, serving = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(serving)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    head = b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n"
    async with upstream(ANSWER, serving) as (port, _):
        found = await look(again(head), port, scheme="https", ca=str(tmp_path / "ca.pem"))
        refused = await look(again(head), port, scheme="https")
    assert found is not None
    assert found.control.body == b"abc"
    assert refused is None


@pytest.mark.parametrize(
    ("second", "outcome", "ignored"),
    [
        (examined("[1]", "[1]"), Outcome.IGNORED, (("lag", 1),)),
        (examined("[1]", "[2]", 'compare: {ignore: ["$[0]"]}'), Outcome.IGNORED, (("lag", 1),)),
        (examined("[1]", "[3]"), Outcome.MISMATCH, ()),
        (examined("[1]", "{"), Outcome.MISMATCH, ()),
        (None, Outcome.MISMATCH, ()),
    ],
)
def test_only_what_is_equal_the_second_time_was_late(
    second: Finding | None, outcome: Outcome, ignored: tuple[object, ...]
) -> None:
    first = replace(examined("[1]", "[2]"), second_look=True)
    found = settled(first, second)
    assert (found.outcome, found.ignored, found.second_look) == (outcome, ignored, False)
    assert bool(found.causes) == bool(found.example) == (outcome is Outcome.MISMATCH)
