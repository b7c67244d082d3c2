"""Renames, and the JSON in which nothing else changes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core import exact
from strangler.core.jsonpath import parse_pattern
from strangler.core.rename import ConflictError, parse_rename, rename


def renamed(document: str, **renames: str) -> str:
    value = exact.parse(document.encode())
    moves = [parse_rename(parse_pattern(f"${source}"), parse_pattern(f"${target}")) for source, target in renames.items()]
    rename(value, moves)
    return exact.render(value).decode()


CASES = [
    # document, renames, what becomes of it
    ('{"a":1,"customerName":"x","z":2}', {".customerName": ".customer.name"}, '{"a":1,"customer":{"name":"x"},"z":2}'),
    ('{"customer":{"name":"x"},"t":1}', {".customer.name": ".customerName"}, '{"customerName":"x","t":1}'),
    ('{"c":{"id":7,"name":"x"},"t":1}', {".c.name": ".cName"}, '{"c":{"id":7},"cName":"x","t":1}'),
    ('{"c":{"id":7},"cName":"x"}', {".cName": ".c.name"}, '{"c":{"id":7,"name":"x"}}'),
    ('{"a":1,"b":2,"c":3}', {".a": ".x", ".c": ".z"}, '{"x":1,"b":2,"z":3}'),
    ('{"a":{"b":{"c":1,"d":2}}}', {".a.b.c": ".a.b.x"}, '{"a":{"b":{"x":1,"d":2}}}'),
    ('{"a":{"b":{"c":1,"d":2}}}', {".a.b.c": ".a.x.y"}, '{"a":{"b":{"d":2},"x":{"y":1}}}'),
    ('{"a":1}', {".a": ".a.b"}, '{"a":{"b":1}}'),
    ('{"a":{"b":1},"c":2}', {".a.b": ".a"}, '{"a":1,"c":2}'),
    ('{"a":1,"b":2}', {".a": ".t", ".b": ".a", ".t": ".b"}, '{"b":1,"a":2}'),
    # lists, and lists in lists
    ('{"items":[{"a":1,"k":0},{"b":2},7]}', {".items[*].a": ".items[*].x.y"}, '{"items":[{"x":{"y":1},"k":0},{"b":2},7]}'),
    ('{"items":[{"a":1}]}', {".items[*].a": ".items[*].b", ".items": ".list"}, '{"list":[{"b":1}]}'),
    ('[{"a":1},{"a":2}]', {"[*].a": "[*].b"}, '[{"b":1},{"b":2}]'),
    ('{"o":[{"l":[{"a":1}]},{"l":null}]}', {".o[*].l[*].a": ".o[*].l[*].b"}, '{"o":[{"l":[{"b":1}]},{"l":null}]}'),
    ('[[{"a":1}]]', {"[*][*].a": "[*][*].b"}, '[[{"b":1}]]'),
    # what is not there is not moved
    ('{"a":1}', {".b": ".c", ".a.b": ".d", ".a[*].b": ".a[*].c"}, '{"a":1}'),
    ("[1]", {".a": ".b"}, "[1]"),
    ("null", {".a": ".b"}, "null"),
    ('{"a":null,"b":{}}', {".a": ".n", ".b": ".e"}, '{"n":null,"e":{}}'),
    # names are names, whatever they hold
    ('{"odd name":1,"é":2}', {"['odd name']": ".x", ".é": "['a.b']"}, '{"x":1,"a.b":2}'),
    # everything else as it was
    ('{"a":1.10,"b":9007199254740993,"c":1e400,"d":-0,"e":1E+2,"f":0.1e-7}', {".a": ".z"},
     '{"z":1.10,"b":9007199254740993,"c":1e400,"d":-0,"e":1E+2,"f":0.1e-7}'),
    ('{"a":' + "9" * 5000 + "}", {".a": ".b"}, '{"b":' + "9" * 5000 + "}"),
    ('{"a":"\\ud83d\\ude00 é \\u0000 \\/ \\""}', {".a": ".b"}, '{"b":"\U0001f600 é \\u0000 / \\""}'),
    ('{"a":"\\ud800é"}', {".a": ".b"}, '{"b":"\\ud800\\u00e9"}'),
    ('\ufeff { "a" : [ true , false , null , {} , [] , "" ] }\n', {".a": ".b"}, '{"b":[true,false,null,{},[],""]}'),
]  # fmt: skip


@pytest.mark.parametrize(("document", "renames", "expected"), CASES, ids=range(len(CASES)))
def test_rename(document: str, renames: dict[str, str], expected: str):
    assert renamed(document, **renames) == expected


@pytest.mark.parametrize(
    ("document", "renames"),
    [
        ('{"a":1,"b":2}', {".a": ".b"}),
        ('{"a":1,"b":null}', {".a": ".b"}),
        ('{"a":1,"b":2}', {".a": ".b.c"}),
        ('{"a":1,"b":[]}', {".a": ".b.c"}),
        ('{"a":{"b":1,"c":2}}', {".a.b": ".a"}),
        ('{"l":[{"a":1},{"a":1,"b":2}]}', {".l[*].a": ".l[*].b"}),
    ],
)
def test_nothing_is_overwritten(document: str, renames: dict[str, str]):
    with pytest.raises(ConflictError):
        renamed(document, **renames)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"{} {}", b"{'a':1}", b'{"a":1,"a":2}', b'[{"b":{"a":1,"a":1}}]', b"NaN", b"[Infinity]", b"[-Infinity]", b"01",
     b"+1", b"1.", b".5", b"0x1", b'"\n"', b'"\xff"', b"\xff\xfe[\x00]\x00", b"[" * 100_000, b'{"a":' * 100_000, b"\x00", b"nul",
     b'"\\x"', b"[1,]", b"{,}"],
)  # fmt: skip
def test_what_readers_could_read_differently_is_not_json(data: bytes):
    with pytest.raises(exact.NotJsonError):
        exact.parse(data)


def test_a_document_too_deep_to_write_is_refused():
    deep: object = 0
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(exact.NotJsonError):
        exact.render(deep)


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=5), children, max_size=5),
    max_leaves=30,
)


@given(DOCUMENTS)
def test_a_document_that_is_not_renamed_stays_the_same(document: object):
    written = json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")
    if b"\xed" in written:
        written = json.dumps(document).encode()
    assert json.loads(exact.render(exact.parse(written))) == document


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(), max_size=6), st.sampled_from("abcdef"), st.sampled_from("uvw"))
def test_there_and_back_is_where_it_was(document: dict[str, int], old: str, new: str):
    written = json.dumps(document, separators=(",", ":"))
    assert renamed(written, **{f".{old}": f".{new}.x", f".{new}.x": f".{old}"}) == written


@pytest.mark.parametrize("source", ["$", "$[*]", "$.a[*]", "$.a[0]", "$..a", "$.a[0].b", "$.*"])
def test_patterns_that_name_no_member(source: str):
    for one, other in ((source, "$.x"), ("$.x", source)):
        with pytest.raises(ValueError):
            parse_rename(parse_pattern(one), parse_pattern(other))


@pytest.mark.parametrize(
    ("source", "target"),
    [("$.a[*].b", "$.c[*].b"), ("$.a[*].b", "$.b"), ("$.a", "$.a"), ("$.b", "$.a[*].b"), ("$.a[*].b", "$.a[*].c[*].b")],
)
def test_patterns_that_do_not_go_together(source: str, target: str):
    with pytest.raises(ValueError):
        parse_rename(parse_pattern(source), parse_pattern(target))
