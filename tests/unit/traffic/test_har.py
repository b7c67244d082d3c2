"""HAR: what browsers and proxies write is read as what was sent, and what is written reads back."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.traffic import har
from strangler.traffic.entry import Entry, Message
from strangler.traffic.recording import Account

DATA = Path(__file__).parents[2] / "data"


def asked(**request: Any) -> dict[str, Any]:
    """An entry as Chrome writes it, with other members in its request."""
    return {
        "_initiator": {"type": "script"},
        "_priority": "High",
        "_resourceType": "fetch",
        "cache": {},
        "connection": "443",
        "request": {
            "method": "GET",
            "url": "https://shop.example.org/api/orders/7?expand=lines#top",
            "httpVersion": "http/2.0",
            "headers": [
                {"name": ":authority", "value": "shop.example.org"},
                {"name": ":method", "value": "GET"},
                {"name": "accept", "value": "*/*"},
            ],
            "queryString": [{"name": "expand", "value": "lines"}],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 0,
        }
        | request,
        "response": {
            "status": 200,
            "statusText": "",
            "httpVersion": "http/2.0",
            "headers": [{"name": "content-type", "value": "application/json"}],
            "cookies": [],
            "content": {"size": 8, "mimeType": "application/json", "text": '{"no":7}'},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": -1,
            "_transferSize": 133,
            "_error": None,
        },
        "serverIPAddress": "93.184.216.34",
        "startedDateTime": "2026-03-01T10:00:00.250Z",
        "time": 250.5,
        "timings": {"blocked": 200.0, "dns": -1, "ssl": -1, "connect": -1, "send": 0.25, "wait": 49.5, "receive": 0.25},
    }


def answered(**response: Any) -> dict[str, Any]:
    """The same, with other members in its response."""
    entry = asked()
    entry["response"] |= response
    return entry


def text_of(*entries: Any, **log: Any) -> bytes:
    return json.dumps(
        {"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "pages": [], "entries": entries} | log}
    ).encode()


def read(data: bytes) -> tuple[list[Entry], Account]:
    account = Account()
    return list(har.read(io.BytesIO(data), account)), account


def one(entry: dict[str, Any]) -> Entry:
    [found], account = read(text_of(entry))
    assert account == Account()
    return found


def why_not(entry: Any) -> str:
    found, account = read(text_of(entry, asked()))
    assert len(found) == 1, "the next one is read"
    assert account.skipped == 1
    return account.reasons[0]


def test_what_chrome_saves():
    assert one(asked()) == Entry(
        "GET",
        "/api/orders/7?expand=lines",
        "shop.example.org",
        "https",
        1772359200.25,
        0.05,
        Message((("accept", "*/*"),), b"", 0),
        200,
        Message((("content-type", "application/json"),), b'{"no":7}', 8),
    )


def test_what_firefox_saves():
    entry = asked(
        method="POST",
        url="http://127.0.0.1:8080/login",
        headers=[
            {"name": "Host", "value": "127.0.0.1:8080"},
            {"name": "Content-Type", "value": "application/x-www-form-urlencoded"},
        ],
        bodySize=17,
        postData={
            "mimeType": "application/x-www-form-urlencoded",
            "params": [{"name": "user", "value": "a b"}, {"name": "q", "value": "x%26y"}],
            "text": "",
        },
    )
    entry["startedDateTime"] = "2026-03-01T11:00:00.250+01:00"
    found = one(entry)
    assert (found.host, found.at) == ("127.0.0.1:8080", 1772359200.25)
    assert found.request.body == b"user=a+b&q=x%26y", "fields are encoded unless they are"


def test_a_text_is_shown_decoded_whatever_the_headers_say():
    coded = [
        {"name": "Content-Encoding", "value": "br"},
        {"name": "Content-Length", "value": "5"},
        {"name": "Vary", "value": "accept"},
    ]
    answer = one(answered(headers=coded, bodySize=5)).response
    assert answer == Message((("Vary", "accept"),), b'{"no":7}', 5)


def test_a_body_that_is_still_coded_stays_so():
    packed = b"\x1f\x8b" + bytes(20)
    content = {"size": 22, "mimeType": "text/plain", "text": b64encode(packed).decode(), "encoding": "base64"}
    headers = [{"name": "Content-Encoding", "value": "gzip"}]
    assert one(answered(headers=headers, content=content)).response == Message((("Content-Encoding", "gzip"),), packed, 22)


def test_a_text_goes_back_into_the_charset_of_its_type():
    headers = [{"name": "Content-Type", "value": "text/html; charset=ISO-8859-1"}]
    content = {"size": 3, "mimeType": "text/html; charset=ISO-8859-1", "text": "Zoë"}
    assert one(answered(headers=headers, content=content)).response.body == "Zoë".encode("latin-1")


def test_several_cookies_in_one_header_are_several():
    headers = [{"name": "set-cookie", "value": "a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT\nb=2"}]
    assert one(answered(headers=headers)).response.all("set-cookie") == ["a=1; Expires=Thu, 01 Jan 2026 00:00:00 GMT", "b=2"]


@pytest.mark.parametrize(
    ("response", "failure"),
    [({"status": 0, "_error": "net::ERR_BLOCKED_BY_CLIENT"}, "net::ERR_BLOCKED_BY_CLIENT"), ({"status": -1}, "no_answer")],
)
def test_a_request_that_was_blocked_has_no_answer(response, failure):
    found = one(answered(headers=[], content={"size": 0, "mimeType": "x-unknown"}, **response))
    assert (found.status, found.failure, found.response) == (None, failure, Message())


@pytest.mark.parametrize(
    "response",
    [
        {"content": {"size": 3_000_000, "mimeType": "application/json", "text": '{"no":7}'}},
        {"content": {"size": 8, "mimeType": "application/json"}},
        {"content": {}},
    ],
    ids=["cut", "left out", "nothing told"],
)
def test_a_body_that_is_not_all_there_is_unknown(response):
    assert one(answered(**response)).response.body is None


def test_a_size_as_it_was_sent_does_not_make_a_body_a_part():
    """mitmproxy tells the size of what was sent, and how much coding has saved: nothing, for a few bytes."""
    assert one(answered(content={"size": 22, "compression": -20, "mimeType": "text/plain", "text": "ok"})).response.body == b"ok"


@pytest.mark.parametrize(
    ("method", "status", "content"),
    [("HEAD", 200, {"size": 300}), ("GET", 304, {"size": 300, "text": "cached"}), ("GET", 204, {})],
)
def test_an_answer_without_a_body_has_none(method, status, content):
    entry = answered(status=status, content=content)
    entry["request"]["method"] = method
    assert one(entry).response.body == b""


def test_a_posted_body_that_is_not_what_was_sent_is_unknown():
    headers = [{"name": "content-length", "value": "4"}, {"name": "content-type", "value": "application/octet-stream"}]
    posted = {"mimeType": "application/octet-stream", "text": "\ufffd\ufffd\ufffd\ufffd"}
    assert one(asked(method="POST", headers=headers, postData=posted)).request == Message(
        (("content-length", "4"), ("content-type", "application/octet-stream")), None, 4
    )


def test_a_url_is_taken_apart_and_says_no_password():
    found = one(asked(url="http://ann:secret@Shop.Example.org:8080/caf\u00e9 au/%2e?q=\u00fc x#f"))
    assert (found.scheme, found.host, found.target) == ("http", "shop.example.org:8080", "/caf%C3%A9%20au/%2e?q=%C3%BC%20x")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (17, "entry 1: not an object"),
        ({}, "entry 1: no request"),
        ({"request": {}}, "entry 1: no response"),
        (asked(url=""), "entry 1: no url"),
        (asked(url=["http://h/"]), "entry 1: no url"),
        (asked(url="wss://shop.example.org/live"), "entry 1: not a request over HTTP: wss:"),
        (asked(url="data:text/html,<script>alert(1)</script>"), "entry 1: not a request over HTTP: data:"),
        (asked(url="http://a b/"), "entry 1: its url has no host that makes sense"),
        (asked(method="G\nT"), "entry 1: no method"),
        (asked(method="CONNECT"), "entry 1: a CONNECT, which asks nothing of an application"),
        (asked(headers="x"), "entry 1: headers of its request are not a list"),
        (asked(headers=[{"name": "a b", "value": ""}]), "entry 1: a header of its request is none"),
        (asked(headers=[{"name": "a", "value": 1}]), "entry 1: a header of its request is none"),
        (
            asked(headers=[{"name": "a", "value": "x\rHost: y"}]),
            "entry 1: header a of its request has characters that no header can have",
        ),
        (answered(status=99), "entry 1: its status is none"),
        (answered(status="200"), "entry 1: its status is none"),
        (answered(status=200.5), "entry 1: its status is none"),
        (answered(content={"text": "?!", "encoding": "base64"}), "entry 1: a body that says it is base64 and is not"),
        (asked() | {"_fromCache": "disk"}, "entry 1: answered by the browser's cache: no server was asked"),
    ],
)
def test_an_entry_that_makes_no_sense_is_left_out_and_told(entry, reason):
    assert why_not(entry) == reason


def test_unknown_dates_times_and_sizes_are_unknown():
    entry = asked(bodySize="many") | {"startedDateTime": "yesterday", "time": -1, "timings": {"send": None, "wait": "x"}}
    assert (one(entry).at, one(entry).duration) == (0.0, None)


def test_an_entry_that_is_too_deep_is_left_out():
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    assert why_not(asked() | {"_x": deep}) == "entry 1: it is deeper, or has more values, than an entry can have"


def test_a_file_that_was_cut_is_read_until_there():
    whole = text_of(asked(), asked(), asked())
    found, account = read(whole[: whole.rindex(b'"request"') + 30])
    assert len(found) == 2
    assert account.cut == "behind entry 2, it ends too early"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (text_of(asked(), version="2.0"), "it is of version '2.0', and only 1.1 and 1.2 and 1.3 are known"),
        (b'{"log": {"entries": [}', "not JSON: "),
        (b'{"log"' + b"\xff" * 10, "not JSON: "),
        (b"[" * 100_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_har_says_why(data, reason):
    found, account = read(data)
    assert found == []
    assert account.cut.startswith(reason)


def test_a_version_that_is_told_last_is_seen():
    log = b'{"log": {"entries": [' + json.dumps(asked()).encode() + b'], "version": "3.0"}}'
    found, account = read(log)
    assert len(found) == 1
    assert "version '3.0'" in account.cut


def test_one_text_larger_than_memory_ends_the_reading():
    class Endless(io.RawIOBase):
        begun = False
        given = 0

        def read(self, most: int = -1) -> bytes:
            if not most:
                return b""
            start = b"" if self.begun else b'{"log":{"entries":[{"request":"'
            self.begun = True
            self.given += most
            assert self.given < 200 * 2**20, "it is given up long before"
            return start + b"x" * (most - len(start))

    account = Account()
    assert list(har.read(Endless(), account)) == []  # type: ignore[arg-type]
    assert account.cut == "one of its parts is larger than 64 MiB"


def test_of_a_file_without_end_only_what_is_asked_for_is_read():
    class Endless(io.RawIOBase):
        given = 0

        def read(self, most: int = -1) -> bytes:
            start = b'{"log":{"entries":[' if most and not self.given else b""
            data = start + (json.dumps(asked()).encode() + b",") * (most // 1000)
            self.given += len(data)
            return data

    file = Endless()
    found = list(islice(har.read(file, Account()), 1000))  # type: ignore[arg-type]
    assert len(found) == 1000
    assert file.given < 4 * 2**20


def test_what_mitmdump_exports():
    """Written by mitmdump 11.0.2 from the flows beside it."""
    (coded, image, form, nowhere), account = read((DATA / "mitmdump-11.har").read_bytes())
    assert account == Account()
    assert (coded.method, coded.target, coded.host, coded.status) == ("GET", "/gz/1?x=a%20b", "127.0.0.1:9333", 200)
    assert (coded.response.body, coded.response.size) == (b'{"no": 7}', 29)
    assert coded.response.all("content-encoding") == []
    assert coded.response.all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert coded.request.first("cookie") == "sid=s3cr3t"
    assert image.response.body == b"\xff\x00bin"
    assert (form.request.body, form.status) == (b"a=1&b=2", 201)
    assert (nowhere.status, nowhere.response) == (None, Message())


def test_a_mark_at_the_beginning_is_passed_over():
    assert len(read(b"\xef\xbb\xbf" + text_of(asked()))[0]) == 1


LAWS = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
TOKEN = st.text("abcXYZ09-_", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=30)
BODY = st.one_of(st.binary(max_size=60), st.text(max_size=40).map(str.encode))
TYPE = st.sampled_from(
    ["text/html; charset=iso-8859-1", "application/json", "text/plain; charset=utf-16", "image/png", "x; charset=rot13"]
)


@st.composite
def messages(draw: st.DrawFn, bodies: st.SearchStrategy[bytes] = BODY, coded: bool = True) -> Message:
    headers = draw(st.lists(st.tuples(TOKEN, VALUE), max_size=4))
    headers += [("Content-Type", draw(TYPE))]
    headers += [("Content-Encoding", "gzip")] if coded and draw(st.booleans()) else []
    body = draw(st.none() | bodies)
    return Message(tuple(headers), body, draw(st.none() | st.integers(0, 2**40)) if body is None else len(body))


@st.composite
def whole_entries(draw: st.DrawFn) -> Entry:
    status = draw(st.sampled_from([None, 200, 404, 500]))
    return Entry(
        draw(st.sampled_from(["GET", "POST", "M-SEARCH"])),
        "/" + draw(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#"), max_size=20)),
        draw(st.sampled_from(["", "shop.example.org", "[::1]:80"])),
        draw(st.sampled_from(["http", "https"])),
        draw(st.integers(0, 4_000_000_000)) + draw(st.integers(0, 15)) / 16,
        draw(st.none() | st.floats(0, 1000)),
        draw(messages().filter(lambda one: one.body is not None or bool(one.size))),
        status,
        Message() if status is None else draw(messages()),
        "" if status else "timeout",
        *(draw(st.sampled_from(["", "legacy", "läng"])) for _ in range(3)),
    )


@LAWS
@given(st.lists(whole_entries(), min_size=1, max_size=3))
def test_what_is_written_reads_back_as_it_was(entries):
    file = io.BytesIO()
    assert har.write(entries, file) == len(entries)
    assert read(file.getvalue()) == (entries, Account())


def test_after_each_flush_the_file_is_whole():
    file = io.BytesIO()
    writer = har.Writer(file)
    for number in range(3):
        writer.flush()
        assert len(json.loads(file.getvalue())["log"]["entries"]) == number
        writer.add(Entry("GET", f"/{number}", "h"))
    writer.flush()
    assert [entry.target for entry in read(file.getvalue())[0]] == ["/0", "/1", "/2"]
    assert writer.size == len(file.getvalue())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
NAMES = sorted({*asked(), *asked()["request"], *asked()["response"], "text", "encoding", "name", "value", "postData"})


@LAWS
@given(st.lists(st.tuples(st.sampled_from(["", "request", "response"]), st.sampled_from(NAMES), JSON), max_size=6))
def test_whatever_stands_in_an_entry_is_read_or_left_out(changes):
    entry = asked()
    for place, name, value in changes:
        (entry[place] if place and isinstance(entry.get(place), dict) else entry)[name] = value
    found, account = read(text_of(entry, asked()))
    assert len(found) + account.skipped == 2 or account.cut


@LAWS
@given(st.binary(max_size=300), st.integers(0, 1200))
def test_whatever_stands_in_a_file_is_read_or_told(junk, at):
    data = text_of(asked())
    found, account = read(data[:at] + junk + data[at:])
    assert len(found) + account.skipped >= 1 or account.cut
