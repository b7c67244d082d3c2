"""What a client can do to HTTP/2 that would be a second request, or another one, in HTTP/1.1: none of it reaches an upstream.

The client is h2 with its own checks switched off.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import h2.errors
import pytest

from strangler.core.model import Limits
from strangler.core.units import Bytes, Seconds
from tests.e2e.proxy.certificates import Certificates
from tests.e2e.proxy.conftest import Open, Scene
from tests.e2e.proxy.ledger import serve
from tests.e2e.proxy.wire import dial, eventually, response, without_added

from .speaking import BrokenOff, Fields, Http2

GOOD: Fields = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"shop.example"), (b":path", b"/")]


def with_(*fields: tuple[bytes, bytes]) -> Fields:
    """A good head in which these pseudo fields say something else, with these fields after them."""
    replaced = dict(fields)
    return [(name, replaced.pop(name, value)) for name, value in GOOD] + [field for field in fields if field[0] in replaced]


@pytest.fixture
async def scene(opened: Open) -> Scene:
    """Without TLS, which makes no difference to frames."""
    found: Scene = await opened(engine="mitmproxy", limits=Limits(header_bytes=Bytes(4096), headers=32))
    return found


@pytest.fixture
async def client(scene: Scene) -> AsyncIterator[Http2]:
    found = await Http2.dial(scene.port)
    yield found
    await found.close()


SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(with_((b"x-a", b"1\r\nx-b: 2")), id="a line end in a value"),
        pytest.param(with_((b"x-a", b"1\nx-b: 2")), id="a bare line feed"),
        pytest.param(with_((b"x-a", b"1\rx")), id="a bare carriage return"),
        pytest.param(with_((b"x-a", b"1\0")), id="NUL"),
        pytest.param(with_((b"x-a: 1\r\nx-b", b"2")), id="a line end in a name"),
        pytest.param(with_((b"x a", b"1")), id="a blank in a name"),
        pytest.param(with_((b"x-a:", b"1")), id="a colon in a name"),
        pytest.param(with_((b"X-A", b"1")), id="capitals in a name"),
        pytest.param(with_((b"", b"1")), id="no name"),
        pytest.param(with_((b":path", b"/ HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED)), id="a request in the path"),
        pytest.param(with_((b":path", b"/a b")), id="a blank in the path"),
        pytest.param(with_((b":path", b"")), id="no path"),
        pytest.param(with_((b":path", b"a")), id="no slash"),
        pytest.param(with_((b":path", b"http://other.example/")), id="another host in the path"),
        pytest.param(with_((b":path", b"*")), id="an asterisk"),
        pytest.param(with_((b":path", "/\N{SNOWMAN}".encode())), id="beyond ASCII"),
        pytest.param(with_((b":method", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET")), id="a request in the method"),
        pytest.param(with_((b":method", b"G ET")), id="a blank in the method"),
        pytest.param(with_((b":method", b"")), id="no method"),
        pytest.param(with_((b":method", b"CONNECT")), id="CONNECT"),
        pytest.param(with_((b":authority", b"shop.example\r\nx-b: 2")), id="a line end in the authority"),
        pytest.param(with_((b":authority", b"user@shop.example")), id="a user in the authority"),
        pytest.param(with_((b":authority", b"")), id="no authority"),
        pytest.param(with_((b"host", b"other.example")), id="another host"),
        pytest.param(with_((b"host", b"shop.example"), (b"host", b"other.example")), id="two hosts"),
        pytest.param(with_((b"connection", b"keep-alive")), id="connection"),
        pytest.param(with_((b"transfer-encoding", b"chunked")), id="transfer-encoding"),
        pytest.param(with_((b"upgrade", b"websocket")), id="upgrade"),
        pytest.param(with_((b"te", b"gzip")), id="te"),
        pytest.param(with_((b"content-length", b"5")), id="a length without a body"),
        pytest.param(with_((b"content-length", b"0"), (b"content-length", b"5")), id="two lengths"),
        pytest.param(with_((b"content-length", b"+0")), id="a length with a sign"),
        pytest.param([*GOOD, (b":path", b"/b")], id="two paths"),
        pytest.param([*GOOD, (b"x-a", b"1"), (b":foo", b"1")], id="a pseudo field too late"),
        pytest.param([*GOOD, (b":protocol", b"websocket")], id="extended CONNECT"),
        pytest.param(GOOD[1:], id="no method field"),
        pytest.param([*GOOD, (b"x-a", b"1" * 6000)], id="too large"),
        pytest.param([*GOOD, (b"x-a", b"1" * 100_000)], id="far too large"),
        pytest.param([*GOOD, *[(b"x-a", b"1")] * 40], id="too many"),
    ],
)
async def test_a_head_that_is_none(scene: Scene, client: Http2, fields: Fields) -> None:
    """Refused in words, or the connection ends; no upstream hears of it."""
    call = client.start(fields)
    try:
        assert (await call.answer()).status in (400, 431)
    except BrokenOff:
        await client.gone()
    assert scene.legacy.untouched


@pytest.mark.parametrize(
    ("length", "body"), [(b"3", b"abcd"), (b"5", b"abc"), (b"0", SMUGGLED), (b"3", b"abc" + SMUGGLED)], ids=repr
)
async def test_a_body_of_another_length(scene: Scene, client: Http2, length: bytes, body: bytes) -> None:
    """It is cut off where it stops being what was announced: what is left over is no request."""
    call = client.start(with_((b":method", b"POST"), (b"content-length", length)), ended=False)
    seen = serve(scene.legacy, response(b"ok"))
    call.send(body)
    call.end()
    with suppress(BrokenOff):
        assert (await call.answer()).status == 200  # before the rest came
        await client.gone()
    seen.stop()
    assert all(head.startswith(b"POST / ") for head in seen.heads)
    assert set(seen.bodies) <= {b"", body[: int(length)]}


async def test_a_body_that_looks_like_chunks(scene: Scene, client: Http2) -> None:
    seen = serve(scene.legacy, response(b"ok"))
    call = client.start(with_((b":method", b"POST")), ended=False)
    call.send(b"0\r\n\r\n" + SMUGGLED)
    call.end()
    assert (await call.answer()).status == 200
    seen.stop()
    assert len(seen.heads) == 1
    [body] = seen.bodies
    assert body == b"%x\r\n0\r\n\r\n%b\r\n0\r\n\r\n" % (5 + len(SMUGGLED), SMUGGLED)


@pytest.mark.parametrize("trailers", [[(b"x-a", b"1\r\n\r\n" + SMUGGLED)], [(b"transfer-encoding", b"chunked")], [(b"x a", b"")]])
async def test_trailers_that_are_none(scene: Scene, client: Http2, trailers: Fields) -> None:
    seen = serve(scene.legacy, response(b"ok"))
    call = client.start(with_((b":method", b"POST")), ended=False)
    call.send(b"abc")
    call.end(trailers)
    with pytest.raises(BrokenOff):
        await call.answer()
    seen.stop()
    assert not seen.bodies


@pytest.mark.parametrize("path", [b"/a%2fb", b"/a/%2e%2e/b", b"/a//b", b"/a;x", b"/a\\b"])
async def test_ambiguous_paths_reach_legacy_as_they_are(scene: Scene, client: Http2, path: bytes) -> None:
    """All of them go where everything goes here; the bytes are the client's."""
    call = client.start(with_((b":path", path)))
    upstream = await scene.legacy.accept()
    assert without_added(await upstream.head())[0] == f"GET {path.decode()} HTTP/1.1"
    upstream.send(response(b"ok"))
    assert (await call.answer()).status == 200


