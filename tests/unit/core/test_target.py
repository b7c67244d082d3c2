"""Paths that two servers read differently, and what becomes of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strangler.core import target
from strangler.core.decide import Forward, Refuse, Table
from strangler.core.target import AMBIGUOUS, LONGEST_READ, canonical, readings
from tests.unit.given import config, request

PLAIN = [
    ("/", ("",)),
    ("", ("",)),  # http://host without a path
    ("/a", ("a",)),
    ("/a/", ("a", "")),
    ("/a/b.c~d_e-f", ("a", "b.c~d_e-f")),
    ("/A/a", ("A", "a")),  # letter case counts
    ("/a/...", ("a", "...")),
    ("/a/.hidden", ("a", ".hidden")),
    ("/a/..b", ("a", "..b")),
    ("/a/b..", ("a", "b..")),
    ("/a:b/@c/$&'()*+,=", ("a:b", "@c", "$&'()*+,=")),
    ("/%61%2D%2e%5F%7e", ("a-._~",)),  # encoded unreserved characters are themselves
    ("/a%20b", ("a b",)),
    ("/a+b", ("a+b",)),  # a plus is a space in queries only
    ("/what%3F", ("what?",)),
    ("/c%23", ("c#",)),
    ("/100%25", ("100%",)),
    ("/100%25zz", ("100%zz",)),
    ("/%c3%a9t%C3%A9", ("été",)),
    ("/\xc3\xa9", ("é",)),  # raw UTF-8
    ("/caf%e9", ("caf\udce9",)),  # latin-1 of an old shop: not UTF-8, kept as the byte it is
    ("/%c0", ("\udcc0",)),
    ("/%e0%b8%81", ("ก",)),
    ("/\xe0\xb8\x81", ("ก",)),
    ("/%f0%9f%98%80", ("😀",)),
    ("*", ()),
    ("example.org:443", ()),
    ("a/b", ()),
]

DOUBTFUL = [
    ("/a%2Fb", ("a/b",), "encoded_slash"),
    ("/a%2fb", ("a/b",), "encoded_slash"),
    ("/..", ("..",), "dot_segment"),
    ("/a/./b", ("a", ".", "b"), "dot_segment"),
    ("/a/%2e%2e/b", ("a", "..", "b"), "dot_segment"),
    ("/a/.%2E/b", ("a", "..", "b"), "dot_segment"),
    ("/a/%2e", ("a", "."), "dot_segment"),
    ("/a/..;/b", ("a", "..;", "b"), "dot_segment"),  # Tomcat behind nginx
    ("/a/..;x=1/b", ("a", "..;x=1", "b"), "dot_segment"),
    ("/a/..%3b/b", ("a", "..;", "b"), "dot_segment"),
    ("/a/..#", ("a", "..#"), "dot_segment"),
    ("/a/..%2fb", ("a", "../b"), "encoded_slash"),
    ("/a\\..\\b", ("a\\..\\b",), "backslash"),
    ("/a%5Cb", ("a\\b",), "backslash"),
    ("//a", ("", "a"), "empty_segment"),
    ("/a//b", ("a", "", "b"), "empty_segment"),
    ("/a//", ("a", "", ""), "empty_segment"),
    ("/a;x", ("a;x",), "parameter"),
    ("/a;jsessionid=1/b", ("a;jsessionid=1", "b"), "parameter"),
    ("/a%3Bx", ("a;x",), "parameter"),
    ("/a%00b", ("a\x00b",), "nul"),
    ("/a\x00b", ("a\x00b",), "nul"),
    ("/a#b", ("a#b",), "fragment"),
    ("/100%", ("100%",), "bad_escape"),
    ("/%zz", ("%zz",), "bad_escape"),
    ("/%2", ("%2",), "bad_escape"),
    ("/%u002f", ("%u002f",), "bad_escape"),  # IIS
    ("/%%32f", ("%2f",), "bad_escape"),
    ("/a%252Fb", ("a%2Fb",), "twice_encoded"),
    ("/%252e%252e/b", ("%2e%2e", "b"), "twice_encoded"),
    ("/%2561dmin", ("%61dmin",), "twice_encoded"),
    ("/%25%32%66", ("%2f",), "twice_encoded"),
    ("/%25%362", ("%62",), "twice_encoded"),
    ("/a%25252f", ("a%252f",), "twice_encoded"),
    ("/%c0%af", ("\udcc0\udcaf",), "overlong"),
    ("/%C0%AE%c0%ae/", ("\udcc0\udcae\udcc0\udcae", ""), "overlong"),
    ("/%e0%80%af", ("\udce0\udc80\udcaf",), "overlong"),
    ("/%f0%80%80%af", ("\udcf0\udc80\udc80\udcaf",), "overlong"),
    ("/\xc0\xaf", ("\udcc0\udcaf",), "overlong"),
]


@pytest.mark.parametrize(("raw", "segments"), PLAIN)
def test_a_plain_path_has_one_reading(raw, segments):
    path = canonical(raw)
    assert (path.segments, path.ambiguous) == (segments, "")


@pytest.mark.parametrize(("raw", "segments", "reason"), DOUBTFUL)
def test_a_doubtful_path_says_why(raw, segments, reason):
    path = canonical(raw)
    assert (path.segments, path.ambiguous) == (segments, reason)
    assert segments in (readings(raw) or {segments})


@pytest.mark.parametrize(("raw", "segments", "reason"), DOUBTFUL)
@pytest.mark.parametrize("stage", ["legacy", "shadow", "modern"])
def test_a_doubtful_path_goes_to_legacy_until_a_route_it_could_mean_is_past_shadow(raw, segments, reason, stage):
    rule = config(f"routes: [{{name: all, match: {{path: '/{{rest...}}'}}, stage: {stage}}}]")
    expected = Refuse(400, f"ambiguous_path_{reason}") if stage == "modern" else None
    decision = Table(rule).decide(request(f"GET {raw}") if "?" not in raw and "#" not in raw else _request(raw), 0.0)
    if expected:
        assert decision == expected
    else:
        assert isinstance(decision, Forward)
        assert (decision.upstream, decision.copies_to, decision.route) == ("legacy", "", None)


def _request(raw: str):
    asked = request("GET /")
    asked.path = raw
    return asked


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("/x%2fy", "/x/y"),
        ("/x%5Cy", "/x/y"),
        ("/x\\y", "/x/y"),
        ("/x//y", "/x/y"),
        ("//x/y", "/x/y"),
        ("/z/../x/y", "/x/y"),
        ("/z/..;/x/y", "/x/y"),
        ("/z/%2e%2e/x/y", "/x/y"),
        ("/z/..%2fx/y", "/x/y"),
        ("/z%2f..%2fx/y", "/x/y"),
        ("/z/%252e%252e/x/y", "/x/y"),
        ("/z%252f..%252fx%252fy", "/x/y"),
        ("/%2578/y", "/x/y"),
        ("/%25%37%38/y", "/x/y"),
        ("/x;v=1/y;w=2", "/x/y"),
        ("/x%3bv/y", "/x/y"),
        ("/x/y%00.html", "/x/y"),
        ("/x/y#top", "/x/y"),
        ("/%u0078/y", "/x/y"),
        ("/x%u002fy", "/x/y"),
        ("/x%c0%afy", "/x/y"),
        ("/z/%c0%ae%c0%ae/x/y", "/x/y"),
        ("/z/%e0%80%ae%c0%ae%f0%80%80%afx/y", "/x/y"),
        ("/;/x/y", "/x/y"),
        ("/a;b%00c", "/a;b"),  # one habit without the other
        ("/a%2fb;c", "/a/b;c"),
    ],
)
def test_every_route_that_a_doubtful_path_could_mean_counts(raw, meant):
    """The route stands at modern; legacy must not answer in its place, however legacy reads the path."""
    literal = "".join(f"/{{p{index}:{re.escape(piece)}}}" for index, piece in enumerate(meant[1:].split("/")))
    table = Table(config(f"routes: [{{name: r, match: {{path: '{literal}'}}, stage: modern}}]"))
    assert isinstance(table.decide(_request(raw), 0.0), Refuse)
    assert isinstance(table.decide(_request("/else/;where"), 0.0), Forward)


def test_two_legacies_are_not_guessed_between():
    table = Table(config("routes: [{name: r, match: {path: /x/y}, legacy: other}]"))
    assert table.decide(_request("/x//y"), 0.0) == Refuse(400, "ambiguous_path_empty_segment")
    assert table.decide(_request("/z//y"), 0.0).upstream == "legacy"


@pytest.mark.parametrize("raw", ["/x/" + "a;b/" * LONGEST_READ, "/%2f;\\%5c//%252e%2e%u002e%00#%3b/.."])
def test_what_is_too_much_to_work_out_could_mean_any_route(raw):
    assert readings(raw) is None
    quiet, moved = (
        Table(config(f"routes: [{{name: r, match: {{path: /q}}, stage: {stage}}}]")) for stage in ("shadow", "modern")
    )
    assert quiet.decide(_request(raw), 0.0) == quiet.unmatched
    assert isinstance(moved.decide(_request(raw), 0.0), Refuse)


@pytest.mark.parametrize("piece", ["%2f", ";%5c//..", "%252e/", "\\..", "%u002e%c0%af", "%00;#"])
def test_reading_stays_cheap_whatever_is_sent(piece):
    """Half a second for what takes a few milliseconds: only something quadratic gets there."""
    started = time.process_time()
    for length in (10, LONGEST_READ, 32_000):
        canonical(("/" + piece * length)[:length])
        readings(("/" + piece * length)[:length])
    assert time.process_time() - started < 0.5


# Servers, each as its own author would write it: from the raw path to the segments that it serves.


def decode(raw: str) -> str:
    return unquote_to_bytes(raw.encode("latin-1")).decode("utf-8", "surrogateescape")


def remove_dots(path: str) -> str:
    """RFC 3986 section 5.2.4, on the text, as the RFC writes it."""
    out, rest = "", path
    while rest:
        if rest.startswith("/./") or rest == "/.":
            rest = "/" + rest[3:]
        elif rest.startswith("/../") or rest == "/..":
            rest, out = "/" + rest[4:], out.rpartition("/")[0]
        else:
            end = rest.find("/", 1)
            end = len(rest) if end < 0 else end
            out, rest = out + rest[:end], rest[end:]
    return out


def pieces(path: str) -> tuple[str, ...]:
    return tuple(path[1:].split("/"))


def splits_then_decodes(raw: str) -> tuple[str, ...]:
    return tuple(decode(piece) for piece in raw[1:].split("/"))


def wsgi_decodes_then_splits(raw: str) -> tuple[str, ...]:
    return pieces(decode(raw))


def nginx_decodes_merges_and_resolves(raw: str) -> tuple[str, ...]:
    return pieces(remove_dots(re.sub("/+", "/", decode(raw))))


def resolves_then_decodes(raw: str) -> tuple[str, ...]:
    return tuple(decode(piece) for piece in pieces(remove_dots(raw)))


def tomcat_cuts_parameters(raw: str) -> tuple[str, ...]:
    path = decode(re.sub(";[^/]*", "", raw)).replace("\\", "/")
    return pieces(remove_dots(re.sub("/+", "/", path)))


def cuts_parameters_late(raw: str) -> tuple[str, ...]:
    return pieces(re.sub(";[^/]*", "", decode(raw)))


def iis_turns_backslashes(raw: str) -> tuple[str, ...]:
    return pieces(remove_dots(re.sub("/+", "/", decode(raw).replace("\\", "/"))))


def decodes_twice(raw: str) -> tuple[str, ...]:
    return pieces(remove_dots(decode(unquote_to_bytes(raw.encode("latin-1")).decode("latin-1"))))


def splits_then_decodes_twice(raw: str) -> tuple[str, ...]:
    return tuple(decode(unquote_to_bytes(piece.encode("latin-1")).decode("latin-1")) for piece in raw[1:].split("/"))


def ends_at_nul(raw: str) -> tuple[str, ...]:
    return pieces(decode(raw).partition("\x00")[0])


def cuts_the_fragment(raw: str) -> tuple[str, ...]:
    return splits_then_decodes(raw.partition("#")[0])


def decodes_overlong(raw: str) -> tuple[str, ...]:
    """A UTF-8 decoder without the check that so many bytes were needed (IIS in 2000); it then resolves dots."""
    data, read, index = unquote_to_bytes(raw.encode("latin-1")), b"", 0
    while index < len(data):
        length = next((size for mask, lead, size in LEADS if data[index] & mask == lead), 1)
        code, tail = data[index] & (0x7F >> length), data[index + 1 : index + length]
        for byte in tail:
            code = code << 6 | byte & 0x3F
        overlong = len(tail) == length - 1 > 0 and all(byte & 0xC0 == 0x80 for byte in tail) and code < 0x80
        read += bytes([code]) if overlong else data[index : index + 1]
        index += length if overlong else 1
    return pieces(remove_dots(read.decode("utf-8", "surrogateescape")))


LEADS = [(0xE0, 0xC0, 2), (0xF0, 0xE0, 3), (0xF8, 0xF0, 4)]

SERVERS: list[Callable[[str], tuple[str, ...]]] = [
    splits_then_decodes,
    wsgi_decodes_then_splits,
    nginx_decodes_merges_and_resolves,
    resolves_then_decodes,
    tomcat_cuts_parameters,
    cuts_parameters_late,
    iis_turns_backslashes,
    decodes_twice,
    splits_then_decodes_twice,
    ends_at_nul,
    cuts_the_fragment,
    decodes_overlong,
]

PIECE = st.sampled_from(
    [
        *("a", "b", "A", "0", "~", ".", "..", "/", "//", "\\", ";", ";x=1", "#", "%", "é", "+", "=", "@", "25", "2f", "61"),
        *("%2f", "%2F", "%5c", "%2e", "%2E", "%25", "%252f", "%252e", "%25%32", "%00", "%3b", "%3B", "%20", "%3f", "%61", "%41"),
        *("%7e", "%c3%a9", "%c0%af", "%c0%ae", "%c1%81", "%c0", "%af", "%e0%80%af", "%u002f", "%zz"),
    ]
)
PATHS = st.lists(PIECE, max_size=9).map(lambda found: "/" + "".join(found).encode("utf-8").decode("latin-1"))


@settings(max_examples=1500, deadline=None)
@given(PATHS)
def test_servers_agree_about_every_path_that_is_not_marked(raw):
    path = canonical(raw)
    if path.ambiguous:
        return
    for server in SERVERS:
        assert server(raw) == path.segments, server.__name__


@settings(max_examples=1500, deadline=None)
@given(PATHS)
def test_the_readings_of_a_marked_path_hold_what_every_server_reads(raw):
    found = readings(raw)
    if not canonical(raw).ambiguous or found is None:
        return
    for server in SERVERS:
        assert server(raw) in found, server.__name__


@settings(max_examples=1000, deadline=None)
@given(PATHS | st.binary(max_size=12).map(lambda data: "/" + data.decode("latin-1")))
def test_the_quick_look_lets_nothing_through_that_the_table_names(raw):
    named = any(pattern.search(raw) for _, pattern in AMBIGUOUS)
    assert bool(canonical(raw).ambiguous) == named
    assert canonical(raw).segments == splits_then_decodes(raw)


def test_the_generated_paths_are_of_both_kinds():
    """Otherwise the properties above hold for nothing."""
    assert {canonical(raw).ambiguous for raw, *_ in PLAIN} == {""}
    assert {reason for _, _, reason in DOUBTFUL} == {reason for reason, _ in AMBIGUOUS}
    assert target.MOST_READINGS >= 32
