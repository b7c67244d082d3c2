"""Access logs as entries: what was asked, how it was answered, how long that took. No headers, no bodies.

Read are the common and combined formats of nginx and Apache (also with the virtual host in front, and with times behind), and
lines of JSON as this proxy, nginx, Caddy, Traefik and Envoy write them. A client's address is not kept: in its place stands a
token that is good for as long as this process lives.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from strangler.traffic.entry import Entry, Message
from strangler.traffic.log_client import token
from strangler.traffic.log_json import from_json

NOT_A_LINE = "not a line of an access log"
NO_REQUEST = "no request in the line"  # a connection that said nothing, or something else than HTTP

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(
    r"(?:(?P<vhost>(?![\d.:]+\s)[\w.*-]+(?::\d+)?)\s+)?(?P<client>\S+) \S+ (?:\"[^\"]*\"|\S+) \[(?P<time>[^\]]+)\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}|-|0) (?P<size>\d+|-)(?P<rest>.*)',
    re.S,
)
_ENVOY = re.compile(  # its default, and Istio's, which says more behind the flags
    r'\[(?P<time>[^\]]+)\] "(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d+) \S+ (?:\S+ \S+ "[^"]*" )?'
    r'(?P<received>\d+) (?P<sent>\d+) (?P<duration>\d+) \S+ "(?P<client>[^"]*)"(?: "[^"]*"){2} "(?P<host>[^"]*)".*'
)
_TIME = re.compile(r"(\d{2}/[A-Z][a-z]{2}/\d{4}:\d{2}:\d{2}):(\d{2})((?: [+-]\d{4})?)")
_REQUEST = re.compile(r"([A-Za-z][A-Za-z-]*) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_ESCAPE = re.compile(r'\\(?:x([0-9A-Fa-f]{2})|(["\\]))')
_PIECE = re.compile(rf"{_QUOTED}|(\S+)")
_NAMED = re.compile(r"(?:rt|request_time|duration|time)[=:](\S+)")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|s)?")
_UNIT = {"ms": 1e-3, "us": 1e-6, "µs": 1e-6, "s": 1.0}
_LEAST_MICROSECONDS = 100  # a bare number below may as well be seconds, or something else


def entries(lines: Iterable[str | bytes], unread: Counter[str] | None = None) -> Iterator[Entry]:
    """What the lines say, one at a time.

    Args:
        unread: gets the number of lines that were no request, by the reason.
    """
    unread = Counter() if unread is None else unread
    for line in lines:
        text = (line.decode("utf-8", "replace") if isinstance(line, bytes) else line).strip("\ufeff \t\r\n")
        if not text:
            continue
        read = from_json if text.startswith("{") else _from_envoy if text.startswith("[") else _from_text
        found = read(text)
        if isinstance(found, Entry):
            yield found
        else:
            unread[NO_REQUEST if found else NOT_A_LINE] += 1


def asked(method: str, target: str) -> tuple[str, str, str] | None:
    """Method, target and host of a request line, if it asks for something that an application could answer."""
    if target.startswith(("http://", "https://")):
        try:
            url = urlsplit(target)
        except ValueError:
            return None
        return method, (url.path or "/") + (f"?{url.query}" if url.query else ""), url.netloc.rpartition("@")[2].lower()
    return (method, target, "") if target.startswith("/") else None


def request_line(text: str) -> tuple[str, str, str] | None:
    """Method, target and host of ``GET /path HTTP/1.1``."""
    found = _REQUEST.fullmatch(text)
    return asked(found[1].upper(), found[2]) if found else None


def _from_text(text: str) -> Entry | bool:
    """The entry; True if it is a line without a request, False if it is none."""
    found = _LINE.fullmatch(text)
    at = _moment(found["time"]) if found else None
    if found is None or at is None:
        return False
    request = request_line(_unescaped(found["request"]))
    if request is None:
        return True
    method, target, host = request
    status = int(found["status"]) if found["status"].isdigit() else 0
    return Entry(
        method,
        target,
        host=host or (found["vhost"] or "").lower().removesuffix(":80").removesuffix(":443"),
        at=at,
        duration=_duration(found["rest"]),
        status=status or None,
        response=Message(size=int(found["size"]) if found["size"].isdigit() else 0),
        client=token(found["client"]),
    )


def _from_envoy(text: str) -> Entry | bool:
    """The same of a line as Envoy writes it without being told how; its duration is in milliseconds."""
    found = _ENVOY.fullmatch(text)
    at = _moment(found["time"]) if found else None
    if found is None or at is None:
        return False
    request = request_line(found["request"])
    if request is None:
        return True
    method, target, host = request
    return Entry(
        method,
        target,
        host=(host or found["host"]).lower().removeprefix("-"),
        at=at,
        duration=int(found["duration"]) / 1000,
        request=Message(size=int(found["received"])),
        status=int(found["status"]) or None,
        response=Message(size=int(found["sent"])),
        client=token(found["client"].partition(",")[0]),
    )


def _moment(text: str) -> float | None:
    """Seconds since 1970. All lines of one minute share what is slow about it."""
    found = _TIME.fullmatch(text)
    if found is None or int(found[2]) > 60:
        return _minute(text)
    minute = _minute(f"{found[1]}:00{found[3]}")
    return None if minute is None else minute + int(found[2])


@lru_cache(maxsize=4096)
def _minute(text: str) -> float | None:
    for form in ("%d/%b/%Y:%H:%M:%S %z", "%d/%b/%Y:%H:%M:%S"):
        try:
            return datetime.strptime(text, form).timestamp()
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def _unescaped(text: str) -> str:
    """Bytes that the server wrote as ``\\x16``; what is then no target is no request."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else found[2], text) if "\\" in text else text


def _duration(rest: str) -> float | None:
    """Seconds from what stands behind the size: a name, a unit or a decimal point says it; a lone whole number is Apache's %D."""
    if named := _NAMED.search(rest):
        return _seconds(named[1].strip('",'), least=0)
    pieces = [quoted or bare for quoted, bare in _PIECE.findall(rest)]
    extra = pieces[2:] if rest.lstrip().startswith('"') else pieces
    for piece in extra:
        found = _DURATION.fullmatch(piece)
        if found and (found[2] or "." in piece):
            return _seconds(piece, least=0)
    return _seconds(extra[0], least=_LEAST_MICROSECONDS) if len(extra) == 1 else None


def _seconds(text: str, least: int) -> float | None:
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    number = float(found[1])
    if found[2]:
        return number * _UNIT[found[2]]
    if "." in text or not least:
        return number
    return number * 1e-6 if number >= least else None
