"""TLS to clients: everything that passes without it passes with it, and nobody who cannot speak it gets in or in the way."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from strangler.core.decide import Table
from strangler.core.errors import UsageError
from strangler.core.model import Address, Limits, Listener, Upstream, Url
from strangler.core.units import Seconds
from strangler.proxy import start
from strangler.proxy.tls import load

from .certificates import Certificates
from .conftest import Open, Scene, config
from .wire import Wire, dial, eventually, lines_of, request, response

SOON = Seconds(0.1)
PIECE, MANY = 65536, 320  # 20 MiB


@pytest.fixture
async def secured(opened: Open, certificates: Certificates) -> Scene:
    """A transparent proxy that speaks TLS to its clients."""
    scene: Scene = await opened(tls=certificates.issue(), client_context=certificates.client)
    return scene


@pytest.fixture(autouse=True)
def silence(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that a client does reaches the log."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno > logging.INFO] == []


def number(wire: Wire) -> int:
    """The serial number of the certificate that this client was shown."""
    return int(wire.writer.get_extra_info("ssl_object").getpeercert()["serialNumber"], 16)


# What passes.


async def test_a_request_and_who_it_came_from(secured: Scene) -> None:
    client, upstream, seen = await secured.ask(request("GET /a HTTP/1.1"))
    lines = lines_of(seen)
    assert "X-Forwarded-Proto: https" in lines
    assert "Forwarded: for=127.0.0.1;host=shop.example;proto=https" in lines
    upstream.send(response(b"x", f"Location: http://127.0.0.1:{secured.legacy.port}/b"))
    head, body = await client.message()
    assert ("Location: https://shop.example/b" in lines_of(head), body) == (True, b"x")
    client.send(request("GET /2 HTTP/1.1"))
    assert lines_of(await upstream.head())[0] == "GET /2 HTTP/1.1"


async def test_what_is_spoken(secured: Scene, certificates: Certificates) -> None:
    wire = await secured.dial()
    assert wire.writer.get_extra_info("ssl_object").version() == "TLSv1.3"
    context = certificates.client
    context.set_alpn_protocols(["h2", "http/1.1"])
    secured.client_context = context
    wire = await secured.dial()
    assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"


@pytest.mark.filterwarnings("ignore:.*TLSv1_1:DeprecationWarning")
async def test_old_versions_are_refused(secured: Scene, certificates: Certificates) -> None:
    context = certificates.client
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await dial(secured.port, context, "shop.example")


async def test_a_client_that_everybody_uses(secured: Scene, certificates: Certificates) -> None:
    async def answer() -> None:
        upstream = await secured.legacy.accept()
        await upstream.message()
        upstream.send(response(b"yes"))

    answering = asyncio.create_task(answer())
    async with httpx.AsyncClient(verify=certificates.client, trust_env=False) as client:
        url = f"https://127.0.0.1:{secured.port}/"
        found = await client.post(url, content=b"abc", headers={"host": "shop.example"}, extensions=SNI)
    assert (found.status_code, found.content) == (200, b"yes")
    await answering


SNI = {"sni_hostname": "shop.example"}


async def test_twenty_megabytes_each_way(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request("POST / HTTP/1.1", f"Content-Length: {MANY * PIECE}"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * PIECE))

    async def echo() -> None:
        for _ in range(MANY):
            upstream.send(await upstream.exactly(PIECE))
            await upstream.drain()

    tasks = [asyncio.create_task(echo()), asyncio.create_task(flood(client))]
    await client.head()
    for count in range(MANY):
        assert await client.exactly(PIECE) == b"%c" % (count % 256) * PIECE
    await asyncio.gather(*tasks)
    assert secured.observed[0].request_bytes == secured.observed[0].response_bytes == MANY * PIECE


async def flood(wire: Wire) -> None:
    for count in range(MANY):
        wire.send(b"%c" % (count % 256) * PIECE)
        await wire.writer.drain()


async def test_events_pass_one_by_one(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request("GET /events HTTP/1.1"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    await client.head()
    for event in (b"9\r\ndata: 0\n\n\r\n", b"9\r\ndata: 1\n\n\r\n"):
        upstream.send(event)
        assert await client.exactly(len(event)) == event


async def test_a_websocket_echo(certificates: Certificates) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, max_size=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        made = config(port, port, tls=certificates.issue())
        proxy = await start(Table(made), listeners=made.listen)
        url = f"wss://127.0.0.1:{proxy.addresses[0].port}/chat"
        async with connect(url, ssl=certificates.client, server_hostname="shop.example", max_size=None) as client:
            for message in ("hello", b"\x00\xff" * 100_000, "x" * 5_000_000):
                await client.send(message)
                assert await client.recv() == message
        await eventually(lambda: not proxy.tunnels and not proxy.clients and not proxy.upstream_connections)
        await proxy.stop(0)


OFFER = ("Connection: Upgrade", "Upgrade: websocket")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("side", ["client", "upstream"])
async def test_the_end_of_one_side_of_a_tunnel_is_the_end_of_both(secured: Scene, side: str) -> None:
    client, upstream, _ = await secured.ask(request("GET /chat HTTP/1.1", *OFFER))
    upstream.send(SWITCH)
    await client.head()
    ending, other = (client, upstream) if side == "client" else (upstream, client)
    ending.send(b"last words")
    ending.writer.close()
    assert await other.rest() == b"last words"
    await eventually(lambda: not secured.proxy.tunnels)


# Pressure.


def unread(scene: Scene) -> int:
    """Bytes that the proxy holds for its clients and upstreams."""
    transports = [one.transport for one in (*scene.proxy.clients, *scene.proxy.upstream_connections)]
    return sum(transport.get_write_buffer_size() for transport in transports)


async def test_a_slow_reader_slows_its_sender(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * PIECE))
    sending = asyncio.create_task(flood(upstream))
    await client.head()
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    [connection] = secured.proxy.upstream_connections
    await eventually(lambda: not connection._reading)
    assert not sending.done()
    assert unread(secured) < 2**20
    client.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await client.exactly(MANY * PIECE)) == MANY * PIECE
    await sending


async def test_a_slow_upstream_slows_the_upload(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request("POST / HTTP/1.1", f"Content-Length: {MANY * PIECE}"))
    upstream.writer.transport.pause_reading()  # type: ignore[attr-defined]
    sending = asyncio.create_task(flood(client))
    [connection] = secured.proxy.clients
    await eventually(lambda: not connection._reading)
    assert not sending.done()
    assert unread(secured) < 2**20
    upstream.writer.transport.resume_reading()  # type: ignore[attr-defined]
    assert len(await upstream.exactly(MANY * PIECE)) == MANY * PIECE
    await sending


async def test_a_client_that_takes_nothing_is_left(opened: Open, certificates: Certificates) -> None:
    limits = Limits(idle=SOON)
    scene = await opened(tls=certificates.issue(), client_context=certificates.client, limits=limits)
    client, upstream, _ = await scene.ask(request())
    client.writer.transport.pause_reading()  # type: ignore[attr-defined]
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * PIECE))
    with pytest.raises(ConnectionError):
        await flood(upstream)
    await eventually(lambda: not scene.proxy.clients)


# Ends.


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_during_its_download(secured: Scene, how: str) -> None:
    client, upstream, _ = await secured.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    await client.head()
    if how == "reset":
        client.reset()
    else:
        await client.close()
    assert await upstream.ended()
    assert [(one.status, one.reason) for one in secured.observed] == [(200, "client_gone")]
    await eventually(lambda: not secured.proxy.clients)


async def test_an_early_answer_reaches_a_client_that_still_sends(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request("POST / HTTP/1.1", "Content-Length: 10000000", body=b"x" * 100_000))
    upstream.send(response(b"enough", status="413 Content Too Large"))
    client.send(b"x" * 1_000_000)  # is thrown away, not answered with a reset
    head, body = await client.message()
    assert (lines_of(head)[0], body) == ("HTTP/1.1 413 Content Too Large", b"enough")
    await client.close()
    await eventually(lambda: not secured.proxy.clients)


async def test_the_last_answer_is_whole_and_its_end_is_said(secured: Scene) -> None:
    client, upstream, _ = await secured.ask(request("GET / HTTP/1.1", "Connection: close"))
    upstream.send(response(b"x" * 1_000_000))
    assert (await client.rest()).endswith(b"\r\n\r\n" + b"x" * 1_000_000)
    await eventually(lambda: not secured.proxy.clients)


async def test_an_old_client_is_not_told_that_half_an_answer_is_all(secured: Scene) -> None:
    """Without a length or chunks, only the end of the connection says that a body is complete."""
    client, upstream, _ = await secured.ask(request("GET / HTTP/1.0"))
    upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    await client.head()
    await upstream.close()
    with pytest.raises(ConnectionError):
        await client.rest()


# Who does not get in.


async def knock(scene: Scene) -> Wire:
    """A client that has connected and says nothing of TLS."""
    wire = await dial(scene.port)
    scene.wires.append(wire)
    return wire


async def test_plain_http_is_closed(secured: Scene) -> None:
    client = await knock(secured)
    client.send(request())
    assert b"HTTP/" not in await client.rest()
    await eventually(lambda: not secured.proxy.handshakes)
    assert secured.proxy.counters.refusals == {"tls_handshake": 1}
    assert secured.legacy.untouched


@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x02\x00\x01"], ids=["nothing", "a little"])
async def test_a_slow_handshake_is_cut(opened: Open, certificates: Certificates, sent: bytes) -> None:
    scene = await opened(tls=certificates.issue(), limits=Limits(header_timeout=SOON))
    client = await knock(scene)
    client.send(sent)
    assert await client.ended()
    await eventually(lambda: not scene.proxy.handshakes)
    assert scene.proxy.counters.refusals == {"tls_handshake": 1}


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_leaves_during_the_handshake(secured: Scene, how: str) -> None:
    client = await knock(secured)
    await eventually(lambda: bool(secured.proxy.handshakes))
    if how == "reset":
        client.reset()
    else:
        await client.close()
    await eventually(lambda: not secured.proxy.handshakes)
    [door] = secured.proxy._doors
    assert door.open == 0


async def test_handshakes_count_as_connections(opened: Open, certificates: Certificates) -> None:
    scene = await opened(tls=certificates.issue(), limits=Limits(connections=2), client_context=certificates.client)
    first, second = await knock(scene), await scene.dial()
    await eventually(lambda: len(scene.proxy.handshakes) == 1 and len(scene.proxy.clients) == 1)
    with pytest.raises(ConnectionError):
        await scene.dial()
    assert scene.proxy.counters.refusals == {"too_many_connections": 1}
    await first.close()
    await eventually(lambda: not scene.proxy.handshakes)
    await scene.dial()
    second.send(request())
    await (await scene.legacy.accept()).head()


async def test_stopping_ends_handshakes_after_the_grace(secured: Scene) -> None:
    client = await knock(secured)
    await eventually(lambda: bool(secured.proxy.handshakes))
    await secured.proxy.stop(0.02)
    assert await client.ended()
    await eventually(lambda: not secured.proxy.handshakes)


# Certificates.


async def test_a_renewed_certificate_is_shown_to_new_connections_and_nobody_is_dropped(
    secured: Scene, certificates: Certificates
) -> None:
    old = await secured.dial()
    table = secured.proxy.routing.table
    certificates.issue()
    secured.proxy.use(table, table.config.listen)
    new = await secured.dial()
    assert number(new) != number(old)
    for wire in (old, new):
        wire.send(request())
        upstream = await secured.legacy.accept()
        await upstream.head()
        upstream.send(response(b"x", "Connection: close"))
        assert (await wire.message())[1] == b"x"


async def test_a_bad_renewal_changes_nothing(secured: Scene, certificates: Certificates) -> None:
    before = await secured.dial()
    table = secured.proxy.routing.table
    Path(certificates.folder / "key.pem").write_text("no key")
    with pytest.raises(UsageError):
        secured.proxy.use(table, table.config.listen)
    assert number(await secured.dial()) == number(before)


async def test_an_address_may_change_to_tls(opened: Open, certificates: Certificates) -> None:
    scene = await opened()
    table = scene.proxy.routing.table
    scene.proxy.use(table, config(1, 1, tls=certificates.issue()).listen)
    scene.client_context = certificates.client
    _, _, seen = await scene.ask(request())
    assert "X-Forwarded-Proto: https" in lines_of(seen)


def encrypt(path: str) -> None:
    key = load_pem_private_key(Path(path).read_bytes(), None)
    encryption = BestAvailableEncryption(b"passphrase")
    Path(path).write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


WRONG = {
    "missing": (lambda tls: Path(tls.key).unlink(), "key.pem cannot be read: No such file or directory"),
    "not PEM": (lambda tls: Path(tls.cert).write_text("x"), "are not a certificate chain and its key in PEM"),
    "another's": (
        lambda tls: trustme.CA().issue_cert("a.example").private_key_pem.write_to_path(tls.key),
        "key.pem is not the key of the certificate in ",
    ),
    "encrypted": (
        lambda tls: encrypt(tls.key),
        "key.pem is encrypted: give a key without a passphrase",
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_key_that_cannot_be_used_is_one_clear_line(certificates: Certificates, case: str) -> None:
    tls = certificates.issue()
    spoil, line = WRONG[case]
    spoil(tls)
    with pytest.raises(UsageError) as caught:
        await start(Table(config(1, 1)), listeners=[Listener(Address("127.0.0.1", 0), tls=tls)])
    assert str(caught.value).startswith("listen 127.0.0.1:0: ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "line"), [(None, "cannot be read"), ("x", "holds no certificate in PEM")])
async def test_authorities_that_cannot_be_used_are_one_clear_line(tmp_path: Path, text: str | None, line: str) -> None:
    file = tmp_path / "ca.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(UsageError, match=rf"^upstreams\.modern: .*ca\.pem {line}"):
        load([], {"modern": Upstream(Url("https", "h", 443), ca=str(file))})
