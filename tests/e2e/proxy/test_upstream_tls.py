"""TLS to upstreams: who they are is checked before a byte of a request is sent, and nothing else changes."""

from __future__ import annotations

import asyncio
import logging
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme

from strangler.core.model import Stage, Timeouts
from strangler.core.units import Seconds

from .certificates import Certificates
from .conftest import Open, Scene, route
from .wire import Upstream, lines_of, request, response

PIECE, MANY = 65536, 320  # 20 MiB
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


async def between(opened: Open, certificates: Certificates, context: ssl.SSLContext | None = None, **settings: Any) -> Scene:
    """A proxy whose upstreams speak TLS, with a certificate for 127.0.0.1 unless `context` has another."""
    context = context or certificates.serve("127.0.0.1")
    scene: Scene = await opened(upstream_context=context, ca=certificates.ca, **settings)
    return scene


async def test_a_request_and_its_answer(opened: Open, certificates: Certificates) -> None:
    scene = await between(opened, certificates)
    client, upstream, seen = await scene.ask(request("POST /a HTTP/1.1", "Content-Length: 3", body=b"abc"))
    assert lines_of(seen)[:2] == ["POST /a HTTP/1.1", "Host: shop.example"]
    assert "X-Forwarded-Proto: http" in lines_of(seen)
    assert await upstream.exactly(3) == b"abc"
    upstream.send(response(b"yes", f"Location: https://127.0.0.1:{scene.legacy.port}/b"))
    head, body = await client.message()
    assert ("Location: http://shop.example/b" in lines_of(head), body) == (True, b"yes")
    client.send(request("GET /2 HTTP/1.1"))
    assert lines_of(await upstream.head())[0] == "GET /2 HTTP/1.1"
    assert upstream.writer.get_extra_info("ssl_object").version() == "TLSv1.3"


async def test_the_name_asked_for_is_that_of_the_url(opened: Open, certificates: Certificates) -> None:
    context, asked = certificates.serve("localhost"), []
    context.sni_callback = lambda _, name, __: asked.append(name)
    scene = await between(opened, certificates, context, upstream_name="localhost", host="preserve")
    _, _, seen = await scene.ask(request())
    assert (lines_of(seen)[1], asked) == ("Host: shop.example", ["localhost"])


def expired(certificates: Certificates) -> ssl.SSLContext:
    return certificates.serve("127.0.0.1", not_before=YESTERDAY - timedelta(days=1), not_after=YESTERDAY)


