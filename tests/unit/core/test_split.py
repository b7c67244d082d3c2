"""Who is served by modern while the weight climbs: 100,000 users, no one ever moves back."""

from __future__ import annotations

import functools

import pytest

from strangler.core.bucket import bucket
from strangler.core.decide import Table
from strangler.core.model import Side
from tests.unit.given import config, request

USERS = 100_000
CLIMB = ["0%", "1%", "5%", "25%", "50%", "100%"]


@functools.cache
def asked():
    return [request("GET /a", f"x-user-id: user-{number}") for number in range(USERS)]


def on_modern(weight: str, salt: str = "s") -> list[bool]:
    sticky = f"sticky: {{by: 'header:x-user-id', salt: {salt}}}"
    table = Table(
        config(f"routes: [{{name: r, match: {{path: /a, methods: [GET]}}, stage: canary, weight: {weight}, {sticky}}}]")
    )
    return [table.decide(user, 0.0).side is Side.MODERN for user in asked()]


def test_climbing_moves_nobody_back_and_falling_moves_everybody():
    before = [False] * USERS
    for weight in [*CLIMB, "0%"]:
        now = on_modern(weight)
        share = sum(now) / USERS
        assert share == pytest.approx(float(weight[:-1]) / 100, abs=0.005)
        if weight == CLIMB[-1]:
            assert all(now)
        elif weight == CLIMB[0]:
            assert not any(now)
        else:
            assert not any(was and not is_ for was, is_ in zip(before, now, strict=True))
        before = now


def test_salts_split_the_same_users_independently():
    one, two = on_modern("50%", "one"), on_modern("50%", "two")
    assert sum(a and b for a, b in zip(one, two, strict=True)) / USERS == pytest.approx(0.25, abs=0.005)


@pytest.mark.parametrize(
    ("salt", "key", "expected"),
    [
        # Fixed for ever: another value would move users at an upgrade.
        ("orders", "user-1", 0.5216875797840755),
        ("orders", "user-2", 0.9663684844862469),
        ("", "", 0.9543714065784225),
        ("ü", "\udcff", 0.03683216179326865),
    ],
)
def test_buckets_never_change(salt, key, expected):
    assert bucket(salt, key) == expected


def test_salt_and_key_do_not_run_into_each_other():
    assert bucket("ab", "c") != bucket("a", "bc")
    assert bucket("1:a", "b") != bucket("1", "a:b")


def test_buckets_are_uniform_and_below_one():
    found = [bucket("s", str(number)) for number in range(20_000)]
    assert 0 <= min(found) < 0.001
    assert 0.999 < max(found) < 1
    tenths = [sum(int(value * 10) == tenth for value in found) for tenth in range(10)]
    assert min(tenths) > 1850  # 2,000 ± 3.5 standard deviations of 42
    assert max(tenths) < 2150


STICKY = [
    # sticky, request line, headers, client -> stands below 100 %, or not (no key: legacy at every weight)
    ("by: 'header:X-User'", "GET /a/7", ["x-user: 1"], "", True),
    ("by: 'header:x-user'", "GET /a/7", ["X-USER:  "], "", False),
    ("by: 'header:x-user'", "GET /a/7", ["x-user: ", "x-user: 2"], "", True),
    ("by: 'header:x-user'", "GET /a/7", [], "", False),
    ("by: 'header:x-user', missing: draw", "GET /a/7", [], "", True),
    ("by: 'cookie:uid'", "GET /a/7", ["cookie: a=b; uid=4"], "", True),
    ("by: 'cookie:uid'", "GET /a/7", ["cookie: uid="], "", False),
    ("by: 'cookie:uid'", "GET /a/7", ["cookie: UID=4"], "", False),
    ("by: 'cookie:uid'", "GET /a/7", ["cookie: xuid=4; uid"], "", False),
    ("by: 'path:id'", "GET /a/7", [], "", True),
    ("by: ip", "GET /a/7", [], "192.0.2.7", True),
    ("by: ip", "GET /a/7", [], "", False),
]


@pytest.mark.parametrize(("sticky", "line", "headers", "client", "split"), STICKY)
def test_sticky_keys(sticky, line, headers, client, split):
    rules = "routes: [{name: r, match: {path: '/a/{id}', methods: [GET]}, stage: canary, weight: 100%%, sticky: {%s}}]"
    decision = Table(config(rules % sticky)).decide(request(line, *headers, client=client), 0.5)
    assert (decision.side is Side.MODERN) == split


def test_the_first_cookie_wins_and_quotes_do_not_count():
    """Browsers send the most specific path first (RFC 6265 section 5.4)."""
    for header in ("uid=7; uid=8", 'uid="7"', "a=1;uid=7", "uid=7; x=uid=9"):
        assert next(request("GET /", f"cookie: {header}").cookie_values("uid")) == "7"


def test_the_rest_of_a_path_can_be_the_key():
    rules = config(
        "routes: [{name: r, match: {path: '/f/{name...}', methods: [GET]}, "
        "stage: canary, weight: 50%, sticky: {by: 'path:name'}}]"
    )
    sides = {Table(rules).decide(request(f"GET /f/{number}/x"), 0.0).side for number in range(50)}
    assert sides == {Side.LEGACY, Side.MODERN}


def test_a_group_shares_its_salt_and_a_route_alone_has_its_name():
    rules = config(
        "routes:\n- {name: a, match: {path: /a}, group: g}\n- {name: b, match: {path: /b}, group: g}\n"
        "- {name: c, match: {path: /c}}"
    )
    assert [route.salt for route in rules.routes] == ["g", "g", "c"]
    salted = config("routes: [{name: a, match: {path: /a}, group: g, sticky: {by: ip, salt: s}}]")
    assert salted.routes[0].salt == "s"
