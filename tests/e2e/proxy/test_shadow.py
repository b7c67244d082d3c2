"""Shadow requests, and the clients that must not notice: what is sent when, what both sides get, what a pair holds.

In most tests legacy is control and answers by itself; modern is the candidate, and the test's.
"""

from __future__ import annotations

import gzip
import re
import time
from dataclasses import replace
from hashlib import blake2b

import pytest

from strangler.core.decide import Table
from strangler.core.jsonpath import parse_pattern
from strangler.core.model import Adapt, AdaptRequest, AdaptResponse, Fallback, Noise, Side, Stage
from strangler.core.units import Share

from .conftest import Open
from .ledger import CANDIDATE, CONTROL, Stand
from .wire import eventually, lines_of, request, response, without_added

MARKER = "X-Strangler-Shadow: 1"
JSON = "Content-Type: application/json"
MEGABYTES = bytes(range(256)) * 40_000  # ten


async def test_the_copy_goes_out_when_control_has_answered(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(control=lambda head: None)
    client, before = await stand.scene.dial(), time.time()
    client.send(request("GET /a?b=%20c HTTP/1.1", "Accept: text/plain", "x-b: 1", "X-B: 2"))
    await eventually(lambda: bool(stand.control.heads))
    assert stand.modern.untouched
    stand.scene.legacy.wires[0].send(CONTROL)
    assert (await client.message())[1] == b"control"
    modern = await stand.modern.accept()
    sent = await modern.head()
    assert without_added(sent) == [
        "GET /a?b=%20c HTTP/1.1", "Host: shop.example", "Accept: text/plain", "x-b: 1", "X-B: 2", MARKER
    ]  # fmt: skip
    modern.send(response(b"candidate", "X-A: 1", "Set-Cookie: a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT", "Set-Cookie: b=2"))
    pair = await stand.ledger.pair()
    assert (pair.method, pair.target, pair.stage, pair.control_side, pair.candidate_side) == (
        "GET", "/a?b=%20c", "shadow", Side.LEGACY, Side.MODERN
    )  # fmt: skip
    assert (pair.control.status, pair.control.body, pair.candidate.status, pair.candidate.body) == (
        200,
        b"control",
        200,
        b"candidate",
    )
    cookies = [b"a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT", b"b=2"]
    assert pair.candidate.headers == (
        *[(b"Content-Length", b"9"), (b"X-A", b"1"), (b"Set-Cookie", cookies[0]), (b"Set-Cookie", cookies[1])],
    )
    assert pair.headers == ((b"Host", b"shop.example"), (b"Accept", b"text/plain"), (b"x-b", b"1"), (b"X-B", b"2"))
    for seen in (pair.control, pair.candidate):
        assert 0 < seen.first_byte <= seen.duration < 10
    ids = [re.search(rb"(?i)x-request-id: (\S+)", head) for head in (sent, stand.control.heads[0])]
    assert {found[1].decode() for found in ids if found} == {pair.request_id}
    assert before <= pair.at <= time.time()


async def test_the_next_request_does_not_wait_for_a_candidate_that_hangs(opened_stand: Open) -> None:
    """nginx's `mirror` fails here: a second request on the connection waits for the copy of the first."""
    stand: Stand = await opened_stand()
    client = await stand.ask(line="GET /1 HTTP/1.1")
    modern = await stand.modern.accept()
    assert (await modern.head()).startswith(b"GET /1 ")
    await stand.ask(line="GET /2 HTTP/1.1", client=client)  # answered, while the candidate says nothing
    assert not stand.ledger.pairs
    second = await stand.modern.accept()
    assert (await second.head()).startswith(b"GET /2 ")
    second.send(CANDIDATE)
    modern.send(CANDIDATE)
    await stand.ledger.close()
    assert [pair.target for pair in stand.ledger.pairs] == ["/2", "/1"]


async def test_pipelined_requests_do_not_wait_either(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    client = await stand.scene.dial()
    client.send(b"".join(request(f"GET /{number} HTTP/1.1") for number in range(5)))
    for _ in range(5):
        assert (await client.message())[1] == b"control"
    assert not stand.ledger.pairs
    stand.candidate(CANDIDATE)
    await stand.ledger.close()
    assert sorted(pair.target for pair in stand.ledger.pairs) == [f"/{number}" for number in range(5)]


async def test_an_upload_does_not_wait_for_a_candidate_that_does_not_read(opened_stand: Open) -> None:
    """Skipper's `tee` fails here: both share one stream, at the pace of the slower one."""
    stand: Stand = await opened_stand(methods=("POST",), max_body=16 * 2**20)
    sizes = (f"Content-Length: {len(MEGABYTES)}",)
    client = await stand.ask(*sizes, line="POST /1 HTTP/1.1", body=MEGABYTES)
    modern = await stand.modern.accept()
    assert await modern.exactly(1)
    await stand.ask(*sizes, line="POST /2 HTTP/1.1", body=MEGABYTES, client=client)
    assert [len(body) for body in stand.control.bodies] == [len(MEGABYTES)] * 2
    assert not stand.ledger.pairs
    modern.send(response(b"no thanks", status="413 Content Too Large"))
    pair = await stand.ledger.pair()
    assert (pair.candidate.status, pair.body == MEGABYTES) == (413, True)


HEADERS = (
    *("X-Request-Id: one", "Cookie: a=1", "Idempotency-Key: k", "If-None-Match: x", "TE: trailers", "X-Forwarded-For: 1.2.3.4"),
    *(MARKER, "X_Strangler_Shadow: 1", "x-strangler-shadow: 0", "Connection: X-Hop", "X-Hop: 1", "X-HTTP-Method-Override: PUT"),
    "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)


async def test_control_gets_the_same_bytes_with_and_without_shadows(opened: Open, opened_stand: Open) -> None:
    """A marker on the wrong leg has had a legacy send nothing for real, with every check green."""
    plain = await opened()
    _, _, without = await plain.ask(request("GET /a HTTP/1.1", *HEADERS))
    stand: Stand = await opened_stand()
    stand.candidate(CANDIDATE)
    await stand.ask(*HEADERS, line="GET /a HTTP/1.1")
    await stand.ledger.pair()
    assert stand.control.heads == [without]
    assert b"strangler-shadow" not in without.lower().replace(b"_", b"-")


async def test_what_the_copy_says_otherwise(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(CANDIDATE)
    await stand.ask(*HEADERS, line="GET /a HTTP/1.1")
    await stand.ledger.pair()
    [head] = candidate.heads
    lines = lines_of(head)
    assert sorted(lines[1:]) == sorted(
        [
            *("Host: shop.example", "Cookie: a=1", "X-Request-Id: one", "Idempotency-Key: k-shadow", MARKER),
            *("TE: trailers", "Connection: TE", *_own_trace(lines)),
            *("tracestate: strangler=4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",),
            *(line for line in lines_of(stand.control.heads[0]) if line.startswith(("X-Forwarded-", "Forwarded:"))),
        ]
    )


def _own_trace(lines: list[str]) -> list[str]:
    [line] = [line for line in lines if line.startswith("traceparent: ")]
    assert re.fullmatch(r"traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01", line)
    assert "4bf92f3577b34da6a3ce929d0e0e4736" not in line
    assert "00f067aa0ba902b7" not in line
    return [line]


async def test_the_clients_answer_has_nothing_of_the_candidates(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(response(b"candidate", "Set-Cookie: theirs=1", "X-Theirs: 1"))
    client = await stand.scene.dial()
    for _ in range(3):
        client.send(request())
        head, body = await client.message()
        assert (lines_of(head), body) == (["HTTP/1.1 200 OK", "Content-Length: 7"], b"control")
    await stand.ledger.close()
    assert not any(b"theirs" in head.lower() for head in (*stand.control.heads, *candidate.heads))


async def test_redirects_are_not_followed(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(response(b"", "Location: /elsewhere", status="302 Found"))
    await stand.ask(line="GET /1 HTTP/1.1")
    pair = await stand.ledger.pair()
    assert (pair.candidate.status, pair.candidate.values("location")) == (302, [b"/elsewhere"])
    await stand.ask(line="GET /2 HTTP/1.1")
    await stand.ledger.close()
    assert [head.split(b" ")[1] for head in candidate.heads] == [b"/1", b"/2"]


async def test_head_and_empty_answers(opened_stand: Open) -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"
    stand: Stand = await opened_stand(
        control=lambda head: long if head.startswith(b"HEAD") else b"HTTP/1.1 204 No Content\r\n\r\n"
    )
    candidate = stand.candidate(lambda head: long if head.startswith(b"HEAD") else b"HTTP/1.1 204 No Content\r\n\r\n")
    client = await stand.ask(line="HEAD / HTTP/1.1")
    await stand.ask(line="GET / HTTP/1.1", client=client)
    await stand.ledger.close()
    assert sorted((pair.method, pair.candidate.status, pair.candidate.size) for pair in stand.ledger.pairs) == [
        *[("GET", 204, 0), ("HEAD", 200, 0)]
    ]
    assert candidate.heads


async def test_answers_of_every_framing_are_whole(opened_stand: Open) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nX-Sum: 1\r\n\r\n"
    stand: Stand = await opened_stand(control=chunked)
    await stand.ask()
    modern = await stand.modern.accept()
    await modern.head()
    modern.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc")
    await modern.drain()
    modern.send(b"def")
    await modern.close()
    pair = await stand.ledger.pair()
    assert (pair.control.body, pair.candidate.body) == (b"abcdef", b"abcdef")
    assert pair.candidate.headers == ()


async def test_packed_answers_stay_packed(opened_stand: Open) -> None:
    packed = gzip.compress(b"x" * 1000)
    stand: Stand = await opened_stand(control=response(packed, "Content-Encoding: gzip"))
    candidate = stand.candidate(response(packed, "Content-Encoding: gzip"))
    await stand.ask("Accept-Encoding: gzip, br")
    pair = await stand.ledger.pair()
    assert (pair.control.body, pair.candidate.body) == (packed, packed)
    assert b"Accept-Encoding: gzip, br\r\n" in candidate.heads[0]


async def test_large_answers_are_digested(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(control=response(MEGABYTES))
    stand.candidate(response(MEGABYTES))
    client = await stand.scene.dial()
    client.send(request())
    assert (await client.message())[1] == MEGABYTES
    pair = await stand.ledger.pair()
    for seen in (pair.control, pair.candidate):
        assert (seen.body, seen.size, seen.digest) == (b"", len(MEGABYTES), blake2b(MEGABYTES, digest_size=16).digest())


async def test_a_small_answer_beside_a_large_one(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(max_body=9)
    stand.candidate(response(b"candidates"))
    await stand.ask()
    pair = await stand.ledger.pair()
    assert (pair.control.body, pair.control.digest) == (b"control", b"")
    assert (pair.candidate.body, len(pair.candidate.digest), pair.candidate.size) == (b"", 16, 10)


# Bodies of requests.


async def test_a_body_with_a_length(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(methods=("POST",))
    candidate = stand.candidate(CANDIDATE)
    await stand.ask("content-length: 3", "Content-Type: text/plain", "Expect: 100-continue", line="POST / HTTP/1.1", body=b"abc")
    pair = await stand.ledger.pair()
    assert (candidate.bodies, pair.body) == ([b"abc"], b"abc")
    assert without_added(candidate.heads[0]) == [
        *["POST / HTTP/1.1", "Host: shop.example", "content-length: 3", "Content-Type: text/plain", MARKER]
    ]


async def test_a_chunked_body_is_chunked_anew_with_its_trailers(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(methods=("POST",), control=lambda head: None)
    candidate = stand.candidate(CANDIDATE)
    client = await stand.scene.dial()
    client.send(request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Trailer: X-Sum"), b"3;a=b\r\nabc\r\n")
    client.send(b"3\r\ndef\r\n0\r\nX-Sum: 6\r\nHost: evil\r\n\r\n")
    await eventually(lambda: bool(stand.control.bodies))
    stand.scene.legacy.wires[0].send(CONTROL)
    await client.message()
    pair = await stand.ledger.pair()
    assert (candidate.bodies, pair.body) == ([b"6\r\nabcdef\r\n0\r\nX-Sum: 6\r\n\r\n"], b"abcdef")
    assert "Transfer-Encoding: chunked" in lines_of(candidate.heads[0])


@pytest.mark.parametrize("framing", ["Content-Length: 0", "Transfer-Encoding: chunked"])
async def test_an_empty_body(opened_stand: Open, framing: str) -> None:
    stand: Stand = await opened_stand(methods=("POST",))
    candidate = stand.candidate(CANDIDATE)
    await stand.ask(framing, line="POST / HTTP/1.1", body=b"0\r\n\r\n" if "chunked" in framing else b"")
    pair = await stand.ledger.pair()
    assert framing in lines_of(candidate.heads[0])
    assert (pair.body, pair.candidate.status) == (b"", 200)


async def test_every_name_that_a_copy_changes_reaches_control_as_it_is(opened_stand: Open) -> None:
    """Names that are looked at for the copy alone must mean nothing for the request itself."""
    names = ("Idempotency-Key", "if-match", "Range", "traceparent", "b3", "X_Idempotency_Key", "If_Match")
    stand: Stand = await opened_stand(control=response(b""))
    stand.candidate(CANDIDATE)
    await stand.ask(*(f"{name}: v" for name in names))
    await stand.ledger.pair()
    assert without_added(stand.control.heads[0])[2:] == [f"{name}: v" for name in names]


# Where the copy goes.


async def test_the_candidate_has_its_own_host(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(modern_more={"host": "modern.example"})
    candidate = stand.candidate(CANDIDATE)
    await stand.ask()
    await stand.ledger.pair()
    assert "Host: modern.example" in lines_of(candidate.heads[0])
    assert "Host: shop.example" in lines_of(stand.control.heads[0])


async def test_control_has_its_own_host_too(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(host="legacy.example", modern_more={"host": "preserve"})
    candidate = stand.candidate(CANDIDATE)
    await stand.ask()
    await stand.ledger.pair()
    assert "Host: legacy.example" in lines_of(stand.control.heads[0])
    assert "Host: shop.example" in lines_of(candidate.heads[0])


async def test_what_would_change_the_method_does_not_reach_modern(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(CANDIDATE)
    await stand.ask("X-HTTP-Method-Override: DELETE")
    await stand.ledger.pair()
    assert b"Override" in stand.control.heads[0]
    assert b"Override" not in candidate.heads[0]


ADAPT = Adapt(
    AdaptRequest("/v2/orders/{id}", {"x-tenant": "main"}, ("x-old",)),
    AdaptResponse({parse_pattern("$.name"): parse_pattern("$.fullName")}),
)


async def test_a_translated_candidate_is_asked_as_it_wants_and_its_answer_stays_raw(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(path="/orders/{id}", adapt=ADAPT)
    candidate = stand.candidate(response(b'{"name": 1}', JSON))
    await stand.ask("X-Old: 1", "X-HTTP-Method-Override: PUT", line="GET /orders/7?a=b HTTP/1.1")
    pair = await stand.ledger.pair()
    assert without_added(candidate.heads[0]) == [
        *["GET /v2/orders/7?a=b HTTP/1.1", "Host: shop.example", MARKER, "x-tenant: main", "accept-encoding: identity"]
    ]
    assert (pair.target, pair.candidate.body) == ("/orders/7?a=b", b'{"name": 1}')


async def test_a_translated_control_is_what_the_client_got(opened_stand: Open) -> None:
    """After the cutover legacy is the candidate, which speaks the clients' language, and modern's own is nobody's."""
    stand: Stand = await opened_stand(path="/orders/{id}", stage=Stage.MODERN, adapt=ADAPT, fallback=Fallback.OFF)
    stand.candidate(response(b'{"name": 1}', JSON, "ETag: 1"))
    await stand.ask("X-Old: 1", "X-HTTP-Method-Override: PUT", line="GET /orders/7 HTTP/1.1")
    pair = await stand.ledger.pair()
    assert (pair.control_side, pair.control.body) == (Side.MODERN, b'{"fullName":1}')
    assert pair.control.headers == ((b"Content-Type", b"application/json"), (b"Content-Length", b"14"))
    assert pair.candidate.body == b"control"
    [to_legacy] = stand.control.heads
    assert without_added(to_legacy) == [
        *["GET /orders/7 HTTP/1.1", "Host: shop.example", "X-Old: 1", "X-HTTP-Method-Override: PUT", MARKER]
    ]


@pytest.mark.parametrize(("weight", "control"), [(1.0, Side.MODERN), (0.0, Side.LEGACY)])
async def test_in_a_canary_the_other_side_is_the_candidate(opened_stand: Open, weight: float, control: Side) -> None:
    stand: Stand = await opened_stand(stage=Stage.CANARY, weight=Share(weight), modern_more={"version": "header:X-Build"})
    stand.candidate(response(b"modern", "x-build: 7"))
    await stand.ask()
    pair = await stand.ledger.pair()
    bodies = {pair.control_side: pair.control.body, pair.candidate_side: pair.candidate.body}
    assert (pair.control_side, bodies) == (control, {Side.LEGACY: b"control", Side.MODERN: b"modern"})
    assert pair.version == "7"


# What else a pair says.


async def test_equal_requests_are_said_to_be_repeated(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    stand.candidate(CANDIDATE)
    client = None
    for path in ("/a", "/b", "/a", "/a?b"):
        client = await stand.ask(line=f"GET {path} HTTP/1.1", client=client)
        await stand.ledger.close()
    assert [(pair.target, pair.repeated) for pair in stand.ledger.pairs] == [
        ("/a", False),
        ("/b", False),
        ("/a", True),
        ("/a?b", False),
    ]


@pytest.mark.parametrize(("data", "method"), [((), "GET"), (("orders",), "GET"), (("orders",), "POST")])
async def test_the_heads_are_kept_where_both_may_be_asked_again(opened_stand: Open, data: tuple[str, ...], method: str) -> None:
    stand: Stand = await opened_stand(data=data, methods=("GET", "POST"))
    candidate = stand.candidate(CANDIDATE)
    await stand.ask("Content-Length: 0", line=f"{method} / HTTP/1.1")
    pair = await stand.ledger.pair()
    kept = (stand.control.heads[0], candidate.heads[0]) if data and method == "GET" else (b"", b"")
    assert pair.legs == kept


# Learning noise.


async def test_noise_is_learned_by_asking_control_again(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(noise=Noise(True, Share(1.0)))
    stand.candidate(CANDIDATE)
    await stand.ask("Idempotency-Key: k")
    await stand.ledger.close()
    await eventually(lambda: bool(stand.ledger.again))
    [pair] = stand.ledger.again
    assert (pair.again, pair.control.body, pair.candidate.body) == (True, b"control", b"control")
    assert (pair.control_side, pair.candidate_side) == (Side.LEGACY, Side.LEGACY)
    first, second = stand.control.heads
    assert (MARKER in lines_of(first), MARKER in lines_of(second)) == (False, True)
    assert "Idempotency-Key: k-shadow" in lines_of(second)


async def test_noise_is_learned_outside_the_sample_too_and_counted_apart(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(noise=Noise(True, Share(1.0)), sample=Share(0.0))
    await stand.ask()
    await eventually(lambda: bool(stand.ledger.again))
    assert (stand.ledger.counts["r"], stand.ledger.reasons, stand.ledger.pairs) == (1, ["sample"], [])
    assert stand.modern.untouched


async def test_noise_that_was_learned_ends_nothing_in_the_ledger(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(noise=Noise(True, Share(1.0)))  # and the candidate says nothing
    await stand.ask()
    await eventually(lambda: bool(stand.ledger.again))
    assert stand.ledger.open
    await stand.scene.proxy.stop(0)
    assert stand.ledger.reasons == ["stopping"]


async def test_no_write_is_made_twice_to_learn_noise(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(noise=Noise(True, Share(1.0)), methods=("POST",))
    stand.candidate(CANDIDATE)
    await stand.ask("Content-Length: 0", line="POST / HTTP/1.1")
    await stand.ledger.pair()
    assert (len(stand.control.heads), stand.ledger.again) == (1, [])


# Tables change.


async def test_a_new_table_has_its_copies_sent_to_a_new_candidate(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    client = await stand.ask(line="GET /1 HTTP/1.1")
    old = await stand.modern.accept()
    await old.head()
    config = stand.scene.proxy.routing.table.config
    upstreams = {**config.upstreams, "modern": replace(config.upstreams["modern"], host="new.example")}
    stand.scene.proxy.use(Table(replace(config, upstreams=upstreams)))
    old.send(CANDIDATE)  # what is under way ends as it began
    await stand.ledger.pair()
    assert await old.ended()
    await stand.ask(line="GET /2 HTTP/1.1", client=client)
    new = await stand.modern.accept()
    assert "Host: new.example" in lines_of(await new.head())
    new.send(CANDIDATE)
    await stand.ledger.close()


async def test_connections_outlive_a_table_that_leaves_the_candidate_as_it_is(opened_stand: Open) -> None:
    stand: Stand = await opened_stand()
    candidate = stand.candidate(CANDIDATE)
    client = await stand.ask()
    await stand.ledger.close()
    stand.scene.proxy.use(Table(stand.scene.proxy.routing.table.config))
    await stand.ask(client=client)
    await stand.ledger.close()
    assert (len(candidate.heads), candidate.wires) == (2, 1)


async def test_what_no_route_copies_is_not_in_the_ledger(opened_stand: Open) -> None:
    stand: Stand = await opened_stand(stage=Stage.LEGACY)
    await stand.ask()
    assert (stand.ledger.counts, stand.modern.untouched) == ({}, True)
