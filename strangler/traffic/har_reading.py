"""From one entry of a HAR, as a browser or a proxy wrote it, to an exchange (HAR 1.2, section "entries").

Those who write HAR show texts as people read them: without content coding, in Unicode. The exchange is what a server could have
sent instead, so headers that say otherwise are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from strangler.traffic.entry import Entry, Headers, Message
from strangler.traffic.har_bodies import content_body, length_of, posted_body
from strangler.traffic.recording import BadEntryError

OURS = "_strangler"
"""Member of an entry that holds what HAR has no place for."""

CODED = "_coded"
"""Member of a content whose text still has its content coding."""

NO_HOST = "unknown.invalid"
"""Host of a request whose host is not known (RFC 2606 section 2)."""

_URL = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.I | re.S)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.A)
_METHOD = re.compile(r"[A-Za-z][A-Za-z-]{0,30}", re.A)
_MAGIC = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")  # what gzip and zstd begin with
_UNSENDABLE = re.compile(r"[^\x21-\x7e]+")  # in a target


def entry_of(item: Any) -> Entry:
    """The exchange of an entry. Raises BadEntryError."""
    if not isinstance(item, dict):
        raise BadEntryError("not an object")
    asked, got = _member(item, "request"), _member(item, "response")
    if item.get("_fromCache"):
        raise BadEntryError("answered by the browser's cache: no server was asked")
    scheme, host, target = _place(asked.get("url"))
    request_headers = _headers(asked, "request")
    status = _status(got.get("status"))
    ours = _members(item, OURS)
    method = _method(asked.get("method"))
    return Entry(
        method,
        target,
        host or next((value for name, value in request_headers if name.lower() in ("host", ":authority")), ""),
        scheme,
        _moment(item.get("startedDateTime")),
        _duration(item, ours),
        _request(asked, _sent(request_headers)),
        status,
        Message() if status is None else _response(got, method, status),
        "" if status else _word(ours.get("failure") or got.get("_error") or "no_answer"),
        *(_word(ours.get(name)) for name in ("side", "route", "client")),
    )


def _member(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    if not isinstance(value, dict):
        raise BadEntryError(f"no {name}")
    return value


def _members(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = item.get(name)
    return value if isinstance(value, dict) else {}


def _place(url: Any) -> tuple[str, str, str]:
    """Scheme, host and target of a URL; a user and a password in it are left out."""
    if not isinstance(url, str) or not url:
        raise BadEntryError("no url")
    found = _URL.fullmatch(url)
    if not found:
        raise BadEntryError(f"not a request over HTTP: {_shown(url.partition(':')[0])}:")
    host = found[2].rpartition("@")[2]
    if not host or not host.isascii() or re.search(r"[\x00-\x20\x7f]", host):
        raise BadEntryError("its url has no host that makes sense")
    target = _UNSENDABLE.sub(lambda text: quote(text[0], errors="replace"), (found[3] or "/") + (found[4] or ""))
    return found[1].lower(), "" if host == NO_HOST else host.lower(), target


def _method(value: Any) -> str:
    if not isinstance(value, str) or not _METHOD.fullmatch(value):
        raise BadEntryError("no method")
    if value.upper() == "CONNECT":
        raise BadEntryError("a CONNECT, which asks nothing of an application")
    return value.upper()


def _headers(message: Mapping[str, Any], which: str) -> Headers:
    """Names and values, those of HTTP/2 that are none included. Browsers join several Set-Cookie with line ends."""
    listed = message.get("headers")
    if listed is None:
        return ()
    if not isinstance(listed, list):
        raise BadEntryError(f"headers of its {which} are not a list")
    return tuple((name, part) for one in listed for name, value in [_header(one, which)] for part in value.split("\n"))


def _header(one: Any, which: str) -> tuple[str, str]:
    name, value = (one.get("name"), one.get("value")) if isinstance(one, dict) else (None, None)
    if not isinstance(name, str) or not isinstance(value, str) or not _TOKEN.fullmatch(name.removeprefix(":")):
        raise BadEntryError(f"a header of its {which} is none")
    if "\r" in value or "\0" in value:
        raise BadEntryError(f"header {_shown(name)} of its {which} has characters that no header can have")
    return name, value


def _sent(headers: Headers, *without: str) -> Headers:
    return tuple((name, value) for name, value in headers if not name.startswith(":") and name.lower() not in without)


def _status(value: Any) -> int | None:
    if value in (0, -1, None) or value == "":
        return None
    if not isinstance(value, int | float) or not 100 <= value <= 599 or value != int(value):
        raise BadEntryError("its status is none")
    return int(value)


def _moment(value: Any) -> float:
    """Seconds since 1970; 0 for what is no date."""
    try:
        at = datetime.fromisoformat(value)
        return max((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _duration(item: Mapping[str, Any], ours: Mapping[str, Any]) -> float | None:
    """Without the time that a browser let it wait in a queue, if that is told."""
    if ours:
        return _number(ours.get("duration"))
    timings = _members(item, "timings")
    parts = [_number(timings.get(name)) for name in ("send", "wait", "receive")]
    whole = sum(part for part in parts if part) if None not in parts else _number(item.get("time"))
    return None if whole is None else whole / 1000


def _number(value: Any) -> float | None:
    """A number that is not negative, which stands for unknown."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        return None
    return float(value)


def _size(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _request(asked: Mapping[str, Any], headers: Headers) -> Message:
    told = length_of(headers)
    size = told if told is not None else _size(asked.get("bodySize"))
    posted = asked.get("postData")
    body = posted_body(posted, headers) if isinstance(posted, dict) else None
    if body is None:
        return Message(headers, b"", 0) if not size and not isinstance(posted, dict) else Message(headers, None, size)
    if told is not None and told != len(body):  # shown as text, which it was not, or only in part
        return Message(headers, None, told)
    return Message(headers, body, len(body))


def _response(got: Mapping[str, Any], method: str, status: int) -> Message:
    listed = _sent(_headers(got, "response"))
    content = _members(got, "content")
    sent = _size(got.get("bodySize"))
    body = b"" if method == "HEAD" or status in (204, 304) or status < 200 else content_body(content, listed)
    if body is None:
        return Message(listed, None, sent if sent is not None else length_of(listed))
    coded = any(name.lower() == "content-encoding" for name, _ in listed)
    if not coded or not body or content.get(CODED) or body.startswith(_MAGIC):
        return Message(listed, body, len(body))
    length = () if length_of(listed) == len(body) else ("content-length",)
    return Message(_sent(listed, "content-encoding", *length), body, sent or length_of(listed) or len(body))


def _word(value: Any) -> str:
    return _shown(value, 200) if isinstance(value, str) else ""


def _shown(text: str, most: int = 40) -> str:
    """A text of a file as it may be said to people: nothing that moves a cursor."""
    return "".join(each if each.isprintable() else "?" for each in text[:most])
