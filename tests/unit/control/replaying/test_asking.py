from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from strangler.config.load import read
from strangler.control.replaying.asking import Asked, Writer
from strangler.core.model import Config, Side
from strangler.traffic.entry import Entry, Message
from strangler.traffic.replay.plan import Aside

FILE = b"""version: 1
upstreams:
  legacy: {url: "http://127.0.0.1:1"}
  modern: {url: "http://127.0.0.1:2", host: upstream}
routes:
  - name: order
    match: {path: "/api/orders/{id}"}
    stage: shadow
    adapt:
      request: {path: "/v2/orders/{id}", set_headers: {x-tenant: main}, remove_headers: [x-old]}
      response: {rename: {$.a: $.b}}
"""


def config() -> Config:
    found = read(FILE, {}, Path()).config
    assert found is not None
    return found


def asked(side: Side, *headers: tuple[str, str], **changes: object) -> Asked | Aside:
    known = config()
    entry = Entry("GET", "/api/orders/7?x=1", "shop.example.org", "https", request=Message(headers))
    writer = Writer(known, "r1", lambda bits: 2**bits - 1)
    entry = replace(entry, **changes)  # type: ignore[arg-type]
    return writer.write(entry, known.routes[0], known.upstreams[side], side)


def headers(found: Asked | Aside) -> dict[bytes, bytes]:
    assert isinstance(found, Asked)
    return {name.lower(): value for name, value in found.headers}


def test_a_request_says_that_it_is_a_replay_and_where_it_came_from() -> None:
    found = asked(Side.LEGACY, ("Accept", "*/*"))
    assert isinstance(found, Asked)
    assert (found.method, found.target, found.host) == ("GET", b"/api/orders/7?x=1", b"shop.example.org")
    assert headers(found) == {
        b"accept": b"*/*",
        b"x-forwarded-proto": b"https",
        b"x-forwarded-host": b"shop.example.org",
        b"x-strangler-replay": b"1",
    }


def test_what_held_for_one_connection_one_client_or_one_moment_stays_behind() -> None:
    found = asked(
        Side.LEGACY,
        (":authority", "shop.example.org"),
        ("Host", "evil.example.org"),
        ("Connection", "keep-alive"),
        ("Content-Length", "7"),
        ("Transfer-Encoding", "chunked"),
        ("Expect", "100-continue"),
        ("If-None-Match", '"1"'),
        ("Range", "bytes=0-1"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Strangler-Shadow", "1"),
        ("x_strangler_replay", "0"),
        ("X-Request-Id", "r"),
    )
    names = {name for name in headers(found) if not name.startswith(b"x-forwarded")}
    assert names == {b"x-request-id", b"x-strangler-replay"}
    assert headers(found)[b"x-strangler-replay"] == b"1"


@pytest.mark.parametrize(
    ("key", "sent"), [("abc", b"abc-replay-r1"), ('"abc"', b'"abc-replay-r1"'), ('"abc";x=1', b'"abc-replay-r1";x=1')]
)
def test_what_was_done_once_may_be_done_again(key: str, sent: bytes) -> None:
    assert headers(asked(Side.LEGACY, ("Idempotency-Key", key)))[b"idempotency-key"] == sent


def test_the_trace_is_another_one_that_names_the_recorded_one() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    found = headers(asked(Side.LEGACY, ("traceparent", trace)))
    assert found[b"traceparent"] == b"00-" + b"f" * 32 + b"-" + b"f" * 16 + b"-01"
    assert b"0af7651916cd43dd8448eb211c80319c" in found[b"tracestate"]


def test_modern_gets_the_request_as_the_proxy_would_translate_it() -> None:
    found = asked(Side.MODERN, ("X-Old", "1"), ("Accept-Encoding", "gzip"), ("X-Tenant", "other"))
    assert isinstance(found, Asked)
    assert (found.target, found.host) == (b"/v2/orders/7?x=1", b"127.0.0.1:2")
    sent = headers(found)
    assert sent[b"x-tenant"] == b"main"
    assert sent[b"accept-encoding"] == b"identity"
    assert b"x-old" not in sent


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"target": "/a b"}, "unsendable"),
        ({"target": "/a\r\nHost: x"}, "unsendable"),
        ({"host": "a b"}, "unsendable"),
        ({"request": Message((("x", "a\r\nb: c"),))}, "unsendable"),
        ({"request": Message((("x y", "a"),))}, "unsendable"),
    ],
)
def test_what_is_no_http_is_not_sent(changes: dict[str, object], reason: str) -> None:
    assert asked(Side.LEGACY, **changes) == Aside(reason)
