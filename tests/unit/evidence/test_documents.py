"""From bodies to documents: the right kind, or text with a note that says why not; never an exception."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core.document import Content, Document, Element
from strangler.core.exact import Number
from strangler.evidence.documents import DEEPEST, document_of

HTML = "text/html"
FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("kind", "body", "content", "value"),
    [
        ("application/json", b'{"a":1.10}', Content.JSON, {"a": Number("1.10")}),
        ("Application/Problem+JSON; charset=utf-8", b"[]", Content.JSON, []),
        ("application/json", b"\xef\xbb\xbf[1]", Content.JSON, [Number("1")]),
        ("application/json", '["ü"]'.encode("utf-16"), Content.JSON, ["ü"]),
        ("application/json; charset=ISO-8859-1", b'["\xfc"]', Content.JSON, ["ü"]),
        ("application/json", b"18446744073709551617", Content.JSON, Number("18446744073709551617")),
        ("", b' {"a":null}', Content.JSON, {"a": None}),
        ("", b"a=1", Content.BYTES, b"a=1"),
        ("", b"{not json", Content.BYTES, b"{not json"),
        ("", b"1", Content.BYTES, b"1"),
        ("application/json", b"", Content.NONE, None),
        ("application/xml", b"<a b='1'>x<c/></a>", Content.XML, Element("a", {"b": "1"}, ("x", Element("c")))),
        ("image/svg+xml", b'<s xmlns="u"/>', Content.XML, Element("{u}s")),
        ("text/xml; charset=iso-8859-1", b"<a>\xfc</a>", Content.XML, Element("a", {}, ("ü",))),
        ("text/xml", "<a>ü</a>".encode("utf-16"), Content.XML, Element("a", {}, ("ü",))),
        ("text/xml", b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xfc</a>', Content.XML, Element("a", {}, ("ü",))),
        ("text/xml", b"<a>x<!-- c -->y<?p?>z</a>", Content.XML, Element("a", {}, ("xyz",))),
        ("text/xml", b"<a><![CDATA[<b>]]></a>", Content.XML, Element("a", {}, ("<b>",))),
        (FORM, b"a=1&b=%C3%BC+x&a=&c", Content.FORM, [("a", "1"), ("b", "ü x"), ("a", ""), ("c", "")]),
        (FORM, b"a=%ff", Content.FORM, [("a", "\\xff")]),
        ("text/plain", "ü".encode(), Content.TEXT, "ü"),
        ("text/csv; charset=windows-1252", b"\x80", Content.TEXT, "€"),
        ("application/javascript", b"x", Content.TEXT, "x"),
        ("application/octet-stream", b"\x00", Content.BYTES, b"\x00"),
        ("multipart/form-data; boundary=x", b"--x--", Content.BYTES, b"--x--"),
    ],
)
def test_kinds(kind: str, body: bytes, content: Content, value: object) -> None:
    assert document_of(kind, body) == Document(content, value)


@pytest.mark.parametrize(
    ("kind", "body", "note"),
    [
        ("application/json", b'{"a":1,"a":2}', "not JSON: a name stands twice in one object"),
        ("application/json", b"[NaN]", "not JSON: NaN is not JSON"),
        ("application/json", b"[1,", "not JSON: Expecting value: line 1 column 4 (char 3)"),
        ("application/json", b'"\xff"', "not JSON: not utf-8"),
        ("application/json", b"[" * 10_000 + b"]" * 10_000, "not read as JSON: too deep"),
        ("application/json", b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "not read as JSON: too deep"),
        ("application/xml", b"<a><b></a>", "not XML: wrong at line 1, column 11"),
        ("application/xml", b"<a>" * 10_000 + b"</a>" * 10_000, "not XML: wrong at line 1, column 771"),
        ("application/xml", b"<a>" * 220 + b"</a>" * 220, "not XML: too deep"),
        ("application/xml", b"<a>" + b"<b/>" * 1_000_001 + b"</a>", "not XML: too large"),
        (HTML, b"<div>" * 10_000, "not read as HTML: too deep or too large"),
        (HTML, b"<p>" + b"x" * 11_000_000, "not read as HTML: too deep or too large"),
        (HTML, b"<!-- nothing -->", "not HTML: no element in it"),
        (FORM, b"a&" * 100_001, "not read as a form: more than 100000 fields"),
        (FORM, b"a=\xff", "not a form: not utf-8"),
        ("text/plain", b"\xff", "not utf-8: bytes that are not are shown as \\x.."),
        ("text/plain; charset=ascii", b"\xff", "not ascii: bytes that are not are shown as \\x.."),
    ],
)
def test_what_is_not_what_it_says_is_text_with_a_note(kind: str, body: bytes, note: str) -> None:
    found = document_of(kind, body)
    assert (found.content, found.note) == (Content.TEXT, note)
    assert isinstance(found.value, str)


def test_depth_up_to_the_bound_is_read() -> None:
    assert document_of("application/json", b"[" * DEEPEST + b"]" * DEEPEST).content is Content.JSON


def test_a_broken_byte_is_not_taken_for_the_letter_that_another_charset_has_there() -> None:
    assert document_of("text/plain", b"\xfc").value != document_of("text/plain", "ü".encode()).value


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        (HTML, "<p>ü".encode(), "ü"),
        (HTML, b"<meta charset='iso-8859-1'><p>\xfc", "ü"),
        ("text/html; charset=iso-8859-1", b"<meta charset='utf-8'><p>\xfc", "ü"),
        (HTML, "<p>ü".encode("utf-16"), "ü"),
        (HTML, b"<p>\xfc", "\\xfc"),
        ("text/html; charset=punycode", "<p>ü".encode(), "ü"),  # which takes quadratic time, so nobody offers it
        (HTML, b"<p>&uuml;", "ü"),
    ],
)
def test_charsets_of_html(kind: str, body: bytes, text: str) -> None:
    found = document_of(kind, body)
    assert found.content is Content.HTML
    assert f"{text!r}," in repr(found.value)


LAUGHS = "".join(f'<!ENTITY l{at} "{f"&l{at - 1};" * 10}">' for at in range(1, 12))


@pytest.mark.parametrize(
    "body",
    [
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        '<!DOCTYPE a SYSTEM "http://192.0.2.1/x.dtd"><a>x</a>',
        f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l11;</a>',
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd">%p;]><a>x</a>',
    ],
)
def test_no_entity_is_expanded_and_nothing_is_fetched(body: str) -> None:
    found = document_of("application/xml", body.encode())
    assert len(repr(found)) < 2000
    assert "root:" not in repr(found)


def test_twenty_megabytes_are_read() -> None:
    body = json.dumps([{"id": at, "name": f"item {at} " * 40, "price": 1.5} for at in range(50_000)]).encode()
    found = document_of("application/json", body)
    assert len(body) > 20_000_000
    assert found.content is Content.JSON
    assert len(found.value) == 50_000


def test_more_values_than_fit_into_memory_are_not_read() -> None:
    found = document_of("application/json", b"[" + b"[]," * 2_500_000 + b"1]")
    assert (found.content, found.note) == (Content.TEXT, "not read as JSON: too large")


KINDS = ["", "application/json", "text/xml", "text/html", FORM, "text/plain", "image/png", "a/b+json", ";", "text/html;charset=x"]
CHARSETS = ["", ";charset=utf-16", ";charset=iso-2022-jp", ";charset=hex", ";charset='latin-1", ";charset=\0", ";charset=utf-7"]
HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.text('{}[]":,0aeE-.\\uDFN \n<>/=&;%!-\x00ü', max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
)


@settings(max_examples=1000)
@given(st.sampled_from(KINDS), st.sampled_from(CHARSETS), HOSTILE)
def test_whatever_arrives_is_a_document(kind: str, charset: str, body: bytes) -> None:
    found = document_of(kind + charset, body)
    assert isinstance(found.value, HOLDS[found.content])
    assert not found.note or found.content is Content.TEXT


HOLDS: dict[Content, type | tuple[type, ...]] = {
    Content.JSON: (dict, list, str, bool, type(None)),
    Content.XML: Element,
    Content.HTML: Element,
    Content.FORM: list,
    Content.TEXT: str,
    Content.BYTES: bytes,
    Content.NONE: type(None),
}
