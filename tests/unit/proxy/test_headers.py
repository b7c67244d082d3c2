"""What becomes of a header, by its name."""

from __future__ import annotations

import pytest

from strangler.proxy.headers import (
    MAX_SPELLINGS,
    REQUEST_NAMES,
    RESPONSE_NAMES,
    Action,
    Names,
    allowed_in_trailer,
    classify_request,
    removable,
)


@pytest.mark.parametrize(
    ("names", "action"),
    [
        ("accept cookie Cookie x-mine user-agent via x_mine sec-websocket-key authorization", Action.KEEP),
        ("keep-alive Keep-Alive proxy-authorization http2-settings x-strangler-shadow", Action.DROP),
        (["X_Forwarded_For", "x_forwarded-proto", "FORWARDED-x"][:2], Action.DROP),
        (["x_request_id", "content_length", "transfer_encoding", "X_Strangler_Y", "te_"][:4], Action.DROP),
        ("x-forwarded-for X-Forwarded-Anything forwarded x-real-ip", Action.CLAIM),
        ("x-http-method-override X_HTTP_Method_Override x-original-url x-rewrite-url x-method-override", Action.OVERRIDE),
        ("If-None-Match if_none_match Range traceparent idempotency-key X_Idempotency_Key b3", Action.ONCE),
        ("X-Strangler-Shadow X_Strangler_Shadow X.Strangler.Shadow x-strangler~shadow", Action.DROP),
        ("host HOST", Action.HOST),
        ("x-request-id", Action.REQUEST_ID),
        ("transfer-encoding", Action.CODING),
        ("te", Action.TE),
    ],
)
def test_requests(names: str | list[str], action: Action) -> None:
    for name in names.split() if isinstance(names, str) else names:
        assert REQUEST_NAMES[name.encode()] is action, name


def test_responses_keep_what_requests_would_lose() -> None:
    for name in (b"Via", b"X-Request-Id", b"X-Forwarded-For", b"X_Mine", b"Server", b"Date"):
        assert RESPONSE_NAMES[name] is Action.KEEP
    assert RESPONSE_NAMES[b"Location"] is Action.LOCATION
    assert RESPONSE_NAMES[b"set-COOKIE"] is Action.COOKIE
    assert RESPONSE_NAMES[b"Proxy-Authenticate"] is Action.DROP


def test_the_memory_of_spellings_is_bounded() -> None:
    names = Names(classify_request)
    for number in range(3 * MAX_SPELLINGS):
        assert names[b"x-%d" % number] is Action.KEEP
    assert len(names) <= MAX_SPELLINGS


@pytest.mark.parametrize(
    "name", ["host", "content-length", "x-forwarded-for", "via", "cookie", "authorization", "sec-websocket-key"]
)
def test_connection_cannot_remove(name: str) -> None:
    assert not removable(name.encode())


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        *[(name, True) for name in ("X-Sum", "ETag", "Grpc-Status")],
        *[(name, False) for name in ("Content-Length", "Host", "Set-Cookie", "X-Forwarded-For", "Connection", "X_Request_Id")],
    ],
)
def test_trailers(name: str, allowed: bool) -> None:
    assert allowed_in_trailer(name.encode(), REQUEST_NAMES) is allowed
