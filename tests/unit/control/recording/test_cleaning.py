"""What a recording may hold: no secret, wherever it stands, and everything else as it was."""

from __future__ import annotations

import gzip
import json

import brotli
import pytest

from strangler.control.recording.cleaning import Cleaner
from strangler.core.redact import Redactor
from strangler.traffic.entry import Message
from tests.unit.given import config

from .given import taped

KEY = b"a key of these tests that is long enough"
PLANTED = "pl4nted-s3cr3t-0000"
FILE = config(
    'routes: [{name: orders, match: {path: "/orders/{id}"}, redact: {headers: [x-badge], fields: ["$.note"]}}]',
)


def cleaner(*keep: str) -> Cleaner:
    return Cleaner(FILE, KEY, frozenset(keep))


def test_what_holds_no_secret_is_as_it_was():
    entry = cleaner().clean(taped())
    assert (entry.method, entry.target, entry.host, entry.scheme) == ("POST", "/orders/7?x=1", "shop.example.org", "http")
    assert (entry.at, entry.duration, entry.status, entry.side, entry.route) == (1_772_359_200.25, 0.5, 200, "legacy", "")
    assert entry.request == Message((("Content-Type", "application/json"), ("Content-Length", "7")), b'{"a":1}', 7)
    assert entry.response == Message((("Content-Type", "text/plain"),), b"done", 4)


PLACES = {
    "query": {"target": f"/orders/7?token={PLANTED}"},
    "cookie": {"request_headers": ((b"Cookie", f"a={PLANTED}".encode()),)},
    "authorization": {"request_headers": ((b"Authorization", f"Bearer {PLANTED}".encode()),)},
    "header of the route": {"route": "orders", "request_headers": ((b"X-Badge", PLANTED.encode()),)},
    "header of another route": {"request_headers": ((b"X-Badge", PLANTED.encode()),)},
    "json": {"request_body": json.dumps({"password": PLANTED}).encode()},
    "field of the route": {"route": "orders", "request_body": json.dumps({"note": PLANTED}).encode()},
    "form": {
        "request_headers": ((b"Content-Type", b"application/x-www-form-urlencoded"),),
        "request_body": f"user=a&password={PLANTED}".encode(),
    },
    "set-cookie": {"response_headers": ((b"Set-Cookie", f"sid={PLANTED}; Path=/".encode()),)},
    "echo": {
        "request_headers": ((b"Cookie", f"a={PLANTED}".encode()),),
        "response_body": f"hello, you are {PLANTED}".encode(),
    },
    "packed": {
        "response_headers": ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")),
        "response_body": gzip.compress(json.dumps({"token": PLANTED}).encode()),
    },
    "packed twice": {
        "response_headers": ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip, br")),
        "response_body": brotli.compress(gzip.compress(json.dumps({"token": PLANTED}).encode())),
    },
    "claims to be packed": {
        "response_headers": ((b"Content-Type", b"application/json"), (b"Content-Encoding", b"gzip")),
        "response_body": json.dumps({"token": PLANTED}).encode(),
    },
    "binary": {"response_headers": ((b"Content-Type", b"image/png"),), "response_body": PLANTED.encode()},
    "no type": {"response_headers": (), "response_body": PLANTED.encode()},
    "header's name": {"response_headers": ((b"ann@example.org", b""),), "target": "/"},
}


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_is_nowhere(place):
    entry = cleaner().clean(taped(**PLACES[place]))
    assert PLANTED not in repr(entry)
    assert "ann@example.org" not in repr(entry)


def test_the_client_is_told_from_others_and_not_by_an_address():
    clean = cleaner().clean
    one, again, other = clean(taped()), clean(taped(target="/b")), clean(taped(client="192.0.2.8"))
    assert "192.0.2" not in one.client
    assert one.client == again.client != other.client


def test_tokens_are_those_of_the_evidence():
    entry = cleaner().clean(taped(route="orders", request_headers=((b"X-Badge", PLANTED.encode()),)))
    known = Redactor(FILE.routes[0].redact, KEY, [FILE.routes[0].match.path])
    assert entry.request.first("x-badge") == known.header("X-Badge", PLANTED)


def test_a_body_is_out_of_its_coding_and_headers_say_so():
    packed = gzip.compress(b'{"password": "abcdefgh-12345"}')
    headers = (
        (b"Content-Type", b"application/json"),
        (b"Content-Encoding", b"gzip"),
        (b"Content-Length", str(len(packed)).encode()),
    )
    message = cleaner().clean(taped(response_headers=headers, response_body=packed, response_size=len(packed))).response
    assert message.body is not None
    assert json.loads(message.body)["password"].startswith("[secret:")
    assert message.headers == (("Content-Type", "application/json"), ("Content-Length", str(len(message.body))))


def test_what_is_no_text_is_told_by_its_size_alone():
    message = (
        cleaner()
        .clean(taped(response_headers=((b"Content-Type", b"image/png"),), response_body=b"\x89PNG", response_size=4))
        .response
    )
    assert message == Message((("Content-Type", "image/png"),), None, 4)


def test_a_body_that_cannot_be_unpacked_is_not_kept():
    headers = ((b"Content-Type", b"text/plain"), (b"Content-Encoding", b"gzip"))
    message = cleaner().clean(taped(response_headers=headers, response_body=b"\x1f\x8bnot", response_size=5)).response
    assert message == Message((("Content-Type", "text/plain"), ("Content-Encoding", "gzip")), None, 5)


def test_a_body_that_was_too_large_has_its_size():
    assert cleaner().clean(taped(response_body=None, response_size=10_000_000)).response.size == 10_000_000


def test_a_header_that_is_kept_is_kept_as_it_is_and_its_value_nowhere_else():
    body = json.dumps({"session": PLANTED}).encode()
    asked = ((b"Cookie", f"sid={PLANTED}".encode()), (b"Content-Type", b"application/json"))
    entry = cleaner("cookie").clean(taped(request_headers=asked, request_body=body))
    assert entry.request.first("cookie") == f"sid={PLANTED}"
    assert PLANTED.encode() not in (entry.request.body or b"")


def test_a_charset_stays_what_its_header_says():
    headers = ((b"Content-Type", b"text/plain; charset=iso-8859-1"),)
    assert cleaner().clean(taped(response_headers=headers, response_body="Zoë".encode("latin-1"))).response.body == "Zoë".encode(
        "latin-1"
    )


def test_no_answer_has_no_headers():
    entry = cleaner().clean(taped(status=0, failure="timeout", response_headers=(), response_body=None, response_size=0))
    assert (entry.status, entry.failure, entry.response) == (None, "timeout", Message())
