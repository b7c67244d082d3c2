"""An event as CloudEvents 1.0: its attributes, and the two ways they travel (all in one JSON object, or beside the payload).

What can be none raises UnfitError, and what is no text (half of a surrogate pair) UnicodeEncodeError.

What is ours becomes extensions: `sequence` (digits that sort as text) and `version`. So do an application's headers, under their
names without what such names may not have: ``x-tenant`` is ``xtenant``; a name that is taken gets an x in front.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NoReturn
from urllib.parse import quote

from reconcile.sinks.event import Event

STRUCTURED = "application/cloudevents+json; charset=utf-8"
HEAD = b'{"specversion":"1.0",'  # how what `structured` makes begins, always

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAKEN = frozenset({"specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data", "sequence", "version"})
# HTTP binding, 3.1.3.2: printable ASCII but for the blank, the double quote and the percent sign.
_IN_HEADERS = "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"
_PLAIN = re.compile(r"[!#$&-~]*")  # the same, with letters and digits


class UnfitError(ValueError):
    """It can never be a CloudEvent as it is: the message says why."""


def attributes(event: Event) -> dict[str, str]:
    """Its attributes but for `specversion`, as text. Raises UnfitError."""
    said = {"id": event.id, "source": event.source or "/", "type": event.type, "sequence": f"{event.sequence:020}"}
    if not event.id or not event.type:
        raise UnfitError("it has no id" if event.type else "it has no type")
    if event.key:
        said["subject"] = event.key
    if event.at:
        said["time"] = _moment(event.at)
    if event.version is not None:
        said["version"] = str(event.version)
    if event.payload:
        said["datacontenttype"] = _content_type(event.content_type)
    return {**said, **_extensions(event)} if event.headers else said


def structured(event: Event) -> bytes:
    """Everything in one JSON object, on one line; a JSON payload stands in it as it is. Raises UnfitError."""
    head = json.dumps(attributes(event), ensure_ascii=False, separators=(",", ":")).encode()
    return b"%b%b%b}" % (HEAD, head[1:-1], _data(event) if event.payload else b"")


def beside(event: Event, prefix: str) -> dict[str, str]:
    """Attributes under a prefix such as ``ce-``; the payload's own type has its own header everywhere. Raises UnfitError."""
    said = attributes(event)
    said.pop("datacontenttype", None)
    return {f"{prefix}specversion": "1.0", **{f"{prefix}{name}": value for name, value in said.items()}}


def in_headers(event: Event) -> dict[str, str]:
    """As HTTP's binding and that of NATS write them: in ASCII, the rest percent-encoded. Raises UnfitError."""
    said = {name: ascii_only(value) for name, value in beside(event, "ce-").items()}
    return {**said, "content-type": _content_type(event.content_type)} if event.payload else said


def ascii_only(value: str) -> str:
    """Text as it may stand in a header."""
    return value if _PLAIN.fullmatch(value) else quote(value, safe=_IN_HEADERS)


def _moment(at: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        raise UnfitError(f"its time, {at}, is not in microseconds since 1970") from None
    return moment.isoformat().replace("+00:00", "Z")


def _extensions(event: Event) -> dict[str, str]:
    found: dict[str, str] = {}
    for header, value in event.headers.items():
        name = _extension(header)
        if name in found:
            raise UnfitError(f"two of its headers would be the attribute {name!r}: rename one")
        found[name] = value
    return found


@lru_cache(1024)
def _extension(header: str) -> str:
    """The name of an extension: letters and digits (CloudEvents 1.0, naming conventions)."""
    name = re.sub(r"[^a-z0-9]", "", header.lower())
    if not name:
        raise UnfitError(f"its header {header!r} has neither letters nor digits")
    return f"x{name}" if name in _TAKEN else name


@lru_cache(1024)
def _content_type(written: str) -> str:
    if not re.fullmatch(r"[!-~]+/[!-~][ -~]*", written):
        raise UnfitError(f"its content type, {written!r}, is none")
    return written


def _data(event: Event) -> bytes:
    """The payload as a member of the object (JSON format, 3.1)."""
    form = _form(event.content_type)
    if form == "json":
        _check_json(event.payload)
        return b',"data":' + event.payload.translate(_ONE_LINE)
    if form == "text":
        try:
            return b',"data":' + json.dumps(event.payload.decode()).encode()
        except UnicodeDecodeError:
            pass
    return b',"data_base64":"' + b64encode(event.payload) + b'"'


# Line breaks are blanks in JSON: within its strings they are written as \n.
_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


@lru_cache(1024)
def _form(content_type: str) -> str:
    kind = content_type.partition(";")[0].strip().lower()
    if kind in ("application/json", "text/json") or kind.endswith("+json"):
        return "json"
    return "text" if kind.startswith("text/") or kind == "application/xml" or kind.endswith("+xml") else "bytes"


def _check_json(payload: bytes) -> None:
    try:
        _DECODER.decode(payload.decode())
    except UnicodeDecodeError:
        raise UnfitError("its payload is said to be JSON, and is not UTF-8") from None
    except RecursionError:
        raise UnfitError("its payload is JSON nested too deeply") from None
    except ValueError as error:
        raise UnfitError(f"its payload is said to be JSON, and is not: {error}") from None


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number, parse_int=str, parse_float=str)  # any number of digits is JSON
