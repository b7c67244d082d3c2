"""Bodies that are not JSON: trees, forms, text and bytes, and two that are not of one kind."""

from __future__ import annotations

import pytest

from strangler.core.compare.compare import compare
from strangler.core.document import Content, Document
from tests.unit.core.compare.given import View, lines, rules, tree, view

XML = [
    # control, candidate, keys, differences
    ("<a x=1 y=2><b>t</b></a>", "<a y=2 x=1><b>t</b></a>", "", []),
    ("<a>\n <b>t</b>\n</a>", "<a><b>t</b></a>", "", []),
    ("<a> t</a>", "<a>t</a>", "", ['$[\'#text\'] value " t" "t"']),
    ("<a>t</a>", "<b>t</b>", "", ['$ type "a" "b"']),
    ("<a x=1></a>", "<a x=2 y=3></a>", "", ["$['@x'] value \"1\" \"2\"", "$['@y'] extra - \"3\""]),
    ("<a><b>1</b><c>2</c></a>", "<a><b>1</b><c>3</c></a>", "", ["$.c['#text'] value \"2\" \"3\""]),
    ("<a><b>1</b><b>2</b></a>", "<a><b>1</b><b>3</b></a>", "", ["$.b[1]['#text'] value \"2\" \"3\""]),
    ("<a><b>1</b><c k=1>2</c></a>", "<a><b>1</b></a>", "", ['$.c missing "<c k=\\"1\\">2" -']),
    ("<a><b>1</b><b>2</b><b>3</b></a>", "<a><b>2</b><b>3</b></a>", "", ['$.b[0] missing "<b>1" -']),
    ("<a><b>1</b><c>2</c></a>", "<a><c>2</c><b>1</b></a>", "", ['$ order ["<b>1","<c>2"] ["<c>2","<b>1"]']),
    ("<a><b></b></a>", "<a><c></c></a>", "", ['$.b missing "<b>" -', '$.c extra - "<c>"']),
    ("<a><b></b></a>", "<a>t</a>", "", ['$.b missing "<b>" -', "$['#text'] extra - \"t\""]),
    # rules name a child with its index, with any, or without
    ("<a><b>1</b></a>", "<a><b>2</b></a>", "compare: {ignore: [$.b]}", ["$.b['#text'] value \"1\" \"2\" < ignore $.b"]),
    ("<a><b>1</b></a>", "<a><b>2</b></a>", 'compare: {ignore: ["$.b[*]"]}', ["$.b['#text'] value \"1\" \"2\" < ignore $.b[*]"]),
    ("<a><b>1</b><b>1</b></a>", "<a><b>2</b><b>2</b></a>", 'compare: {ignore: ["$.b[1]"]}',
     ["$.b[0]['#text'] value \"1\" \"2\"", "$.b[1]['#text'] value \"1\" \"2\" < ignore $.b[1]"]),
    ("<a><b x=1></b></a>", "<a><b x=2></b></a>", "compare: {ignore: [\"$..['@x']\"]}",
     ["$.b['@x'] value \"1\" \"2\" < ignore $..['@x']"]),
    ("<a><b>1</b><b>2</b></a>", "<a><b>2</b><b>1</b></a>", "compare: {unordered: [$]}",
     ['$ order ["<b>1","<b>2"] ["<b>2","<b>1"] < unordered $']),
    ("<a><b k=1>x</b><b k=2>y</b></a>", "<a><b k=2>y</b><b k=1>z</b></a>", 'compare: {unordered: [{path: $, key: "@k"}]}',
     ["$.b[1]['#text'] value \"x\" \"z\"", '$ order ["<b k=\\"1\\">x","<b k=\\"2\\">y"] ["<b k=\\"2\\">y","<b k=\\"1\\">z"]'
      " < unordered $ key @k"]),
    ("<a><b><k>1</k><v>x</v></b><b><k>2</k></b></a>", "<a><b><k>2</k></b><b><k>1</k><v>z</v></b></a>",
     "compare: {unordered: [{path: $, key: k}]}",
     ["$.b[1].v['#text'] value \"x\" \"z\"", '$ order ["<b><k>1<v>x","<b><k>2"] ["<b><k>2","<b><k>1<v>z"] < unordered $ key k']),
    ("<a><b i=1>x</b><b i=2>x</b><b i=3>y</b><b i=4>y</b></a>",
     "<a><b i=5>y</b><b i=6>y</b><b i=7>x</b><b i=8>x</b></a>",
     "compare: {unordered: [$], ignore: [\"$.b[*]['@i']\"]}", None),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "keys", "expected"), XML, ids=range(len(XML)))
