"""What a shadow request says otherwise, header by header."""

from __future__ import annotations

import re

import pytest

from strangler.proxy.heads import RequestHead
from strangler.proxy.shadow_head import MARKER, conditional, linked, otherwise, signed, suffixed

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def draw(bits: int) -> int:
    """Random bits that are not: all of them ones."""
    return 2**bits - 1


def lines_of_the_copy(*lines: str, draws=draw) -> list[str]:
    """What the copy of a request with these lines has of them and besides; the marker is looked at and left out."""
    headers = [tuple(part.encode("latin-1") for part in line.split(": ", 1)) for line in lines]
    head = RequestHead(headers, False)
    places, ours = otherwise(head, draws)
    assert ours.count(MARKER) == 1
    left = [line for at, line in enumerate(head.lines) if line and at not in places]
    return [line.decode("latin-1") for line in (*left, *ours) if line != MARKER]


@pytest.mark.parametrize(
    "line",
    ["Accept: */*", "Cookie: a=1", "Authorization: Bearer x", "X-Idempotent: no", "Trace: a", "If: x", "A" * 300 + ": long"],
)
def test_the_rest_stays(line):
    assert lines_of_the_copy(line) == [line]


@pytest.mark.parametrize(
    "name",
    ["If-None-Match", "if-modified-since", "If-Match", "If-Unmodified-Since", "If-Range", "RANGE", "Expect", "If_None_Match"],
)
def test_conditions_and_ranges_are_the_clients_own(name):
    assert lines_of_the_copy("Accept: */*", f"{name}: x", "Cookie: a=1") == ["Accept: */*", "Cookie: a=1"]


@pytest.mark.parametrize(
    "name", ["b3", "X-B3-TraceId", "uber-trace-id", "X-Amzn-Trace-Id", "X-Cloud-Trace-Context", "tracestate"]
)
def test_no_part_of_the_clients_trace(name):
    assert lines_of_the_copy(f"{name}: x") == []


@pytest.mark.parametrize("line", ["X-Strangler-Shadow: 1", "x-strangler-shadow: 0", "X_Strangler_Shadow: 1"])
def test_nobody_else_says_that_it_is_a_copy(line):
    assert lines_of_the_copy(line) == []


@pytest.mark.parametrize(
    ("sent", "copied"),
    [
        ("abc", "abc-shadow"),
        ('"8e03978e-40d5"', '"8e03978e-40d5-shadow"'),
        ('"a\\"b"', '"a\\"b-shadow"'),
        ('"abc";v=1', '"abc-shadow";v=1'),
        ('""', '"-shadow"'),
        ('"unfinished', '"unfinished-shadow'),
        ('say "hi"', 'say "hi"-shadow'),
    ],
)
def test_idempotency_keys_get_a_suffix_inside_their_quotes(sent, copied):
    assert suffixed(sent.encode()) == copied.encode()
    assert lines_of_the_copy(f"Idempotency-Key: {sent}") == [f"Idempotency-Key: {copied}"]
    assert lines_of_the_copy(f"x-idempotency-key: {sent}") == [f"x-idempotency-key: {copied}"]


@pytest.mark.parametrize("flags", ["00", "01", "03"])
def test_a_new_trace_is_linked_and_as_sampled_as_the_clients(flags):
    assert lines_of_the_copy(f"traceparent: 00-{TRACE}-{SPAN}-{flags}", "tracestate: vendor=1") == [
        f"traceparent: 00-{'f' * 32}-{'f' * 16}-{flags}",
        f"tracestate: strangler={TRACE}-{SPAN}",
    ]


def test_a_trace_id_is_never_all_zeros():
    [parent, _] = linked(f"00-{TRACE}-{SPAN}-01".encode(), lambda bits: 0)
    assert re.fullmatch(rb"traceparent: 00-0{31}1-0{15}1-01", parent)


@pytest.mark.parametrize(
    "value",
    [
        *("", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE.upper()}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01-more"),
        *(f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01"),
    ],
)
def test_what_is_no_trace_is_not_linked_and_not_sent(value):
    assert lines_of_the_copy(f"traceparent: {value}") == []


def test_two_traces_are_none():
    assert lines_of_the_copy(*[f"traceparent: 00-{TRACE}-{SPAN}-01"] * 2) == []


def test_versions_to_come_may_say_more():
    assert len(lines_of_the_copy(f"traceparent: 01-{TRACE}-{SPAN}-01-more")) == 2


@pytest.mark.parametrize(
    "name",
    [
        *("X-Hub-Signature", "X-Hub-Signature-256", "Stripe-Signature", "X-Slack-Signature", "X-Twilio-Signature"),
        *("x-line-signature", "Webhook-Signature", "svix-signature", "X-Shopify-Hmac-Sha256", "PayPal-Transmission-Sig"),
        *("Signature", "Signature-Input", "X-Square-HmacSha256-Signature", "X-Signature-Ed25519", "X_Hub_Signature"),
    ],
)
def test_signatures_are_known_by_their_names(name):
    assert signed([(b"Accept", b"*/*"), (name.encode(), b"x")])


@pytest.mark.parametrize("name", ["Authorization", "X-Design", "Assignature", "X-Sigma", "Content-Digest"])
def test_what_is_no_signature(name):
    assert not signed([(name.encode(), b"x")])


def test_conditions_are_known_by_their_names():
    assert conditional([(b"Accept", b"*/*"), (b"RANGE", b"bytes=0-1")])
    assert not conditional([(b"Accept", b"*/*"), (b"Accept-Ranges", b"bytes")])
