"""What becomes of a header, by its name alone. Nothing here looks at values or knows of connections.

A name is looked up as it was spelled; only the first time is it lowered and classified. The memory of spellings is
bounded, so that a client who invents names costs time, not space.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum

MAX_SPELLINGS = 4096
MAX_REMEMBERED = 64  # bytes of a name

# Fields that identify, frame or authorise the message: a Connection header that names them is an attempt to have the
# proxy remove what the next server needs to see (RFC 9110 section 7.6.1 forbids it to the sender).
END_TO_END = frozenset(
    b"""accept accept-encoding accept-language accept-ranges age allow authorization cache-control content-encoding
    content-disposition content-language content-length content-location content-range content-security-policy content-type
    cookie date etag expect expires forwarded from host if-match if-modified-since if-none-match if-range
    if-unmodified-since last-modified location origin range referer retry-after server set-cookie
    strict-transport-security traceparent tracestate trailer transfer-encoding user-agent vary via www-authenticate
    x-frame-options x-request-id""".split()
)
END_TO_END_PREFIXES = (b"x-forwarded-", b"access-control-", b"sec-")


_ODD = re.compile(rb"[^a-z0-9]")


class Action(IntEnum):
    """What to do with a header. KEEP is 0, so that the common case is one truth test."""

    KEEP = 0
    DROP = 1
    HOST = 2
    LENGTH = 3
    CODING = 4
    CONNECTION = 5
    TE = 6
    UPGRADE = 7
    EXPECT = 8
    TRAILER = 9
    CLAIM = 10  # says where a request came from: believed only from a trusted proxy
    REQUEST_ID = 11
    OVERRIDE = 12  # would change what modern serves after we routed
    LOCATION = 13
    COOKIE = 14
    PROXY_CONNECTION = 15
    ONCE = 16  # is about this one request alone: a shadow request says otherwise, or nothing


# Consumed by one hop (RFC 9110 section 7.6.1); HTTP2-Settings belongs to h2c, which is never passed on.
_HOP: dict[bytes, Action] = {
    b"connection": Action.CONNECTION,
    b"content-length": Action.LENGTH,
    b"keep-alive": Action.DROP,
    b"proxy-authenticate": Action.DROP,
    b"proxy-authorization": Action.DROP,
    b"proxy-connection": Action.PROXY_CONNECTION,
    b"trailer": Action.TRAILER,
    b"transfer-encoding": Action.CODING,
    b"upgrade": Action.UPGRADE,
}
# Conditions and ranges hold for what this client has (RFC 9110 sections 13.1 and 14.2), idempotency keys for what is done
# once, trace contexts for the client's own trace: those of W3C, Zipkin, Jaeger, Google, Amazon, Datadog, Sentry, SkyWalking.
ONCE = frozenset(
    b"""if-match if-none-match if-modified-since if-unmodified-since if-range range
    idempotency-key x-idempotency-key idempotency-token x-idempotency-token
    traceparent tracestate b3 x-b3-traceid x-b3-spanid x-b3-parentspanid x-b3-sampled x-b3-flags uber-trace-id
    x-cloud-trace-context x-amzn-trace-id x-datadog-trace-id x-datadog-parent-id x-datadog-tags sentry-trace sw8""".split()
)
_REQUEST: dict[bytes, Action] = {
    **_HOP,
    **dict.fromkeys(ONCE, Action.ONCE),
    b"host": Action.HOST,
    b"te": Action.TE,
    b"expect": Action.EXPECT,
    b"http2-settings": Action.DROP,
    b"forwarded": Action.CLAIM,
    b"x-real-ip": Action.CLAIM,
    b"via": Action.KEEP,
    b"x-request-id": Action.REQUEST_ID,
    b"x-http-method-override": Action.OVERRIDE,
    b"x-http-method": Action.OVERRIDE,
    b"x-method-override": Action.OVERRIDE,
    b"x-original-url": Action.OVERRIDE,
    b"x-rewrite-url": Action.OVERRIDE,
}
_RESPONSE: dict[bytes, Action] = {**_HOP, b"location": Action.LOCATION, b"set-cookie": Action.COOKIE}


class Names(dict[bytes, Action]):
    """Actions by header name as spelled; fills itself."""

    def __init__(self, classify: Callable[[bytes], Action]) -> None:
        super().__init__()
        self._classify = classify

    def __missing__(self, name: bytes) -> Action:
        action = self._classify(name.lower())
        if len(name) <= MAX_REMEMBERED:
            if len(self) >= MAX_SPELLINGS:
                self.clear()
            self[name] = action
        return action


def classify_request(name: bytes) -> Action:
    """The action for a request header, by its lower-case name.

    CGI and its children (WSGI, PHP, Rack) read ``X_Forwarded_For`` and ``X-Forwarded-For`` as one name, so an underscored
    spelling of anything the proxy sets, believes or consumes is dropped.
    """
    dashed = name.replace(b"_", b"-")
    if plain_name(name).startswith(b"x-strangler-"):
        return Action.DROP
    action = _REQUEST.get(dashed)
    if action is None:
        action = Action.CLAIM if dashed.startswith(b"x-forwarded-") else None
    if action is None:
        return Action.KEEP
    return action if dashed == name or action in (Action.OVERRIDE, Action.ONCE) else Action.DROP


def classify_response(name: bytes) -> Action:
    """The action for a response header, by its lower-case name."""
    return _RESPONSE.get(name, Action.KEEP)


def plain_name(name: bytes) -> bytes:
    """A name without what servers see in its spelling: some take every character that is no letter or digit for a dash."""
    return _ODD.sub(b"-", name.lower())


def removable(name: bytes) -> bool:
    """Whether a Connection header may remove the header `name` (lower case)."""
    return name not in END_TO_END and not name.startswith(END_TO_END_PREFIXES)


def allowed_in_trailer(name: bytes, actions: Names) -> bool:
    """Whether a field may travel after the body: one that frames, routes or is set by us may not (RFC 9110 section 6.5.1)."""
    lower = name.lower()
    return lower == b"etag" or (actions[name] in (Action.KEEP, Action.ONCE) and lower not in END_TO_END)


REQUEST_NAMES = Names(classify_request)
RESPONSE_NAMES = Names(classify_response)
