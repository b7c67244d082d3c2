"""Exchanges as a worker keeps them."""

from __future__ import annotations

from typing import Any

from strangler.proxy.tape import Taped


def taped(**other: Any) -> Taped:
    """An exchange with two small bodies."""
    told: dict[str, Any] = {
        "method": "POST",
        "target": "/orders/7?x=1",
        "host": "shop.example.org",
        "scheme": "http",
        "client": "192.0.2.7",
        "route": "",
        "side": "legacy",
        "at": 1_772_359_200.25,
        "duration": 0.5,
        "status": 200,
        "failure": "",
        "request_headers": ((b"Content-Type", b"application/json"), (b"Content-Length", b"7")),
        "request_body": b'{"a":1}',
        "request_size": 7,
        "response_headers": ((b"Content-Type", b"text/plain"),),
        "response_body": b"done",
        "response_size": 4,
    }
    return Taped(**{**told, **other})
