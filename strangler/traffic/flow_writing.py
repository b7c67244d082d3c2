"""From an exchange to a flow that mitmproxy opens, and that reads back as the same exchange."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from uuid import uuid4

from strangler.traffic.entry import Entry, Headers, Message
from strangler.traffic.flow_reading import OURS, PORTS

VERSION = 20
"""Of the format, as it is written: mitmproxy reads it from release 10.0 on."""


def state_of(entry: Entry) -> dict[str, Any]:
    """A flow as mitmproxy saves it."""
    end = entry.at + (entry.duration or 0.0)
    host, port = _split(entry)
    names = {"side": entry.side, "route": entry.route, "client": entry.client, "failure": entry.failure}
    return {
        "version": VERSION,
        "type": "http",
        "id": str(uuid4()),
        "error": {"msg": entry.failure or "no answer", "timestamp": end} if entry.status is None else None,
        "client_conn": _connection(entry) | {"mitmcert": None, "peername": ("", 0), "sockname": ("", 0), "proxy_mode": "regular"},
        "server_conn": _connection(entry)
        | {"address": (host, port), "peername": None, "sockname": None, "timestamp_tcp_setup": None, "via": None},
        "intercepted": False,
        "is_replay": None,
        "marked": "",
        "metadata": {OURS: names},
        "comment": f"route {entry.route or 'none'}, answered by {entry.side or 'nobody'}",
        "timestamp_created": entry.at,
        "backup": None,
        "request": {
            "host": host,
            "port": port,
            "method": entry.method.encode(),
            "scheme": entry.scheme.encode(),
            "authority": entry.host.encode(),
            "path": entry.target.encode("latin-1", "replace"),
            "timestamp_start": entry.at,
            "timestamp_end": entry.at,
        }
        | _plain(entry.request),
        "response": {
            "status_code": entry.status,
            "reason": _phrase(entry.status),
            "timestamp_start": end,
            "timestamp_end": end,
        }
        | _plain(entry.response)
        if entry.status is not None
        else None,
        "websocket": None,
    }


def _split(entry: Entry) -> tuple[str, int]:
    """Name and port of the host."""
    name, _, port = entry.host.rpartition(":")
    if name and port.isdigit() and len(port) < 6 and not name.endswith(":"):
        return name.strip("[]"), int(port)
    return entry.host.strip("[]"), PORTS.get(entry.scheme, 80)


def _plain(message: Message) -> dict[str, Any]:
    return {"http_version": b"HTTP/1.1", "headers": _lines(message.headers), "content": message.body, "trailers": None}


def _lines(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers]


def _phrase(status: int) -> bytes:
    return HTTPStatus(status).phrase.encode() if status in HTTPStatus._value2member_map_ else b""


def _connection(entry: Entry) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "transport_protocol": "tcp",
        "error": None,
        "tls": entry.scheme == "https",
        "certificate_list": [],
        "alpn": None,
        "alpn_offers": [],
        "cipher": None,
        "cipher_list": [],
        "tls_version": None,
        "sni": None,
        "timestamp_start": entry.at,
        "timestamp_end": None,
        "timestamp_tls_setup": None,
    }
