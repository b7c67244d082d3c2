"""What is kept of a request: enough to tell where it would go, and no secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from strangler.core.decide import Table
from strangler.core.model import Redact
from strangler.core.recent import CLIENT, LONGEST_TARGET, Place, Recent, again, glimpse, is_token, keep, looks
from strangler.core.redact import Redactor
from strangler.core.redact.token import mint
from tests.unit.given import config, request

KEY = b"k" * 32
ROUTES = config("""
routes:
  - {name: beta, match: {path: /a, cookies: {beta: "1"}, headers: {x-api: "*"}}}
  - {name: plain, match: {path: "/a/{id}", methods: [GET]}, sticky: {by: "header:x-user-id"}, stage: canary, weight: 5%}
  - {name: near, match: {path: /ip}, sticky: {by: ip}}
  - {name: way, match: {path: "/w/{who}"}, sticky: {by: "path:who"}}
""")


def kept(line: str, *headers: str) -> Recent:
    """As it is stored: through JSON, and redacted."""
    came = request(line, *headers)
    told = json.loads(json.dumps(glimpse(came, Table(ROUTES).decide(came, 0.5), looks(ROUTES))))
    return keep(told, 1.0, 2.5, Redactor(Redact(), KEY), mint(KEY))


def test_only_what_routes_look_at_is_looked_at():
    assert dict(looks(ROUTES)) == {"header:x-api": False, "cookie:beta": True, "header:x-user-id": True, CLIENT: True}
    recent = kept("GET http://shop.example/a/7?q=1", "x-user-id: 42", "cookie: session=abc; other=1", "x-api: v2", "x-else: 1")
    assert recent.seen | {CLIENT: ""} == {"header:x-api": "*", "cookie:beta": None, "header:x-user-id": "42", CLIENT: ""}
    assert (recent.target, recent.host, recent.route, recent.upstream, recent.weight) == (
        "/a/7?q=1", "shop.example", "plain", "legacy", 2.5,
    )  # fmt: skip
    assert recent.place == Place("header:x-user-id", "plain", 0.509)


@pytest.mark.parametrize(
    ("line", "headers", "secret"),
    [
        ("GET /u/anna@example.org/x", (), "anna"),
        ("GET /a?token=s3cret", (), "s3cret"),
        ("GET /a?q=4111111111111111", (), "4111"),
        ("GET /a", ("cookie: beta=tell-tale",), "tell-tale"),
        ("GET /a/1", ("x-user-id: anna@example.org",), "anna"),
        ("GET /ip", (), "192.0.2.1"),
    ],
)
def test_no_secret_is_kept(line, headers, secret):
    recent = kept(line, *headers)
    assert secret not in repr(recent)
    assert is_token(recent.target) or any(map(is_token, recent.seen.values()))


def test_equal_secrets_stay_equal():
    one, same, other = (kept("GET /a", f"cookie: beta={value}").seen["cookie:beta"] for value in ("x", "x", "y"))
    assert one == same != other


def test_it_becomes_a_request_again():
    found = again(kept("GET http://shop.example/a/7?q=1", "x-user-id: 42", "cookie: beta=1"))
    assert (found.method, found.path, found.query, found.host) == ("GET", "/a/7", "q=1", "shop.example")
    assert list(found.header_values("x-user-id")) == ["42"]
    assert [is_token(value) for value in found.cookie_values("beta")] == [True]
    assert is_token(found.client)


def test_what_is_too_long_is_left_out():
    came = request("GET /a/" + "x" * LONGEST_TARGET)
    assert glimpse(came, Table(ROUTES).decide(came, 0.5), looks(ROUTES)) is None


@pytest.mark.parametrize(("line", "upstream", "route"), [("GET /else", "legacy", ""), ("GET /a%2f7", "", "")])
def test_what_no_route_takes(line, upstream, route):
    recent: Any = kept(line)
    assert (recent.upstream, recent.route, recent.place) == (upstream, route, None)
