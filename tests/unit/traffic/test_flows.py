"""Flows of mitmproxy: what it has saved is read, what is written it opens, and nothing that a file claims is believed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.traffic import flows
from strangler.traffic.entry import Entry, Message
from strangler.traffic.netstrings import DEEPEST, MOST_BYTES, NotNetstringError, dump, load
from strangler.traffic.recording import Account
from tests.unit.traffic.test_har import whole_entries

LAWS = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
SAVED = Path(__file__).parents[2] / "data" / "mitmdump-11.flows"
"""By mitmdump 11.0.2, of three exchanges with a small server and one with none."""


def read(data: bytes) -> tuple[list[Entry], Account]:
    account = Account()
    return list(flows.read(io.BytesIO(data), account)), account


def test_what_mitmdump_saves():
    (coded, image, form, nowhere), account = read(SAVED.read_bytes())
    assert account == Account()
    assert (coded.method, coded.target, coded.host, coded.scheme) == ("GET", "/gz/1?x=a%20b", "127.0.0.1:9333", "http")
    assert coded.request.first("cookie") == "sid=s3cr3t"
    assert (coded.status, coded.response.first("content-encoding"), coded.response.body[:2]) == (200, "gzip", b"\x1f\x8b")
    assert coded.response.all("set-cookie") == ["a=1; Path=/", "b=2"]
    assert image.response.body == b"\xff\x00bin"
    assert (form.request.body, form.status) == (b"a=1&b=2", 201)
    assert (nowhere.status, nowhere.failure) == (None, "no_answer")
    assert coded.duration == pytest.approx(0.0233581)
    assert len({entry.client for entry in (coded, image, form, nowhere)}) == 1
    assert "127.0.0.1" not in coded.client


@LAWS
@given(st.lists(whole_entries(), min_size=1, max_size=3))
def test_what_is_written_reads_back_as_it_was(entries):
    entries = [entry for entry in entries if entry.method.isalpha()]
    file = io.BytesIO()
    assert flows.write(entries, file) == len(entries)
    found, account = read(file.getvalue())
    assert account == Account()
    assert [one.target for one in found] == [one.target for one in entries]
    assert [(one.request.headers, one.request.body) for one in found] == [
        (one.request.headers, one.request.body) for one in entries
    ]
    assert [(one.status, one.response.body, one.failure) for one in found] == [
        (one.status, one.response.body, one.failure) for one in entries
    ]
    assert [(one.route, one.side, one.client) for one in found] == [(one.route, one.side, one.client) for one in entries]


def test_mitmproxy_opens_what_is_written():
    mitmproxy_io = pytest.importorskip("mitmproxy.io")
    headers = (("Host", "shop.example.org"), ("Set-Cookie", "a"), ("Set-Cookie", "b"))
    answer = Message(headers, b"\xff\x00", 2)
    asked = Message((("Host", "shop.example.org"),), b"", 0)
    whole = Entry("GET", "/a?b=%20", "shop.example.org", "https", 5.0, 0.5, asked, 200, answer, "", "legacy", "r")
    file = io.BytesIO()
    flows.write([whole, Entry("POST", "/b", "[::1]:8080", request=Message((), None, 7), failure="timeout")], file)
    file.seek(0)
    first, second = mitmproxy_io.FlowReader(file).stream()
    assert (first.request.pretty_url, first.response.status_code) == ("https://shop.example.org/a?b=%20", 200)
    assert first.response.headers.get_all("set-cookie") == ["a", "b"]
    assert first.response.raw_content == b"\xff\x00"
    assert (second.request.host, second.request.port, second.request.raw_content, second.error.msg) == (
        "::1",
        8080,
        None,
        "timeout",
    )


def test_what_mitmproxy_saves_of_every_kind():
    tflow = pytest.importorskip("mitmproxy.test.tflow")
    writer_of = pytest.importorskip("mitmproxy.io").FlowWriter
    file = io.BytesIO()
    for flow in tflow.tflows():
        writer_of(file).add(flow)
    found, account = read(file.getvalue())
    assert [(entry.status, entry.failure) for entry in found] == [(200, ""), (None, "no_answer")]
    assert account.reasons == ["flow 3: a WebSocket", "flow 4: not HTTP, but tcp", "flow 5: not HTTP, but tcp"]


def flow(**request: Any) -> bytes:
    asked = {"method": b"GET", "path": b"/", "headers": [], "content": b"", "host": "h", "port": 80, "scheme": b"http"}
    return dump({"version": 21, "type": "http", "request": asked | request, "response": None})


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (dump("not a dictionary"), "not a flow"),
        (dump({"type": "dns"}), "not HTTP, but dns"),
        (dump({b"type": b"http"}), "not HTTP, but of no known version"),
        (dump({"type": "http"}), "no request"),
        (flow(method=b"CONNECT"), "its request asks nothing of an application"),
        (flow(path=b"*"), "its request asks nothing of an application"),
        (flow(path=b"/a b"), "its request asks nothing of an application"),
        (flow(headers=[b"x"]), "a header that is none"),
        (flow(headers=[[b"a", b"x\r\ny"]]), "a header with characters that no header can have"),
        (
            dump({"type": "http", "request": {"method": b"GET", "path": b"/"}, "response": {"status_code": 7}}),
            "its status is none",
        ),
    ],
)
def test_a_flow_that_makes_no_sense_is_left_out_and_told(data, reason):
    found, account = read(data + flow())
    assert len(found) == 1
    assert account.reasons == [f"flow 1: {reason}"]


def test_a_file_that_was_cut_is_read_until_there():
    found, account = read(SAVED.read_bytes()[:-100])
    assert len(found) == 3
    assert account.cut == "behind flow 3, it ends too early"


def nested(depth: int) -> bytes:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return dump(value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"999999999999999999:", "not in the format of flows"),
        (b"-1:x,", "not in the format of flows"),
        (b":x,", "not in the format of flows"),
        (b"3:abc?", "not in the format of flows"),
        (b"3:abc", "ends too early"),
        (b"12", "ends too early"),
        (b"3:abc#", "a value that is none"),
        (b"1:x~", "a value that is none"),
        (b"4:9:a,]", "a length that cannot be"),
        (b"4:1:a,}", "a dictionary that is none"),
        (b"7:0:]1:a,}", "a dictionary that is none"),
        (nested(DEEPEST + 2), "nested too deeply"),
        (dump([None] * 200_001), "too many values"),
    ],
)
def test_what_is_no_netstring_ends_the_reading(data, reason):
    with pytest.raises(NotNetstringError, match=reason):
        load(io.BytesIO(data))


def test_a_length_beyond_memory_is_passed_over_not_read():
    class Claimed(io.RawIOBase):
        def __init__(self) -> None:
            self.head = io.BytesIO(b"99999999999:")
            self.left = 3 * 2**20
            self.largest = 0

        def read(self, most: int = -1) -> bytes:
            self.largest = max(self.largest, most)
            if data := self.head.read(most):
                return data
            given = min(most, self.left)
            self.left -= given
            return bytes(given)

    file = Claimed()
    account = Account()
    assert list(flows.read(file, account)) == []  # type: ignore[arg-type]
    assert account.cut == "it ends too early"
    assert file.largest < MOST_BYTES


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


@LAWS
@given(VALUE)
def test_a_value_reads_back(value):
    assert load(io.BytesIO(dump(value))) == value


@LAWS
@given(VALUE, VALUE, VALUE)
def test_whatever_stands_in_a_flow_is_read_or_left_out(path, headers, status):
    state = {"type": "http", "request": {"method": b"GET", "path": path, "headers": headers}, "response": {"status_code": status}}
    found, account = read(dump(state))
    assert len(found) + account.skipped == 1


@LAWS
@given(st.binary(max_size=200), st.integers(0, 8000))
def test_whatever_stands_in_a_file_is_read_or_told(junk, at):
    data = SAVED.read_bytes()
    found, account = read(data[:at] + junk + data[at:])
    assert len(found) + account.skipped >= 4 or account.cut
