"""Plan before apply: what changes for which requests, by how much, and which answers are approximate."""

from __future__ import annotations

import pytest

from strangler.core.bucket import bucket
from strangler.core.decide import Forward, Table
from strangler.core.model import Config, Redact
from strangler.core.recent import Recent, glimpse, keep, looks
from strangler.core.redact import Redactor
from strangler.core.redact.token import mint
from strangler.core.replan import REFUSED, Plan, plan
from tests.unit.given import config, request

KEY = b"k" * 32
SHADOW = 'routes: [{name: a, match: {path: "/a/{id}", methods: [GET]}, sticky: {by: "cookie:user"}, stage: shadow}]'
CANARY = SHADOW.replace("stage: shadow", "stage: canary, weight: 25%")


def redactor() -> Redactor:
    return Redactor(Redact(), KEY)


def came(file: Config, *requests: tuple[str, ...], weight: float = 10.0) -> list[Recent]:
    """Requests as they are stored while `file` is served."""
    table, found = Table(file), []
    for number, each in enumerate(requests):
        one = request(*each)
        told = glimpse(one, table.decide(one, 0.5), looks(file))
        assert told is not None
        found.append(keep(told, 100.0 + number, weight, redactor(), mint(KEY)))
    return found


def users(number: int) -> list[tuple[str, str]]:
    return [(f"GET /a/{user}", f"cookie: user=u{user}") for user in range(number)]


def changes(found: Plan) -> dict[tuple[str, str], dict[tuple[str, str], float]]:
    return {(change.before, change.after): change.served for change in found.changes}


@pytest.mark.parametrize("against", [True, False])
def test_the_same_file_changes_nothing(against):
    file = config(CANARY)
    recents = came(file, *users(200), ("GET /b",), ("GET /a%2f1",))
    found = plan(recents, file, file if against else None, redactor())
    assert (found.changes, found.unchanged, found.requests, found.drawn) == ([], 2020, 2020, 202)
    assert found.doubts == {}


def test_a_first_weight_moves_whom_the_proxy_will_move():
    """People's places were noted when they came, though their names were not."""
    recents = came(config(SHADOW), *users(400))
    found = plan(recents, config(CANARY), config(SHADOW), redactor())
    moved = sum(bucket("a", f"u{user}") < 0.25 for user in range(400))
    assert found.changes[0].served == {("legacy", "modern"): 10.0 * moved}
    assert (found.doubts, found.first, found.last) == ({}, 100.0, 499.0)


def test_another_salt_draws_people_anew_and_says_so():
    recents = came(config(SHADOW), *users(400))
    found = plan(recents, config(CANARY.replace('by: "cookie:user"', 'by: "cookie:user", salt: x')), None, redactor())
    assert found.doubts == {"cookie:user is known by its token only": 4000.0}
    assert 700 < sum(number for (_, new), number in found.changes[0].served.items() if new == "modern") < 1300


def test_a_key_that_nobody_looked_at_is_drawn_and_said():
    recents = came(config(SHADOW), *users(400))
    found = plan(recents, config(CANARY.replace("cookie:user", "header:x-user")), None, redactor())
    assert found.doubts == {"header:x-user was not recorded": 4000.0}


def test_a_new_route_takes_requests_from_another():
    file = config(SHADOW)
    new = config('routes: [{name: b, match: {path: "/a/1"}, stage: modern}, ' + SHADOW.removeprefix("routes: ["))
    found = plan(came(file, *users(3)), new, file, redactor())
    assert changes(found) == {("a", "b"): {("legacy", "modern"): 10.0}}
    assert (found.changes[0].examples, found.changes[0].loses) == (["GET /a/1"], 10.0)


def test_copies_gained_and_lost_by_their_share():
    half, whole = (config(SHADOW.replace("}]", f", shadow: {{sample: {share}}}}}]")) for share in ("50%", "100%"))
    recents = came(half, *users(4))
    more, fewer = plan(recents, whole, half, redactor()).changes[0], plan(recents, half, whole, redactor()).changes[0]
    assert (more.gains, more.loses, fewer.gains, fewer.loses) == (20.0, 0.0, 0.0, 20.0)


def test_an_ambiguous_path_is_refused_once_a_route_is_past_shadow():
    file = config(SHADOW)
    found = plan(came(file, ("GET /a%2f1",), ("GET /a/1",)), config(CANARY.replace("25%", "0%")), file, redactor())
    assert changes(found) == {("", ""): {("legacy", REFUSED): 10.0}}
    assert found.changes[0].refused == 10.0


COOKIE = 'routes: [{name: beta, match: {path: /a, cookies: {beta: "1"}}, stage: modern}, {name: rest, match: {path: /a}}]'


def test_a_condition_on_a_cookie_is_compared_by_its_token():
    file = config(COOKIE)
    recents = came(file, ("GET /a", "cookie: beta=1"), ("GET /a", "cookie: beta=2"), ("GET /a",))
    found = plan(recents, config(COOKIE.replace('"1"', '"2"')), file, redactor())
    assert changes(found) == {("beta", "rest"): {("modern", "legacy"): 10.0}, ("rest", "beta"): {("legacy", "modern"): 10.0}}
    assert found.doubts == {}


def test_without_the_key_it_says_that_it_cannot_compare():
    file = config(COOKIE)
    recents = came(file, ("GET /a", "cookie: beta=1"), ("GET /a",), ("GET /b", "cookie: beta=1"))
    found = plan(recents, file, None, None)
    assert found.doubts == {"cookie:beta is not known by value": 10.0}


def test_a_condition_on_a_header_that_was_not_looked_at_is_a_doubt_only_where_it_could_win():
    file = config("routes: [{name: a, match: {path: /a}}]")
    new = config("routes: [{name: v2, match: {path: /a, headers: {x-v: '2'}}, stage: modern}, {name: a, match: {path: /a}}]")
    found = plan(came(file, ("GET /a",), ("GET /b",)), new, file, redactor())
    assert (found.doubts, found.changes) == ({"header:x-v was not recorded": 10.0}, [])


def test_a_secret_in_a_query_is_compared_by_its_token():
    file = config("routes: [{name: a, match: {path: /a, query: {token: t1}}, stage: modern}]")
    recents = came(file, ("GET /a?token=t1",), ("GET /a?token=t2",))
    assert plan(recents, file, None, redactor()).changes == []


def test_the_plan_is_what_the_table_decides():
    """Without secrets, sticky keys or draws, it is the proxy's own answer."""
    old = config("routes: [{name: a, match: {path: '/{x}/{y:[0-9]+}'}, stage: shadow}, {name: b, match: {path: '/b/{z...}'}}]")
    new = config("routes: [{name: b, match: {path: '/b/{z...}'}, stage: modern}, {name: a, match: {path: '/{x}/{y:[0-9]+}'}}]")
    lines = ["GET /b/1", "GET /b/x", "POST /c/3", "GET /c/d/e", "GET /"]
    found = plan(came(old, *[(line,) for line in lines], weight=1.0), new, None, redactor())
    moved = [line for line in lines if fate(old, line) != fate(new, line)]
    assert sorted(example for change in found.changes for example in change.examples) == sorted(moved) != []


def fate(file: Config, line: str) -> tuple[str, str, str]:
    decision = Table(file).decide(request(line), 0.5)
    assert isinstance(decision, Forward)
    return decision.route.name if decision.route else "", decision.upstream, decision.copies_to
