"""Many requests on one connection: side by side, each at its own pace; and how such a connection ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import h2.errors
import pytest

from strangler.core.model import Limits
from strangler.core.units import Seconds
from tests.e2e.proxy.conftest import Open, Scene
from tests.e2e.proxy.ledger import serve
from tests.e2e.proxy.wire import dial, eventually, request, response

from .speaking import BrokenOff, Http2


@pytest.fixture
async def scene(opened: Open) -> Scene:
    found: Scene = await opened(engine="mitmproxy", limits=Limits(header_timeout=Seconds(600)))
    return found


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Http2]:
    found = await Http2.dial(scene.port)
    yield found
    await found.close()


async def test_requests_side_by_side(scene: Scene, client: Http2) -> None:
    """They are all at the upstream before any of them is answered, and the last is answered first."""
    calls = [await client.open("GET", f"/{number}") for number in range(20)]
    upstreams = {}
    for _ in calls:
        upstream = await scene.legacy.accept()
        upstreams[(await upstream.head()).split(b" ")[1].decode()] = upstream
    for number in reversed(range(20)):
        upstreams[f"/{number}"].send(response(b"%d" % number))
        assert (await calls[number].answer()).body == b"%d" % number


async def test_a_slow_upload_holds_up_nobody(scene: Scene, client: Http2) -> None:
    """An upstream that reads nothing has its own stream wait, and no other."""
    slow = await client.open("PUT", "/slow", ended=False)
    upstream = await scene.legacy.accept()
    await upstream.head()
    upstream.reader._transport.pause_reading()  # type: ignore[attr-defined]
    sending = asyncio.create_task(slow.send_much(bytes(64 * 2**20)))
    await eventually(lambda: client.state.local_flow_control_window(slow.number) == 0)
    other = await client.open("PUT", "/other", ended=False)
    await other.send_much(bytes(2**20))
    upstream_of_other = await scene.legacy.accept()
    await upstream_of_other.head()
    received = 0
    while received < 2**20:
        received += len(await upstream_of_other.some())
    other.end()
    upstream_of_other.send(response(b"ok"))
    assert (await other.answer()).body == b"ok"
    sending.cancel()
    slow.cancel()
    upstream.reset()


async def test_a_slow_download_holds_up_nobody(scene: Scene) -> None:
    client = await Http2.dial(scene.port, window=100)
    seen = serve(scene.legacy, lambda head: response(bytes(2**20)) if b"/large" in head else response(b"ok"))
    large = await client.open("GET", "/large")
    assert len(await large.head() and await large.piece()) == 100
    assert (await client.ask("GET", "/small")).body == b"ok"
    large.cancel()
    await eventually(lambda: not scene.proxy.clients)
    seen.stop()
    await client.close()


async def test_an_answer_that_fills_the_window_ends(scene: Scene) -> None:
    """The end needs no room: whoever opens the window by just what is missing has it all."""
    client = await Http2.dial(scene.port, window=10)
    seen = serve(scene.legacy, response(b"x" * 15))
    call = await client.open("GET", "/")
    assert (await call.head(), await call.piece())[1] == b"x" * 10
    client.state.increment_flow_control_window(5, call.number)
    client.flush()
    assert [await call.piece(), await call.piece()] == [b"x" * 5, b""]
    seen.stop()
    await client.close()


async def test_nothing_is_remembered_of_requests_that_are_over(scene: Scene, client: Http2) -> None:
    seen = serve(scene.legacy, response(b"ok"))
    for _ in range(30):
        await client.ask("POST", "/", body=b"x")
    [multiplexed] = scene.proxy.multiplexed
    codec = multiplexed.codec
    assert not multiplexed._streams
    assert not codec._layer.streams  # type: ignore[attr-defined]
    assert not codec._frames.owed  # type: ignore[attr-defined]
    assert not codec._frames.stream_buffers  # type: ignore[attr-defined]
    assert not scene.proxy.clients
    seen.stop()


async def test_both_protocols_without_tls(scene: Scene, client: Http2) -> None:
    seen = serve(scene.legacy, response(b"ok"))
    assert (await client.ask("GET", "/")).body == b"ok"
    wire = await dial(scene.port)
    for byte in request("PUT / HTTP/1.1"):  # begins like the preface of HTTP/2 does
        wire.send(bytes([byte]))
        await asyncio.sleep(0)
    assert (await wire.message())[1] == b"ok"
    await wire.close()
    seen.stop()


async def test_stopping_finishes_what_was_asked(scene: Scene, client: Http2) -> None:
    """The client is told to go; what it has asked is answered, and then the connection ends."""
    call = await client.open("GET", "/slow")
    upstream = await scene.legacy.accept()
    await upstream.head()
    stopping = asyncio.create_task(scene.proxy.stop(10))
    await eventually(lambda: client.closed is not None)
    assert client.closed is not None
    assert client.closed.error_code == h2.errors.ErrorCodes.NO_ERROR
    upstream.send(response(b"ok"))
    assert (await call.answer()).body == b"ok"
    await stopping
    await client.gone()


async def test_stopping_at_once_breaks_off(scene: Scene, client: Http2) -> None:
    call = await client.open("GET", "/slow")
    await (await scene.legacy.accept()).head()
    await scene.proxy.stop(0)
    with pytest.raises(BrokenOff):
        await call.answer()


async def test_a_codec_that_fails_serves_nothing(scene: Scene, client: Http2, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours ends the connection: no request of it goes anywhere."""
    await eventually(lambda: bool(scene.proxy.multiplexed))
    [multiplexed] = scene.proxy.multiplexed

    def fail(data: bytes) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(multiplexed.codec, "receive", fail)
    call = await client.open("POST", "/", ended=True)
    with pytest.raises(BrokenOff):
        await call.answer()
    assert scene.legacy.untouched
    assert scene.proxy.counters.faults == 1
    scene.proxy.counters.faults = 0
