"""Status and headers: only those that a route names, as their own specifications say when they are the same."""

from __future__ import annotations

import pytest

from strangler.core.compare.compare import compare
from strangler.core.difference import Difference, Kind
from strangler.core.document import Content
from tests.unit.core.compare.given import rules, view


def found(names: str, control: tuple[str, ...], candidate: tuple[str, ...]) -> list[tuple[object, object]]:
    """Differences in headers, given as ``name: value``."""
    sides = [tuple((name, value) for name, _, value in (line.partition(": ") for line in side)) for side in (control, candidate)]
    views = [view(None, Content.NONE, headers=side) for side in sides]
    differences = compare(*views, rules(f"compare: {{headers: [{names}]}}")).differences
    assert all(difference.kind is Kind.HEADER and difference.path == (names,) for difference in differences)
    return [(difference.control, difference.candidate) for difference in differences]


CASES = [
    # headers that count, control, candidate, differences
    ("etag", ("etag: a", "date: x"), ("date: y", "etag: a "), []),
    ("etag", ("etag: a",), ("etag: A",), [("a", "A")]),
    ("etag", ("etag: a",), (), [("a", None)]),
    ("etag", (), ("etag: a",), [(None, "a")]),
    ("etag", (), ("etag: ",), [(None, "")]),
    ("via", ("via: a", "via: b"), ("via: b", "via: a"), [(["a", "b"], ["b", "a"])]),
    ("via", ("via: a", "via: b"), ("via: a",), [(["a", "b"], "a")]),
    ("location", ("location: /a/",), ("location: /a",), [("/a/", "/a")]),
    # RFC 9110, section 8.3.1
    ("content-type", ("content-type: text/html;charset=utf-8",), ('content-type: Text/HTML; Charset="UTF-8"',), []),
    ("content-type", ("content-type: a/b; x=1; y=2",), ("content-type: a/b;y=2;x=1",), []),
    ("content-type", ("content-type: a/b; x=A",), ("content-type: a/b; x=a",), [("a/b; x=A", "a/b; x=a")]),
    ("content-type", ('content-type: a/b; x="1;y=2"',), ("content-type: a/b; x=1; y=2",), [('a/b; x="1;y=2"', "a/b; x=1; y=2")]),
    ("content-type", ('content-type: a/b; x="q\\"; z"',), ('content-type: a/b; x="q\\"; z" ',), []),
    ("content-type", ("content-type: text/html",), ("content-type: text/html; charset=utf-8",),
     [("text/html", "text/html; charset=utf-8")]),
    ("content-type", ("content-type: ;;=",), ('content-type: "',), [(";;=", '"')]),
    # cookies, by name
    ("set-cookie", ("set-cookie: a=1; Path=/; HttpOnly", "set-cookie: b=2"),
     ("set-cookie: b=2", "set-cookie: a=1; httponly; path=/"), []),
    ("set-cookie", ("set-cookie: a=1; Expires=Wed, 01 Jan 2025 00:00:00 GMT",),
     ("set-cookie: a=1; Expires=Wed, 01 Jan 2025 00:00:09 GMT",), []),
    ("set-cookie", ("set-cookie: a=1; Expires=Wed, 01 Jan 2025 00:00:00 GMT",), ("set-cookie: a=1",),
     [("a=1; Expires=Wed, 01 Jan 2025 00:00:00 GMT", "a=1")]),
    ("set-cookie", ("set-cookie: a=1", "set-cookie: b=2"), ("set-cookie: a=2", "set-cookie: c=2"),
     [("a=1", "a=2"), ("b=2", None), (None, "c=2")]),
    ("set-cookie", ("set-cookie: a=1; Path=/A",), ("set-cookie: a=1; Path=/a",), [("a=1; Path=/A", "a=1; Path=/a")]),
]  # fmt: skip


@pytest.mark.parametrize(("names", "control", "candidate", "expected"), CASES, ids=range(len(CASES)))
def test_headers(names, control, candidate, expected):
    assert found(names, control, candidate) == expected


def test_status():
    views = view(None, Content.NONE, status=200), view(None, Content.NONE, status=404)
    assert compare(*views, rules()).differences == (Difference((), Kind.STATUS, 200, 404),)
