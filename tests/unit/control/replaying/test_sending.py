from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from strangler.control.replaying.asking import Asked
from strangler.control.replaying.sending import Sender
from strangler.control.replaying.targets import Target
from strangler.core.model import Side, Timeouts, Upstream, Url
from strangler.core.observation import Observation
from strangler.core.units import Seconds

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
QUICK = Timeouts(Seconds(20), Seconds(0.3), Seconds(20))
PATIENT = Timeouts(Seconds(20), Seconds(60), Seconds(60))

Script = Callable[[int, int], bytes | None]
"""What is said on a connection, by its number, to a request, by its number on it; None closes without a word."""


@asynccontextmanager
async def sender(script: Script, timeouts: Timeouts = PATIENT) -> AsyncIterator[tuple[Sender, list[bytes]]]:
    """A sender to somebody who follows a script, and the heads that arrive there."""
    heads: list[bytes] = []
    serving: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.current_task())
        mine, number = len(serving), 0
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                number += 1
                said = script(mine, number)
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = Sender(Target("modern", Upstream(Url("http", "127.0.0.1", port), timeouts=timeouts), Side.MODERN), 2)
    try:
        yield made, heads
    finally:
        await made.close()
        await asyncio.gather(*(task for task in serving if task))
        server.close()
        await server.wait_closed()


async def ask(made: Sender, method: str = "GET", most: int = 100) -> Observation:
    body = b"{}" if method == "POST" else b""
    return await made.send(Asked(method, b"/a%2Fb?c=%20", b"shop.example.org", ((b"X-One", b"1"),), body), most)


async def test_the_target_goes_out_byte_by_byte_and_nothing_is_added_that_a_client_would_not_say() -> None:
    async with sender(lambda *_: OK) as (made, heads):
        seen = await ask(made)
        assert (seen.status, seen.body, seen.size, seen.failure) == (200, b"ok", 2, "")
        assert heads == [b"GET /a%2Fb?c=%20 HTTP/1.1\r\nHost: shop.example.org\r\nX-One: 1\r\n\r\n"]


async def test_a_connection_that_was_closed_while_idle_says_nothing_of_the_system() -> None:
    async with sender(lambda connection, number: OK if number == 1 else None) as (made, _):
        assert [(await ask(made)).status for _ in range(3)] == [200, 200, 200]
        assert made.silent == 0


async def test_a_write_is_never_sent_twice() -> None:
    async with sender(lambda connection, number: OK if number == 1 else None) as (made, heads):
        await ask(made)
        assert (await ask(made, "POST")).failure == "bad_response"
        assert sum(head.startswith(b"POST") for head in heads) == 1


async def test_a_system_that_closes_a_fresh_connection_has_failed() -> None:
    async with sender(lambda *_: None) as (made, heads):
        assert (await ask(made)).failure == "bad_response"
        assert (len(heads), made.silent, made.hangs) == (1, 1, False)


async def test_a_system_that_says_nothing_is_not_waited_for_without_end() -> None:
    async with sender(lambda *_: b"", QUICK) as (made, _):
        assert (await ask(made)).failure == "response_timeout"
        assert (made.silent, made.hangs) == (1, True)


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n", "stream"),
        (b"nonsense\r\n\r\n", "bad_response"),
    ],
)
async def test_what_is_no_whole_answer_is_a_failure(said: bytes, failure: str) -> None:
    async with sender(lambda *_: said) as (made, _):
        assert (await ask(made)).failure == failure


async def test_of_a_large_answer_the_digest_is_kept() -> None:
    async with sender(lambda *_: b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + b"x" * 500) as (made, _):
        seen = await ask(made, most=100)
        assert (seen.body, seen.size, len(seen.digest)) == (b"", 500, 16)


async def test_redirects_are_not_followed() -> None:
    async with sender(lambda *_: b"HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n") as (made, heads):
        assert (await ask(made)).status == 302
        assert len(heads) == 1


async def test_whether_somebody_is_there() -> None:
    async with sender(lambda *_: OK) as (made, _):
        assert await made.reach() == ""
    assert await made.reach() == "connection refused"
