"""Bodies in motion: first bytes, interim answers, early answers, aborts on either side, pressure."""

from __future__ import annotations

import asyncio
import resource

import pytest

from strangler.core.model import Limits

from .conftest import Open, Scene
from .wire import Wire, eventually, lines_of, request, response


async def test_server_sent_events_pass_one_by_one(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET /events HTTP/1.1", "Accept: text/event-stream"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert lines_of(await client.head())[1] == "Content-Type: text/event-stream"
    for number in range(3):  # the upstream sends the next only after the client has this one
        event = b"data: %d\n\n" % number
        upstream.send(b"%x\r\n%b\r\n" % (len(event), event))
        assert await client.exactly(len(event) + 5) == b"%x\r\n%b\r\n" % (len(event), event)


async def test_the_request_body_streams(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Transfer-Encoding: chunked"))
    for number in range(3):
        client.send(b"1\r\n%d\r\n" % number)
        assert await upstream.exactly(6) == b"1\r\n%d\r\n" % number
    client.send(b"0\r\n\r\n")
    assert await upstream.exactly(5) == b"0\r\n\r\n"
    upstream.send(response(b"ok"))
    assert (await client.message())[1] == b"ok"


async def test_a_small_request_leaves_in_one_piece(scene: Scene) -> None:
    client = await scene.dial()
    client.send(request("POST / HTTP/1.1", "Content-Length: 3", body=b"abc"))
    upstream = await scene.legacy.accept()
    async with asyncio.timeout(5):
        assert (await upstream.reader.read(65536)).endswith(b"\r\n\r\nabc")


async def test_continue_is_asked_for_and_relayed(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 3"))
    assert "Expect: 100-continue" in lines_of(seen)
    upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"abc")
    assert await upstream.exactly(3) == b"abc"
    upstream.send(response(b"ok"))
    head, body = await client.message()
    assert (lines_of(head), body) == (["HTTP/1.1 200 OK", "Content-Length: 2"], b"ok")


async def test_an_answer_instead_of_continue_ends_the_connection(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 3"))
    upstream.send(response(b"no", status="401 Unauthorized"))
    head, body = await client.message()
    assert (lines_of(head)[::2], body) == (["HTTP/1.1 401 Unauthorized", "Connection: close"], b"no")
    assert await client.rest() == b""
    assert await upstream.ended()


async def test_early_hints_pass(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
    upstream.send(hints)
    assert await client.head() == hints
    upstream.send(hints, response(b"ok"))
    assert await client.head() == hints
    assert (await client.message())[1] == b"ok"


async def test_interim_answers_do_not_reach_old_clients(scene: Scene) -> None:
    client, upstream, seen = await scene.ask(request("PUT / HTTP/1.0", "Expect: 100-continue", "Content-Length: 0"))
    assert b"Expect" not in seen
    upstream.send(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\n\r\n", response(b"ok"))
    assert lines_of(await client.head())[0] == "HTTP/1.1 200 OK"


async def test_an_early_answer_reaches_a_client_that_still_sends(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Content-Length: 10000000", body=b"x" * 100_000))
    upstream.send(response(b"enough", status="413 Content Too Large"))
    head, body = await client.message()
    assert (lines_of(head)[0], body) == ("HTTP/1.1 413 Content Too Large", b"enough")
    assert "Connection: close" in lines_of(head)
    client.send(b"x" * 1_000_000)  # is thrown away, not answered with a reset
    await client.drain()
    assert await client.rest() == b""


async def test_an_answer_of_an_upstream_that_closed_on_the_upload_is_not_lost(scene: Scene) -> None:
    """The next piece of the body cannot be written, and the loop gives the connection up before it has read the answer."""
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Content-Length: 10000000", body=b"x" * 1000))
    assert await upstream.exactly(1000)
    [connection] = scene.proxy.upstream_connections
    connection.transport.pause_reading()  # the loop looks away
    upstream.send(response(b"enough", status="413 Content Too Large"))
    await upstream.drain()
    upstream.reset()
    while not client.reader._buffer and not scene.observed:  # type: ignore[attr-defined]
        client.send(b"x" * 1000)
        await client.drain()
    head, body = await client.message()
    assert (lines_of(head)[0], body) == ("HTTP/1.1 413 Content Too Large", b"enough")
    assert [(one.status, one.reason) for one in scene.observed] == [(413, "")]


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_during_its_upload(scene: Scene, how: str) -> None:
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Content-Length: 10", body=b"abc"))
    assert await upstream.exactly(3) == b"abc"
    await leave(client, how)
    assert await upstream.ended()
    assert [(one.status, one.reason) for one in scene.observed] == [(0, "client_gone")]


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_during_its_download(scene: Scene, how: str) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    assert (await client.head(), await client.exactly(3))[1] == b"abc"
    await leave(client, how)
    assert await upstream.ended()
    assert [(one.status, one.reason, one.response_bytes) for one in scene.observed] == [(200, "client_gone", 3)]


async def leave(wire: Wire, how: str) -> None:
    if how == "reset":
        wire.reset()
    else:
        await wire.close()


CUT = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
}


@pytest.mark.parametrize("kind", CUT)
async def test_an_answer_that_stops_in_the_middle_is_not_completed(scene: Scene, kind: str) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(CUT[kind])
    await upstream.close()
    received = await client.rest()
    assert b"abc" in received
    assert not received.endswith(b"0\r\n\r\n")
    assert scene.observed[0].reason == "truncated"


async def test_an_old_client_sees_a_reset_when_the_answer_stops(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("GET / HTTP/1.0"))
    upstream.send(CUT["chunked"])
    await client.head()
    await upstream.close()
    with pytest.raises(ConnectionResetError):
        await client.rest()


async def test_a_reset_does_not_complete_a_body_that_the_close_ends(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await client.head()
    assert await client.exactly(8) == b"3\r\nabc\r\n"
    upstream.reset()
    assert await client.rest() == b""


def unread(scene: Scene) -> int:
    """Bytes that the proxy holds for its clients and upstreams."""
    transports = [one.transport for one in (*scene.proxy.clients, *scene.proxy.upstream_connections)]
    return sum(transport.get_write_buffer_size() for transport in transports)


async def flood(wire: Wire, count: int) -> None:
    piece = b"x" * 65536
    for _ in range(count):
        wire.send(piece)
        await wire.writer.drain()


async def test_a_slow_reader_slows_its_sender(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (512 * 65536))
    sending = asyncio.create_task(flood(upstream, 512))
    await client.head()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    [connection] = scene.proxy.upstream_connections
    await eventually(lambda: not connection._reading)
    assert not sending.done()
    assert unread(scene) < 2**20
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await client.exactly(512 * 65536)) == 512 * 65536
    await sending


async def test_a_slow_upstream_slows_the_upload(scene: Scene) -> None:
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", f"Content-Length: {512 * 65536}"))
    upstream.writer.transport.pause_reading()  # type: ignore[attr-defined]
    sending = asyncio.create_task(flood(client, 512))
    [connection] = scene.proxy.clients
    await eventually(lambda: not connection._reading)
    assert not sending.done()
    assert unread(scene) < 2**20
    upstream.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await upstream.exactly(512 * 65536)) == 512 * 65536
    await sending
    upstream.send(response(b"ok"))
    assert (await client.message())[1] == b"ok"


async def test_a_hundred_megabytes_each_way_in_bounded_memory(scene: Scene) -> None:
    count = 1600  # pieces of 64 KiB
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", f"Content-Length: {count * 65536}"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count * 65536))

    async def echo() -> None:
        for _ in range(count):
            upstream.send(await upstream.exactly(65536))
            await upstream.writer.drain()

    tasks = [asyncio.create_task(echo()), asyncio.create_task(flood(client, count))]
    await client.head()
    for _ in range(count):
        await client.exactly(65536)
    await asyncio.gather(*tasks)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # KiB
    assert grown < 48 * 1024
    assert scene.observed[0].request_bytes == scene.observed[0].response_bytes == count * 65536


async def test_a_body_beyond_the_limit(opened: Open) -> None:
    scene = await opened(limits=Limits(body=10))
    client = await scene.dial()
    client.send(request("POST / HTTP/1.1", "Content-Length: 11", body=b"x" * 11))
    assert (await client.head()).startswith(b"HTTP/1.1 413 ")
    assert scene.legacy.untouched
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", "Transfer-Encoding: chunked"))
    client.send(b"5\r\nabcde\r\n")
    assert await upstream.exactly(10) == b"5\r\nabcde\r\n"
    client.send(b"6\r\nabcdef\r\n")
    assert (await client.head()).startswith(b"HTTP/1.1 413 ")
    assert await upstream.ended()
    assert scene.proxy.counters.refusals == {"body_too_large": 2}