UNTRUSTED = {
    "expired": (expired, "certificate has expired"),
    "another name": (lambda certificates: certificates.serve("other.example"), "IP address mismatch"),
    "unknown authority": (lambda certificates: certificates.serve("127.0.0.1", authority=trustme.CA()), "unable to get local"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
async def test_an_upstream_that_cannot_prove_who_it_is_gets_nothing(
    opened: Open, certificates: Certificates, case: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, why = UNTRUSTED[case]
    scene = await between(opened, certificates, make(certificates))
    for _ in range(2):
        client = await scene.dial()
        client.send(request("GET / HTTP/1.1", "Accept: application/json", "Cookie: secret"))
        head, body = await client.message()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b'"error": "certificate"' in body
        assert b"127.0.0.1" not in body
    assert scene.legacy.untouched
    assert scene.proxy.counters.refusals == {"certificate": 2}
    [line] = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert line.startswith("upstream legacy: certificate (")
    assert why in line
    assert "secret" not in line


async def test_without_an_authority_of_its_own_the_systems_are_asked(opened: Open, certificates: Certificates) -> None:
    scene = await opened(upstream_context=certificates.serve("127.0.0.1"), ca="")
    client = await scene.dial()
    client.send(request())
    assert b"reason: certificate" in (await client.message())[1]


async def test_an_upstream_that_speaks_no_tls(opened: Open, certificates: Certificates) -> None:
    scene = await opened(ca=certificates.ca)
    client = await scene.dial()
    client.send(request())
    upstream = await scene.legacy.accept()
    assert b"HTTP" not in await upstream.exactly(5)
    upstream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert b"reason: tls_failed" in (await client.message())[1]


async def test_an_upstream_that_hangs_up_during_the_handshake(opened: Open, certificates: Certificates) -> None:
    scene = await opened(ca=certificates.ca)
    client = await scene.dial()
    client.send(request())
    await (await scene.legacy.accept()).close()
    assert b"reason: tls_failed" in (await client.message())[1]


async def test_a_handshake_that_takes_too_long_is_a_connect_timeout(opened: Open, certificates: Certificates) -> None:
    scene = await opened(ca=certificates.ca, timeouts=Timeouts(connect=Seconds(0.05)))
    client = await scene.dial()
    client.send(request())
    assert (await client.head()).startswith(b"HTTP/1.1 504 ")
    assert await (await scene.legacy.accept()).rest() != b""


async def test_the_fallback_answers_when_modern_is_not_trusted(opened: Open, certificates: Certificates) -> None:
    scene = await between(opened, certificates, routes=(route(stage=Stage.MODERN),))
    await scene.modern.close()
    imposter = Upstream(certificates.serve("127.0.0.1", authority=trustme.CA()))
    imposter.port = scene.modern.port
    await imposter.open()
    client, upstream, _ = await scene.ask(request())
    upstream.send(response(b"legacy"))
    assert (await client.message())[1] == b"legacy"
    assert imposter.untouched
    await imposter.close()


async def test_twenty_megabytes_each_way(opened: Open, certificates: Certificates) -> None:
    context = certificates.serve("127.0.0.1")
    scene = await between(opened, certificates, context, tls=certificates.issue())
    scene.client_context = certificates.client
    client, upstream, _ = await scene.ask(request("POST / HTTP/1.1", f"Content-Length: {MANY * PIECE}"))
    upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MANY * PIECE))

    async def echo() -> None:
        for _ in range(MANY):
            upstream.send(await upstream.exactly(PIECE))
            await upstream.drain()

    async def upload() -> None:
        for count in range(MANY):
            client.send(b"%c" % (count % 256) * PIECE)
            await client.writer.drain()

    tasks = [asyncio.create_task(echo()), asyncio.create_task(upload())]
    await client.head()
    for count in range(MANY):
        assert await client.exactly(PIECE) == b"%c" % (count % 256) * PIECE
    await asyncio.gather(*tasks)


async def test_a_body_that_the_close_ends_is_whole_if_tls_says_so(opened: Open, certificates: Certificates) -> None:
    scene = await between(opened, certificates)
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await client.head()
    upstream.writer.close()
    assert await client.exactly(13) == b"3\r\nabc\r\n0\r\n\r\n"
    assert scene.observed[0].reason == ""


async def test_and_only_then(opened: Open, certificates: Certificates) -> None:
    """RFC 9112 section 9.8: without the closing alert somebody may have cut it."""
    scene = await between(opened, certificates)
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await client.head()
    assert await client.exactly(8) == b"3\r\nabc\r\n"
    upstream.writer.transport.abort()  # the connection is closed in order, TLS is not
    assert await client.rest() == b""
    assert scene.observed[0].reason == "truncated"


@pytest.mark.parametrize("close", ["with the alert", "without"])
async def test_what_was_sent_before_the_end_waits_for_a_slow_client(opened: Open, certificates: Certificates, close: str) -> None:
    """The loop's own transport throws away what its paused reader has not taken when the connection ends."""
    scene = await between(opened, certificates)
    client, upstream, _ = await scene.ask(request())
    upstream.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100000\r\n\r\n")
    await client.head()
    [connection] = scene.proxy.upstream_connections
    connection.read(False)  # as when the client takes nothing more
    upstream.send(b"x" * 100_000)
    (upstream.writer.close if close == "with the alert" else upstream.writer.transport.abort)()
    for _ in range(100):
        await asyncio.sleep(0.001)
    connection.read(True)
    assert await client.exactly(100_000) == b"x" * 100_000
    assert scene.observed[0].reason == ""


async def test_a_reload_takes_up_other_authorities_and_keeps_the_pool(opened: Open, certificates: Certificates) -> None:
    scene = await between(opened, certificates)
    client, upstream, _ = await scene.ask(request())
    upstream.send(response(b"1"))
    await client.message()
    pool, table = scene.proxy.routing.pools["legacy"], scene.proxy.routing.table
    trustme.CA().cert_pem.write_to_path(certificates.ca)
    scene.proxy.use(table)
    assert scene.proxy.routing.pools["legacy"] is pool
    client.send(request())
    await upstream.head()  # the connection is as good as it was
    other = await scene.dial()
    other.send(request())
    assert b"reason: certificate" in (await other.message())[1]
