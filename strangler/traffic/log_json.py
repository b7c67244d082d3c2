"""Lines of JSON access logs. The servers write the same facts under other names; the first name that is there counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from strangler.traffic.entry import Entry, Message
from strangler.traffic.log_client import token

Line = Mapping[str, Any]

# Dotted names are members of members, as Caddy has them.
_METHOD = ("method", "request.method", "request_method", "RequestMethod", ":method", "http_method", "http.request.method")
_TARGET = (
    "path",
    "request.uri",
    "request_uri",
    "RequestPath",
    ":path",
    "x-envoy-original-path",
    "uri",
    "url.original",
    "url.path",
    "url",
)
_HOST = ("request.host", "http_host", "host", "RequestHost", "authority", ":authority", "server_name", "vhost", "url.domain")
_SCHEME = ("scheme", "request.scheme", "RequestScheme")
_STATUS = ("status", "DownstreamStatus", "response_code", "status_code", "http.response.status_code")
_SENT = ("bytes_out", "size", "DownstreamContentSize", "bytes_sent", "body_bytes_sent",
         "http.response.body.bytes")  # fmt: skip
_RECEIVED = ("bytes_in", "bytes_read", "RequestContentSize", "bytes_received", "request_length")
_CLIENT = ("client", "request.client_ip", "request.remote_ip", "ClientHost", "ClientAddr", "remote_addr", "client_ip",
           "downstream_remote_address", "remote_host", "request.remote_addr", "client.ip", "source.address")  # fmt: skip
_WHEN = ("time", "ts", "StartUTC", "start_time", "time_iso8601", "@timestamp", "timestamp", "msec", "time_local")
_TYPE = ("resp_headers.Content-Type", "content_type", "sent_http_content_type")
_DURATIONS = (  # name, and how many of it are a second
    ("seconds", 1.0),
    ("request_time", 1.0),
    ("Duration", 1e9),
    ("duration_ms", 1e3),
    ("request_time_ms", 1e3),
    ("event.duration", 1e9),
)
_SIDES = ("legacy", "modern")


def from_json(text: str) -> Entry | bool:
    """The entry; True if it is a line without a request, False if it is none."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(line, dict):
        return False
    method, target, host = _request(line)
    if not target.startswith("/") or not method.isascii() or not method.replace("-", "").isalpha():
        return _first(line, _STATUS) is not None or "request" in line
    status = _number(_first(line, _STATUS))
    side = line.get("served_by")
    kind = _first(line, _TYPE)
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return Entry(
        method.upper(),
        target,
        host=_text(_first(line, _HOST)).lower() or host,
        scheme="https" if _first(line, _SCHEME) == "https" else "http",
        at=_moment(_first(line, _WHEN)),
        duration=_duration(line),
        request=Message(size=_size(_first(line, _RECEIVED))),
        status=int(status) if status and 100 <= status <= 599 else None,
        response=Message((("content-type", kind),) if isinstance(kind, str) and kind else (), size=_size(_first(line, _SENT))),
        failure=_text(line.get("reason")) if not status else "",
        side=side if side in _SIDES else "",
        route=_text(line.get("route")),
        client=token(_text(_first(line, _CLIENT))),
    )


def _request(line: Line) -> tuple[str, str, str]:
    """Method, target and host; of nginx's ``request``, which is the whole first line, if nothing else says them."""
    from strangler.traffic.log import asked, request_line

    method, target = _text(_first(line, _METHOD)), _text(_first(line, _TARGET))
    found = asked(method, target) if method and target else None
    if found is None and isinstance(line.get("request"), str):
        found = request_line(line["request"])
    query = _text(line.get("query") or line.get("args")).lstrip("?")
    if found and query and query != "-" and "?" not in found[1]:
        return found[0], f"{found[1]}?{query}", found[2]
    return found or ("", "", "")


def _first(line: Line, names: tuple[str, ...]) -> Any:
    for name in names:
        value: Any = line.get(name)
        if value is None and "." in name:
            value = line
            for part in name.split("."):
                value = value.get(part) if isinstance(value, dict) else None
        if value not in (None, "", "-"):
            return value
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e18 else None  # neither infinite nor nan


def _size(value: Any) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 else None


def _duration(line: Line) -> float | None:
    """Seconds. `duration` alone is in milliseconds where Envoy's names stand beside it, else in seconds, as Caddy has it."""
    named = (*_DURATIONS, ("duration", 1e3 if "response_code" in line or "start_time" in line else 1.0))
    for name, per_second in named:
        number = _number(_first(line, (name,)))
        if number is not None and number >= 0:
            return number / per_second
    return None


def _moment(value: Any) -> float:
    """Seconds since 1970; 0 if nobody can tell. Milliseconds and more are known by their size."""
    number = _number(value)
    if number is not None:
        while number > 1e11:
            number /= 1000
        return max(number, 0.0)
    for read in _READERS:
        try:
            return read(_text(value)).timestamp()
        except (ValueError, OverflowError, OSError):
            continue
    return 0.0


_READERS: tuple[Callable[[str], datetime], ...] = (
    datetime.fromisoformat,
    lambda text: datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z"),
)
