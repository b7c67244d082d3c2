"""From an exchange to an entry of a HAR that browsers and other tools open, and that reads back as the same exchange."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from strangler.traffic.entry import Entry, Headers, Message
from strangler.traffic.har_bodies import encoded
from strangler.traffic.har_reading import CODED, NO_HOST, OURS

_PROTOCOL = "HTTP/1.1"


def plain(entry: Entry) -> dict[str, Any]:
    """An entry as JSON has it."""
    milliseconds = (entry.duration or 0.0) * 1000
    return {
        "startedDateTime": datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "time": milliseconds,
        "request": _request(entry),
        "response": _response(entry),
        "cache": {},
        "timings": {"send": 0, "wait": milliseconds, "receive": 0},
        OURS: {
            "duration": entry.duration,
            "failure": entry.failure,
            "side": entry.side,
            "route": entry.route,
            "client": entry.client,
        },
    }


def _request(entry: Entry) -> dict[str, Any]:
    message = entry.request
    told: dict[str, Any] = {
        "method": entry.method,
        "url": f"{entry.scheme}://{entry.host or NO_HOST}{entry.target}",
        "httpVersion": _PROTOCOL,
        "cookies": [],
        "headers": _headers(message.headers),
        "queryString": [{"name": name, "value": value} for name, value in parse_qsl(entry.query, keep_blank_values=True)],
        "headersSize": -1,
        "bodySize": -1 if message.size is None else message.size,
    }
    if message.body:
        text, base64 = _text(message)
        told["postData"] = {"mimeType": message.first("content-type"), "text": text} | ({"_encoding": "base64"} if base64 else {})
    return told


def _response(entry: Entry) -> dict[str, Any]:
    message, status = entry.response, entry.status or 0
    return {
        "status": status,
        "statusText": HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "",
        "httpVersion": _PROTOCOL,
        "cookies": [],
        "headers": _headers(message.headers),
        "content": _content(message),
        "redirectURL": message.first("location"),
        "headersSize": -1,
        "bodySize": -1 if message.size is None else message.size,
    } | ({"_error": entry.failure} if entry.failure else {})


def _headers(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]


def _content(message: Message) -> dict[str, Any]:
    kind = message.first("content-type")
    if message.body is None:
        return {"size": -1, "mimeType": kind, "comment": "the body was not kept"}
    told: dict[str, Any] = {"size": len(message.body), "mimeType": kind}
    if message.body:
        text, base64 = _text(message)
        told |= {"text": text} | ({"encoding": "base64"} if base64 else {})
    return told | ({CODED: True} if message.all("content-encoding") else {})


def _text(message: Message) -> tuple[str, bool]:
    """A body as text, and whether it is base64: what is no text, or would not read back as it was."""
    body = message.body or b""
    if not message.all("content-encoding"):
        text = body.decode("utf-8", "replace")
        if encoded(text, message.first("content-type")) == body:
            return text, False
    return b64encode(body).decode(), True
