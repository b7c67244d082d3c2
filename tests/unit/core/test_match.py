"""The segment tree against the plain scan of `explain`, and `hidden_by` against both."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.decide import Table
from strangler.core.explain import explain, host_fits
from strangler.core.overlap import hidden_by
from strangler.core.request import Request, host_of
from strangler.core.target import canonical
from tests.unit.given import config, request

PARTS = ["a", "b", "ab", "{x}", "{x}", "{x:a+}", "{x:.*}", "{x:[ab]*}", "{x:ab?}"]
ENDS = ["", "a", "{y}", "{y...}", "{y:b?}"]
HOSTS = ["", "", "", "*.ex.org", "*.a.ex.org", "*.org", "ex.org", "a.ex.org"]
METHODS = ["", "", "methods: [GET]", "methods: [POST]", "methods: [GET, POST]", "methods: [PUT, GET]"]
CONDITIONS = [
    "",
    "",
    "",
    "headers: {h: '1'}",
    "headers: {h: '*'}",
    "query: {q: '1'}",
    "query: {q: '*', r: x}",
    "cookies: {c: '*'}",
]

PATHS = ["/".join(["", *parts]) for size in (1, 2, 3) for parts in itertools.product(["a", "b", "ab", "c"], repeat=size)]
PATHS += ["/", "/a/", "/a/b/", "/b/", "/ab/a/"]
ASKED_HOSTS = ["", "ex.org", "a.ex.org", "b.a.ex.org", ".ex.org", "other.org", "org", "exex.org", "*.ex.org"]
HEADERS = [[], [(b"h", b"1")], [(b"H", b"2")], [(b"cookie", b"c=1")], [(b"h", b"2"), (b"h", b"1"), (b"cookie", b"x=1; c=")]]


@st.composite
def rules(draw):
    lines = []
    for index in range(draw(st.integers(1, 9))):
        parts = [draw(st.sampled_from(PARTS)).replace("x", f"x{place}", 1) for place in range(draw(st.integers(0, 2)))]
        path = "/" + "/".join([*parts, draw(st.sampled_from(ENDS))])
        host = draw(st.sampled_from(HOSTS))
        keys = [
            f'path: "{path}"',
            f'host: "{host}"' * bool(host),
            draw(st.sampled_from(METHODS)),
            draw(st.sampled_from(CONDITIONS)),
        ]
        lines.append(f"- {{name: r{index}, match: {{{', '.join(filter(None, keys))}}}}}\n")
    return lines


REQUESTS = st.builds(
    Request,
    st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    st.sampled_from(PATHS),
    st.sampled_from(["", "q=1", "q=2&r=x", "q=&r=x", "%71=1"]),
    st.sampled_from(ASKED_HOSTS),
    headers=st.sampled_from(HEADERS),
)


def read(lines):
    """A configuration of routes some of which are hidden: one by one, since `check` would refuse them."""
    routes = [config(f"routes:\n{line}").routes[0] for line in lines]
    from dataclasses import replace

    return replace(config("routes: []"), routes=tuple(replace(route, index=index) for index, route in enumerate(routes)))


def winner(table: Table, asked: Request):
    return table.tree.first(asked, canonical(asked.path).segments)


@settings(max_examples=150, deadline=None)
@given(rules(), st.lists(REQUESTS, min_size=20, max_size=20))
def test_the_tree_finds_what_a_scan_finds(lines, asked):
    rule = read(lines)
    table = Table(rule)
    for one in asked:
        found, explained = winner(table, one), explain(rule, one)
        assert (found.route.name if found else None) == (explained.winner.name if explained.winner else None)
        assert table.decide(one, 0.5) == explained.decision


@settings(max_examples=80, deadline=None)
@given(rules())
def test_a_hidden_route_never_wins(lines):
    rule = read(lines)
    table, hidden = Table(rule), hidden_by(rule.routes)
    if not hidden:
        return
    for method, path, host, headers in itertools.product(["GET", "POST", "PUT"], PATHS, ASKED_HOSTS[:4], HEADERS[::2]):
        for query in ("", "q=2&r=x"):
            found = winner(table, Request(method, path, query, host, headers=headers))
            assert found is None or found.index not in hidden


HIDDEN = [
    # routes from the top (path and the rest of the match) -> index of the hidden one, and of those above that hide it
    (["/a", "/a"], {1: (0,)}),
    (["/{x}", "/a"], {1: (0,)}),
    (["/{x...}", "/a/{id}", "/"], {1: (0,), 2: (0,)}),
    (["/{x...}", "/{y...}"], {1: (0,)}),
    (["/a/{x...}", "/a/"], {1: (0,)}),
    (["/a/{x...}", "/a"], {}),
    (["/{x}", "/"], {}),  # a parameter is never empty
    (["/{x}", "/{y:.*}"], {}),  # this regex may be
    (["/{x}", "/{y:.+}"], {1: (0,)}),
    (["/{x:a+}", "/aa"], {1: (0,)}),
    (["/{x:a+}", "/ab"], {}),
    (["/{x:a+}", "/{y:a+}"], {1: (0,)}),
    (["/{x:a+}", "/{y}"], {}),
    (["/a/{x}", "/a/{x}/b"], {}),
    (["/a", "/a, host: ex.org"], {1: (0,)}),
    (["/a, host: ex.org", "/a"], {}),
    (["/a, host: '*.org'", "/a, host: ex.org"], {1: (0,)}),
    (["/a, host: '*.org'", "/a, host: '*.ex.org'"], {1: (0,)}),
    (["/a, host: '*.ex.org'", "/a, host: '*.org'"], {}),
    (["/a, host: '*.ex.org'", "/a, host: ex.org"], {}),
    (["/a, methods: [GET]", "/a, methods: [GET]"], {1: (0,)}),
    (["/a, methods: [GET]", "/a, methods: [GET, POST]"], {}),
    (["/a, methods: [GET]", "/a, methods: [POST]", "/a, methods: [GET, POST]"], {2: (0, 1)}),
    (["/a, methods: [GET]", "/a"], {}),
    (["/a, headers: {h: 1}", "/a"], {}),
    (["/a, headers: {h: '*'}", "/a, headers: {h: 1}"], {1: (0,)}),
    (["/a, headers: {h: 1}", "/a, headers: {h: '*'}"], {}),
    (["/a, headers: {h: 1}", "/a, headers: {h: 2}"], {}),
    (["/a, headers: {h: 1}", "/a, headers: {h: 1}, query: {q: 1}"], {1: (0,)}),
    (["/a, cookies: {h: 1}", "/a, headers: {h: 1}"], {}),
]


@pytest.mark.parametrize(("matches", "hidden"), HIDDEN, ids=str)
def test_hidden_routes(matches, hidden):
    lines = [f"- {{name: r{index}, match: {{path: {_quoted(match)}}}}}" for index, match in enumerate(matches)]
    assert hidden_by(read(lines).routes) == hidden


def _quoted(match: str) -> str:
    path, comma, rest = match.partition(", ")
    return f"'{path}'{comma}{rest}"


@pytest.mark.parametrize(
    ("pattern", "host", "fits"),
    [
        ("", "", True),
        ("", "any.org", True),
        ("ex.org", "ex.org", True),
        ("ex.org", "a.ex.org", False),
        ("*.ex.org", "a.ex.org", True),
        ("*.ex.org", "b.a.ex.org", True),
        ("*.ex.org", "ex.org", False),
        ("*.ex.org", ".ex.org", False),
        ("*.ex.org", "aex.org", False),
    ],
)
def test_hosts(pattern, host, fits):
    rule = config(
        f"routes: [{{name: r, match: {{path: /a, host: '{pattern}'}}}}]" if pattern else "routes: [{name: r, match: {path: /a}}]"
    )
    assert host_fits(pattern, host) == fits
    assert bool(winner(Table(rule), Request("GET", "/a", host=host))) == fits


def test_a_host_of_many_labels_is_looked_at_no_further_than_the_patterns():
    rule = config("routes: [{name: r, match: {path: /a, host: '*.ex.org'}}]")
    endless = "a." * 200_000 + "ex.org"
    assert winner(Table(rule), Request("GET", "/a", host=endless))
    assert not winner(Table(rule), Request("GET", "/a", host="a." * 200_000))


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Shop.Example.org", "shop.example.org"),
        ("shop.example.org:8080", "shop.example.org"),
        ("shop.example.org.:80", "shop.example.org"),
        ("[::1]:8080", "::1"),
        ("[::1]", "::1"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("", ""),
    ],
)
def test_host_of(authority, host):
    assert host_of(authority) == host


@pytest.mark.parametrize(
    ("condition", "line", "headers", "wins"),
    [
        ("headers: {X-V: '2'}", "GET /a", ["x-v: 2"], True),
        ("headers: {x-v: '2'}", "GET /a", ["X-V: 1", "X-v: 2"], True),
        ("headers: {x-v: '2'}", "GET /a", ["x-v: 22"], False),
        ("headers: {x-v: '*'}", "GET /a", ["x-v: "], True),
        ("headers: {x-v: '*'}", "GET /a", [], False),
        ("query: {q: 'a b'}", "GET /a?q=a+b", [], True),
        ("query: {q: 'a b'}", "GET /a?q=a%20b", [], True),
        ("query: {q: '*'}", "GET /a?q", [], True),
        ("query: {q: '*'}", "GET /a?qq=1", [], False),
        ("query: {q: é}", "GET /a?x=1&q=%C3%A9", [], True),
        ("cookies: {beta: '1'}", "GET /a", ["cookie: a=2; beta=1"], True),
        ("cookies: {beta: '1'}", "GET /a", ["cookie: beta=10"], False),
        ("cookies: {beta: '1'}", "GET /a", ["cookie: a=1", 'cookie: beta="1"'], True),
        ("headers: {h: '1'}, query: {q: '1'}", "GET /a?q=1", ["h: 2"], False),
        ("methods: [GET]", "HEAD /a", [], False),  # HEAD is not implied
    ],
)
def test_conditions(condition, line, headers, wins):
    rule = config(f"routes: [{{name: r, match: {{path: /a, {condition}}}}}]")
    assert bool(winner(Table(rule), request(line, *headers))) == wins


def test_the_first_in_the_file_wins_whatever_its_shape():
    paths = ["/{a}/{b}", "/{rest...}", "/x/{b:[a-z]+}", "/x/y"]
    for order in itertools.permutations(paths):
        lines = [f"- {{name: r{index}, match: {{path: '{path}'}}}}" for index, path in enumerate(order)]
        assert winner(Table(read(lines)), request("GET /x/y")).index == 0
