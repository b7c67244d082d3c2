"""Answers of ours, as bytes: JSON or plain text by Accept, with the reason, the route and the request id.

They never name an address, a header or anything else of the inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

from strangler.proxy.reasons import Reason


def render(
    reason: Reason,
    *,
    request_id: str,
    route: str = "",
    accepts: Iterable[str] = (),
    to_head: bool = False,
    close: bool = False,
    retry_after: int = 0,
) -> bytes:
    """A whole response.

    Args:
        route: name of the route, "" if none was found.
        accepts: values of the request's Accept headers.
        to_head: leave the body out, keep its length (RFC 9110 section 9.3.2).
        close: say that the connection ends with this answer.
        retry_after: seconds after which to come again; 0 says nothing about it.
    """
    as_json = any("json" in value.lower() for value in accepts)
    body = (_json if as_json else _text)(reason, route, request_id)
    kind = "application/json" if as_json else "text/plain; charset=utf-8"
    later = f"Retry-After: {retry_after}\r\n" if retry_after else ""
    head = (
        f"HTTP/1.1 {reason.status} {HTTPStatus(reason.status).phrase}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        f"{later}"
        f"X-Request-Id: {request_id}\r\n"
        f"{'Connection: close' if close else 'Connection: keep-alive'}\r\n\r\n"
    )
    return head.encode("latin-1") + (b"" if to_head else body)


def _json(reason: Reason, route: str, request_id: str) -> bytes:
    values = {
        "status": reason.status,
        "error": reason.label,
        "message": reason.message,
        "route": route or None,
        "request_id": request_id,
    }
    return json.dumps(values).encode() + b"\n"


def _text(reason: Reason, route: str, request_id: str) -> bytes:
    lines = [f"{reason.status} {HTTPStatus(reason.status).phrase}", reason.message, f"reason: {reason.label}"]
    lines += [f"route: {route}"] if route else []
    return "\n".join([*lines, f"request id: {request_id}", ""]).encode()
