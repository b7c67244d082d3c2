"""An event as CloudEvents 1.0: what is in it, what is refused, and that nothing changes on the way."""

import json
import re
from base64 import b64decode
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.sinks.cloudevents import HEAD, UnfitError, attributes, beside, in_headers, structured
from reconcile.sinks.event import Event

PLACED = Event(
    sequence=42,
    id="e-1",
    type="order.placed",
    key="order 7",
    payload=b'{"total": 12.50}',
    headers={"traceparent": "00-abc-def-01", "x-tenant": "north"},
    version=3,
    at=1_700_000_000_123_456,
    source="/shop",
)


def test_an_event_has_the_attributes_of_the_standard():
    assert attributes(PLACED) == {
        "id": "e-1",
        "source": "/shop",
        "type": "order.placed",
        "subject": "order 7",
        "time": "2023-11-14T22:13:20.123456Z",
        "datacontenttype": "application/json",
        "sequence": "00000000000000000042",
        "version": "3",
        "traceparent": "00-abc-def-01",
        "xtenant": "north",
    }


def test_what_an_event_does_not_have_is_left_out():
    bare = Event(1, "e", "t", None, b"")
    assert attributes(bare) == {"id": "e", "source": "/", "type": "t", "sequence": "00000000000000000001"}
    assert json.loads(structured(bare)).keys() == {"specversion", "id", "source", "type", "sequence"}


def test_structured_is_one_line_and_leaves_a_json_payload_as_it_is():
    payload = b'{\r\n "price": 1.10, "big": 12345678901234567890123, "twice": 1, "twice": 2, "text": "a\\nb \\ud83d"}\n'
    line = structured(event(payload))
    assert line.startswith(HEAD)
    assert b"\n" not in line
    assert b"\r" not in line
    assert line.endswith(b',"data":' + payload.replace(b"\n", b" ").replace(b"\r", b" ") + b"}")
    assert json.loads(line)["specversion"] == "1.0"


@pytest.mark.parametrize(
    ("content_type", "payload", "member", "value"),
    [
        ("application/json", b"[1]", "data", [1]),
        ("application/vnd.shop+json; charset=utf-8", b'"x"', "data", "x"),
        ("APPLICATION/JSON", b"null", "data", None),
        ("text/plain", "naïve\n".encode(), "data", "naïve\n"),
        ("application/xml", b"<a/>", "data", "<a/>"),
        ("text/plain", b"\xff", "data_base64", "/w=="),
        ("application/octet-stream", b"{}", "data_base64", "e30="),
    ],
)
def test_a_payload_stands_in_it_by_its_type(content_type, payload, member, value):
    said = json.loads(structured(event(payload, content_type)))
    assert said[member] == value
    assert said["datacontenttype"] == content_type
    assert ("data" in said) != ("data_base64" in said)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "is not: "),
        (b'{"a": NaN}', "NaN is no number"),
        (b"-Infinity", "-Infinity is no number"),
        (b"\xff", "is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{} {"injected": true}', "is not: "),
        (b'"a\nb"', "is not: "),
    ],
)
def test_json_that_is_none_is_refused(payload, why):
    with pytest.raises(UnfitError, match=f"^its payload .*{why}"):
        structured(event(payload))


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"id": ""}, "no id"),
        ({"type": ""}, "no type"),
        ({"at": 10**18 * 3}, "not in microseconds"),
        ({"content_type": "json"}, "content type, 'json', is none"),
        ({"content_type": "a/b\r\nx-evil: 1"}, "is none"),
        ({"headers": {"x-a": "1", "xa": "2"}}, "'xa'"),
        ({"headers": {"–": "1"}}, "neither letters nor digits"),
        ({"key": "\ud800"}, "surrogates not allowed"),
    ],
)
def test_what_can_be_no_cloud_event_is_refused(part, why):
    unfit = event(b"{}", **part)
    for way in (structured, in_headers):
        with pytest.raises((UnfitError, UnicodeEncodeError), match=why):
            way(unfit)


def test_a_header_whose_name_is_taken_gets_another():
    assert attributes(event(b"", headers={"type": "a", "Version": "b", "data-schema": "c"}, version=1)) == {
        **attributes(event(b"", version=1)),
        "xtype": "a",
        "xversion": "b",
        "dataschema": "c",
    }


def test_attributes_beside_a_payload_have_a_prefix_and_its_type_does_not():
    assert beside(PLACED, "ce_") == {
        "ce_specversion": "1.0",
        **{f"ce_{name}": value for name, value in attributes(PLACED).items() if name != "datacontenttype"},
    }


def test_headers_are_percent_encoded_ascii():
    headers = in_headers(event(b"{}", key='50 % of "Ω"\r\n'))
    assert headers["ce-subject"] == "50%20%25%20of%20%22%CE%A9%22%0D%0A"
    assert headers["content-type"] == "application/json"


WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)


@given(WORDS, WORDS, WORDS, st.binary(max_size=200), st.integers(0, 2**63 - 1))
def test_whatever_is_written_is_read_again(key, name, value, payload, sequence):
    odd = Event(sequence, value, name, key, payload, "application/octet-stream", {"x-note": value})
    said = json.loads(structured(odd))
    assert (said["subject"], said["type"], said["id"], said["xnote"], int(said["sequence"])) == (
        key,
        name,
        value,
        value,
        sequence,
    )
    assert b64decode(said.get("data_base64", "")) == payload
    headers = in_headers(odd)
    assert all(re.fullmatch(r"[!-~]+", header) for header in headers.values())
    assert (unquote(headers["ce-subject"]), unquote(headers["ce-xnote"])) == (key, value)


def event(payload, content_type="application/json", **parts):
    return Event(**{"sequence": 1, "id": "e", "type": "t", "key": "k", "payload": payload, "content_type": content_type, **parts})