async def test_requests_that_are_taken_back(scene: Scene, client: Http2) -> None:
    """Rapid reset (CVE-2023-44487): whoever asks only to take it back is shown out; another client is served."""
    for _ in range(150):
        if not client.over.is_set():
            client.start(GOOD).cancel()
        await asyncio.sleep(0)
    await client.gone()
    assert client.closed is None or client.closed.error_code == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    await eventually(lambda: not scene.proxy.clients and not scene.proxy.multiplexed)
    serve_all = serve(scene.legacy, response(b"ok"))
    other = await Http2.dial(scene.port)
    assert (await other.ask("GET", "/")).body == b"ok"
    await other.close()
    serve_all.stop()


async def test_silence_ends(opened: Open) -> None:
    """Who connects and says nothing, or asks nothing more, is let go."""
    scene = await opened(engine="mitmproxy", limits=Limits(idle=Seconds(0.1), header_timeout=Seconds(0.1)))
    client = await Http2.dial(scene.port)
    await client.gone()
    assert client.closed is not None
    assert client.closed.error_code == h2.errors.ErrorCodes.NO_ERROR
    await client.close()
    await eventually(lambda: not scene.proxy.multiplexed)


async def test_connections_are_counted(opened: Open) -> None:
    scene = await opened(engine="mitmproxy", limits=Limits(connections=2))
    seen = serve(scene.legacy, response(b"ok"))
    client = await Http2.dial(scene.port)
    assert (await client.ask("GET", "/")).body == b"ok"
    wires = [await dial(scene.port), await dial(scene.port)]
    assert (await wires[1].head()).startswith(b"HTTP/1.1 503 ")
    answer = await client.ask("GET", "/")
    assert (answer.status, b"too_many_connections" in answer.body) == (503, True)
    for one in (client, *wires):
        await one.close()
    seen.stop()


async def test_the_same_through_tls(opened: Open, certificates: Certificates) -> None:
    context = certificates.client
    context.set_alpn_protocols(["h2"])
    scene = await opened(engine="mitmproxy", tls=certificates.issue())
    client = await Http2.dial(scene.port, context)
    call = client.start(with_((b"x-a", b"1\r\nx-b: 2")))
    try:
        assert (await call.answer()).status == 400
    except BrokenOff:
        await client.gone()
    assert scene.legacy.untouched
    await client.close()
