"""From one flow, as mitmproxy has saved it since release 5, to an exchange."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.traffic.entry import Entry, Message
from strangler.traffic.log_client import token
from strangler.traffic.netstrings import TooLarge
from strangler.traffic.recording import BadEntryError

OURS = "strangler"
"""Member of a flow's metadata that holds what mitmproxy has no place for."""

PORTS = {"http": 80, "https": 443}


def entry_of(state: Any) -> Entry:
    """The exchange of a flow. Raises BadEntryError."""
    if isinstance(state, TooLarge):
        raise BadEntryError("it is too large")
    if not isinstance(state, dict):
        raise BadEntryError("not a flow")
    kind = _text(state.get("type"))
    if kind != "http" or state.get("websocket"):
        raise BadEntryError("a WebSocket" if kind == "http" else f"not HTTP, but {kind[:20] or 'of no known version'}")
    asked, got = _part(state, "request"), _part(state, "response")
    if asked is None:
        raise BadEntryError("no request")
    method, target = _text(asked.get("method")).upper(), _text(asked.get("path"))
    if not method.isascii() or not method.isalpha() or method == "CONNECT" or not target.startswith("/") or not _is_plain(target):
        raise BadEntryError("its request asks nothing of an application")
    scheme = _text(asked.get("scheme")) or "http"
    begun, ended = _number(asked.get("timestamp_start")), _number((got or {}).get("timestamp_end"))
    request = _message(asked)
    status = _status(got)
    ours = _part(_part(state, "metadata") or {}, OURS) or {}
    return Entry(
        method,
        target,
        _text(asked.get("authority")) or request.first("host") or _address(asked, scheme),
        scheme if scheme in PORTS else "http",
        begun or 0.0,
        max(ended - begun, 0.0) if begun is not None and ended is not None else None,
        request,
        status,
        Message() if got is None or status is None else _message(got),
        "" if status else _text(ours.get("failure")) or "no_answer",
        _text(ours.get("side")),
        _text(ours.get("route")),
        _text(ours.get("client")) if ours else _client(state),
    )


def _part(state: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    value = state.get(name)
    return value if isinstance(value, dict) else None


def _message(part: Mapping[str, Any]) -> Message:
    listed, content = part.get("headers"), part.get("content")
    headers = tuple(map(_header, listed)) if isinstance(listed, list) else ()
    if not isinstance(content, bytes):
        length = next((value for name, value in headers if name.lower() == "content-length"), "")
        return Message(headers, None, int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None)
    return Message(headers, content, len(content))


def _header(pair: Any) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, bytes) for each in pair):
        raise BadEntryError("a header that is none")
    name, value = (each.decode("latin-1") for each in pair)
    if not name or not _is_plain(name) or any(each in value for each in "\r\n\0"):
        raise BadEntryError("a header with characters that no header can have")
    return name, value


def _is_plain(text: str) -> bool:
    return all("\x21" <= each <= "\x7e" for each in text)


def _status(got: Mapping[str, Any] | None) -> int | None:
    if got is None:
        return None
    status = got.get("status_code")
    if type(status) is not int or not 100 <= status <= 599:
        raise BadEntryError("its status is none")
    return status


def _address(asked: Mapping[str, Any], scheme: str) -> str:
    host, port = _text(asked.get("host")), asked.get("port")
    host = f"[{host}]" if ":" in host else host
    return host if not isinstance(port, int) or PORTS.get(scheme) == port else f"{host}:{port}"


def _client(state: Mapping[str, Any]) -> str:
    name = (_part(state, "client_conn") or {}).get("peername")
    address = _text(name[0]) if isinstance(name, list) and name else ""
    return token(address) if address else ""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)
