"""Requests made of everything that has ever been mistaken for something else, read by the proxy and by a strict reference (h11).

Two laws hold for any bytes. What the proxy sends on is valid to the reference, which finds in it exactly the requests that were
answered. And where the reference can read what the client sent, it reads the same requests in it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import h11
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.core.decide import Table
from strangler.core.model import Limits
from strangler.proxy import Proxy, start

from .conftest import TICK, config
from .wire import PATIENCE, dial

Seen = tuple[bytes, bytes, bytes]  # method, target, body

LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
INNER = b"GET /inner HTTP/1.1\r\nHost: a\r\n\r\n"
LINES = [
    b"GET /1 HTTP/1.1",
    b"POST /2 HTTP/1.1",
    b"PUT http://a/3 HTTP/1.1",
    b"POST /4 HTTP/1.0",
    b"OPTIONS * HTTP/1.1",
    b"HEAD /5?a HTTP/1.1",
]
HEADERS = [
    b"Content-Length: 5",
    b"Content-Length: 0",
    b"Content-Length: 05",
    b"Content-Length: %d" % len(INNER),
    b"content-length:5 ",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding:\tChunked",
    b"transfer-encoding: identity",
    b"Transfer_Encoding: chunked",
    b"Connection: close",
    b"Connection: keep-alive, Content-Length",
    b"Connection: Transfer-Encoding, Host",
    b"Connection: upgrade",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"TE: trailers",
    b"Trailer: Content-Length",
    b"X-Long: " + b"x" * 300,
    b"X-Fold: a\r\n b",
    b"X-Empty:",
]
BODIES = [b"", b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"0\r\n\r\n", b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", INNER,
          b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER), b"0\r\nContent-Length: 5\r\n\r\n", b"\r\n"]  # fmt: skip
NOISE = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b"\t",
    b":",
    b";",
    b",",
    b"0",
    b"5",
    b"x",
    b"\xff",
    b"0\r\n\r\n",
    b"chunked",
    b"+",
    b"_",
]

SOUND = [
    b"GET /6 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /7 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /8 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /9 HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n%b" % (len(INNER), INNER),
]
made = st.builds(
    lambda line, headers, body: b"\r\n".join([line, b"Host: a", *headers, b"", body]),
    st.sampled_from(LINES),
    st.lists(st.sampled_from(HEADERS), max_size=3),
    st.sampled_from(BODIES),
)
requests = st.sampled_from(SOUND) | made
edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 3), st.sampled_from(NOISE)), max_size=2)


def edit(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """At some places, so many bytes replaced by something else."""
    for where, skip, noise in changes:
        at = int(where * len(data))
        data = data[:at] + noise + data[at + skip :]
    return data


@dataclass
class Reference:
    """An upstream that reads what the proxy sends with h11, and answers each request with its number."""

    seen: list[Seen] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while (found := await self._next(connection, reader)) is not None:
                self.seen.append(found)
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                writer.write(answer)
                connection.start_next_cycle()
        except h11.RemoteProtocolError as error:
            if "without sending complete message body" not in str(error):  # that is a request which was refused in its body
                self.invalid.append(str(error))
        except (OSError, h11.LocalProtocolError):
            pass
        writer.close()

    async def _next(self, connection: h11.Connection, reader: asyncio.StreamReader) -> Seen | None:
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                return head.method, head.target, body
            else:
                return None


def reference(data: bytes) -> list[Seen]:
    """The complete requests that h11 finds, up to the first that it cannot read or after which it stops."""
    connection, found = h11.Connection(h11.SERVER), []
    connection.receive_data(data)
    try:
        while True:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                head, body = event, b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                found.append((head.method, head.target.removeprefix(b"http://a"), body))
                connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            else:
                break
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        pass
    return found


async def story(data: bytes) -> tuple[Proxy, Reference, bytes]:
    """Send the bytes, and take all that comes until the proxy has lost its patience."""
    upstream = Reference()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = config(port, port, limits=Limits(header_timeout=0.2, idle=0.2))  # type: ignore[arg-type]
    proxy = await start(Table(made), listeners=made.listen, tick=TICK)
    client = await dial(proxy.addresses[0].port)
    try:
        client.send(data)
        received = await client.rest()
    finally:
        await client.close()
        await proxy.stop(0)
        server.close()
    return proxy, upstream, received


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(requests, min_size=1, max_size=4), edits)
def test_nothing_is_read_in_two_ways(parts: list[bytes], changes: list[tuple[float, int, bytes]]) -> None:
    data = edit(b"".join(parts), changes) + LAST
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        proxy, upstream, received = runner.run(asyncio.wait_for(story(data), PATIENCE))
    assert proxy.counters.faults == 0
    assert upstream.invalid == []
    assert received.count(b"HTTP/1.1 200 OK\r\n") == len(upstream.seen)
    for ours, theirs in zip(upstream.seen, reference(data), strict=False):
        assert ours == theirs


def test_the_reference_is_one() -> None:
    """It finds a request in a body if somebody believes in it."""
    whole = b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" + INNER
    assert reference(whole) == [(b"POST", b"/2", b""), (b"GET", b"/inner", b"")]