def test_xml(control, candidate, keys, expected):
    found = compare(view(tree(control), Content.XML), view(tree(candidate), Content.XML), rules(keys))
    assert found.differences == () if expected is None else lines(found) == expected


HTML = [
    ("<p> a\n  b </p>", "<p>a b</p>", []),
    ("<p>a <b>c</b> </p>", "<p>a<b> c</b></p>", []),
    ("<p>a b</p>", "<p>ab</p>", ['$[\'#text\'] value "a b" "ab"']),
    ("<p>a\u00a0b</p>", "<p>a b</p>", ['$[\'#text\'] value "a\u00a0b" "a b"']),
    ("<pre>a  b</pre>", "<pre>a b</pre>", ['$[\'#text\'] value "a  b" "a b"']),
    ("<html><body><div class=x></div><div class=y></div></body></html>",
     "<html><body><div class=x></div><div class=z></div></body></html>", ["$.body.div[1]['@class'] value \"y\" \"z\""]),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "expected"), HTML, ids=range(len(HTML)))
def test_html(control, candidate, expected):
    assert lines(compare(view(tree(control), Content.HTML), view(tree(candidate), Content.HTML), rules())) == expected


FORMS = [
    ([("a", "1"), ("b", "2")], [("b", "2"), ("a", "1")], []),
    ([("a", "1"), ("a", "2")], [("a", "2"), ("a", "1")], ['$.a order ["1","2"] ["2","1"]']),
    ([("a", "1")], [("a", "2"), ("c", "")], ['$.a value "1" "2"', '$.c extra - ""']),
    ([("a", "1")], [("a", "0"), ("a", "1")], ["$.a length 1 2", '$.a[0] extra - "0"']),
]


@pytest.mark.parametrize(("control", "candidate", "expected"), FORMS, ids=range(len(FORMS)))
def test_forms(control, candidate, expected):
    assert lines(compare(view(control, Content.FORM), view(candidate, Content.FORM), rules())) == expected


TEXTS = [
    ("a\nb\n", "a\nb\n", []),
    ("a\nb\nc", "a\nx\nc", ['$[1] value "b" "x"']),
    ("a\nb\nc", "b\nc", ['$[0] missing "a" -']),
    ("a\nb\nc", "c\na\nb", ['$ order ["a","b","c"] ["c","a","b"]']),
    ("a\n", "a", ['$[1] missing "" -']),
    ("a\r\nb", "a\nb", ['$[0] value "a\\r" "a"']),
]


@pytest.mark.parametrize(("control", "candidate", "expected"), TEXTS, ids=range(len(TEXTS)))
def test_texts(control, candidate, expected):
    assert lines(compare(view(control, Content.TEXT), view(candidate, Content.TEXT), rules())) == expected


def test_bytes():
    assert lines(compare(view(b"\0", Content.BYTES), view(b"\0", Content.BYTES), rules())) == []
    (difference,) = compare(view(b"\0", Content.BYTES), view(b"\0\1", Content.BYTES), rules()).differences
    assert difference.control.startswith("1 bytes, BLAKE2b ")
    assert difference.candidate.startswith("2 bytes, BLAKE2b ")


def test_documents_of_two_kinds():
    control = view({}, Content.JSON)
    candidate = View(200, (), Document(Content.TEXT, "<html>", "not JSON: at 1:1"))
    assert lines(compare(control, candidate, rules())) == ['$ type "json" "text (not JSON: at 1:1)"']
    assert lines(compare(control, view(None, Content.NONE), rules("compare: {ignore: [$]}"))) == [
        '$ type "json" "none" < ignore $'
    ]
