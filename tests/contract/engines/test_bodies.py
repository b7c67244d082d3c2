"""Bodies go at the pace of whoever is slower, piece by piece, and an end before the end reaches the other side."""

from __future__ import annotations

import asyncio

import pytest

from strangler.core.model import Limits
from strangler.core.units import Bytes
from tests.e2e.proxy.wire import eventually, response

from .conftest import Meet
from .speaking import BrokenOff, Http2, Http2Call

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
MANY = 1024  # times 64 KiB


async def test_events_arrive_one_by_one(meet: Meet) -> None:
    """The upstream has the next one only after the client has this one."""
    meeting = await meet()
    call = await meeting.client.open("GET", "/events")
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    upstream.send(CHUNKED)
    assert (await call.head()).status == 200
    for number in range(3):
        event = b"data: %d\n\n" % number
        upstream.send(b"%x\r\n%b\r\n" % (len(event), event))
        assert await call.piece() == event
    upstream.send(b"0\r\n\r\n")
    assert await call.piece() == b""


@pytest.mark.parametrize("sized", [True, False])
async def test_a_request_streams(meet: Meet, sized: bool) -> None:
    meeting = await meet()
    call = await meeting.client.open("POST", "/", [("Content-Length", "3")] if sized else [], ended=False)
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    for number in range(3):
        call.send(b"%d" % number)
        piece = b"%d" % number if sized else b"1\r\n%d\r\n" % number
        assert await upstream.exactly(len(piece)) == piece
    call.end()
    if not sized:
        assert await upstream.exactly(5) == b"0\r\n\r\n"
    upstream.send(response(b"ok"))
    assert (await call.answer()).body == b"ok"


async def test_an_empty_body_and_none(meet: Meet) -> None:
    meeting = await meet()
    answered = asyncio.create_task(meeting.client.ask("POST", "/", [("Content-Length", "0")], b""))
    upstream = await meeting.scene.legacy.accept()
    assert b"content-length: 0" in (await upstream.head()).lower()
    upstream.send(response(b""))
    assert (await answered).body == b""


async def test_an_early_answer(meet: Meet) -> None:
    """An upstream that has seen enough: the client learns so while it still sends."""
    meeting = await meet()
    call = await meeting.client.open("POST", "/", [("Content-Length", "1000000")], ended=False)
    call.send(b"x" * 1000)
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    upstream.send(response(b"too much", status="413 Content Too Large"))
    answer = await call.answer()
    assert (answer.status, answer.body) == (413, b"too much")


async def test_a_client_that_leaves_is_not_worked_for(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("GET", "/slow")
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    upstream.send(CHUNKED + b"1\r\nx\r\n")
    assert (await call.head(), await call.piece())[1] == b"x"
    call.cancel()
    assert await upstream.ended()
    await eventually(lambda: [one.reason for one in meeting.scene.observed] == ["client_gone"])


async def test_an_answer_that_breaks_off_does_not_look_complete(meet: Meet) -> None:
    meeting = await meet()
    call = await meeting.client.open("GET", "/")
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    upstream.send(CHUNKED + b"1\r\nx\r\n")
    assert (await call.head(), await call.piece())[1] == b"x"
    await upstream.close()
    with pytest.raises(BrokenOff):
        await call.piece()


async def test_a_limit_on_bodies(meet: Meet) -> None:
    meeting = await meet(limits=Limits(body=Bytes(10)))
    answer = await meeting.client.ask("POST", "/", [("Content-Length", "11")], b"x" * 11)
    assert (answer.status, b"body_too_large" in answer.body) == (413, True)


async def test_large_answers_wait_for_the_client(meet: Meet) -> None:
    """64 MiB, for a client that takes nothing at first: the upstream cannot get rid of them, and then all arrive."""
    meeting = await meet()
    call = await meeting.client.open("GET", "/", [])
    if isinstance(meeting.client, Http2):
        meeting.client.opens_windows = False
    else:
        call.wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * 65536))
    written = 0

    async def write() -> None:
        nonlocal written
        for _ in range(MANY):
            upstream.send(bytes(65536))
            await upstream.writer.drain()
            written += 1

    writing = asyncio.create_task(write())
    await eventually(lambda: written > 0)
    before = -1
    while written != before:  # until nothing moves any more
        before = written
        await asyncio.sleep(0.2)
    assert written < MANY // 2, "it does not wait for the client"
    if isinstance(meeting.client, Http2):
        client = meeting.client
        client.opens_windows = True
        client.state.increment_flow_control_window(65536)
        client.state.increment_flow_control_window(65536, call.number)  # type: ignore[attr-defined]
        client.flush()
    else:
        call.wire.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len((await call.answer()).body) == MANY * 65536
    await writing


async def test_large_requests_wait_for_the_upstream(meet: Meet) -> None:
    meeting = await meet()
    size = MANY * 65536
    call = await meeting.client.open("PUT", "/", [("Content-Length", str(size))], ended=False)
    upstream = await meeting.scene.legacy.accept()
    await upstream.head()
    sent = 0

    async def send() -> None:
        nonlocal sent
        for _ in range(MANY):
            if isinstance(call, Http2Call):
                await call.send_much(bytes(65536))
            else:
                call.send(bytes(65536))
                await call.wire.writer.drain()  # type: ignore[attr-defined]
            sent += 1
        call.end()

    sending = asyncio.create_task(send())
    await eventually(lambda: sent > 0)
    upstream.reader._transport.pause_reading()  # type: ignore[attr-defined]
    before = -1
    while sent != before:
        before = sent
        await asyncio.sleep(0.2)
    assert sent < MANY // 2, "it does not wait for the upstream"
    upstream.reader._transport.resume_reading()  # type: ignore[attr-defined]
    received = 0
    while received < size:
        received += len(await upstream.some())
    upstream.send(response(b"ok"))
    assert (await call.answer()).body == b"ok"
    await sending
