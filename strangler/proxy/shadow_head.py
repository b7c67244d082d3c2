"""What a shadow request says otherwise than the request that it copies, and which requests are not copied. By headers alone:
no connections, no chance of its own.

A copy says that it is one. It does not repeat what may hold only once (idempotency keys, signatures), does not pass for a
part of the client's own trace, and asks for the whole answer whatever this client has cached.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from strangler.proxy.headers import plain_name
from strangler.proxy.heads import Header, RequestHead

MARKER = b"X-Strangler-Shadow: 1"
MARKED_END = MARKER + b"\r\n\r\n"
SUFFIX = b"-shadow"  # of an idempotency key

Draw = Callable[[int], int]  # so many random bits


# They hold for what this client has (RFC 9110 sections 13.1 and 14.2).
CONDITIONS = frozenset({b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range", b"range"})
_SIGNATURE = re.compile(rb"(?:^|-)(?:signature|hmac|hmacsha256|sig)(?:-|$)")
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*(?=")')
# Version, trace id, parent id, flags; versions to come may say more (W3C Trace Context, section 3.2).
_TRACEPARENT = re.compile(rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def signed(headers: Iterable[Header]) -> bool:
    """Whether a request carries a signature, by whichever of their many names: a copy of a signed callback is a replay, and
    the system that sees it first makes the other one say "already processed".

    RFC 9421 has Signature and Signature-Input; of the others GitHub's, Stripe's, Slack's, Twilio's, Shopify's, LINE's,
    PayPal's and Standard Webhooks' are known to match.
    """
    return any(_SIGNATURE.search(plain_name(name)) for name, _ in headers)


def conditional(headers: Iterable[Header]) -> bool:
    """Whether a request sets conditions, or asks for a part only."""
    return any(plain_name(name) in CONDITIONS for name, _ in headers)


def otherwise(head: RequestHead, draw: Draw) -> tuple[list[int], list[bytes]]:
    """Where the lines of a head stand that the copy does not get, and the lines that it gets besides."""
    places = [*head.once_at, *head.expects_at]  # nothing of a copy's body has to wait
    ours = [MARKER]
    traces = []
    for at in head.once_at:
        name, _, value = head.lines[at].partition(b": ")
        plain = plain_name(name)
        if plain == b"traceparent":
            traces.append(value.strip(b" \t"))
        elif b"idempotency" in plain:
            ours.append(name + b": " + suffixed(value.strip(b" \t")))
    if len(traces) == 1:  # several are none (W3C Trace Context, section 4.3)
        ours += linked(traces[0], draw)
    return places, ours


def suffixed(key: bytes) -> bytes:
    """An idempotency key for the copy; inside the quotes of a structured string (RFC 8941 section 3.3.3)."""
    quoted = _QUOTED.match(key)
    return key[: quoted.end()] + SUFFIX + key[quoted.end() :] if quoted else key + SUFFIX


def linked(traceparent: bytes, draw: Draw) -> list[bytes]:
    """A new trace that says which one it was copied from, as sampled as that; no lines if that is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or (found[1] == b"00" and found[5]):
        return []
    trace, span = draw(128) or 1, draw(64) or 1
    return [
        b"traceparent: 00-%032x-%016x-%b" % (trace, span, found[4]),
        b"tracestate: strangler=%b-%b" % (found[2], found[3]),
    ]
