"""Bodies in a HAR, which are shown as people read them, and the bytes that were sent (HAR 1.2, "postData" and "content")."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

from strangler.traffic.entry import Headers
from strangler.traffic.recording import BadEntryError

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.I | re.A)
_TEXT_CHARSETS = re.compile(
    r"ascii|us-ascii|utf-?8|utf-16(le|be)?|iso-8859-\d+|latin-?1|(windows-|cp)125\d|koi8-[ru]|shift_jis|euc-(jp|kr)|gb(k|2312|18030)|big5",
    re.I,
)
_FORM = "application/x-www-form-urlencoded"


def length_of(headers: Headers) -> int | None:
    """What Content-Length says; None if it is not there, or no number."""
    found = next((value for name, value in headers if name.lower() == "content-length"), "")
    return int(found) if found.isascii() and found.isdigit() and len(found) < 16 else None


def posted_body(posted: Mapping[str, Any], headers: Headers) -> bytes | None:
    """What was sent; None if that is not told."""
    text = posted.get("text")
    if isinstance(text, str) and (text or not posted.get("params")):
        base64 = "base64" in (posted.get("_encoding"), posted.get("encoding"))
        return _unpacked(text) if base64 else encoded(text, _type(headers) or str(posted.get("mimeType")))
    kind = (_type(headers) or str(posted.get("mimeType"))).partition(";")[0].strip().lower()
    params = posted.get("params")
    if kind != _FORM or not isinstance(params, list) or not params:
        return None
    pairs = [(one.get("name"), one.get("value")) for one in params if isinstance(one, dict)]
    return "&".join(f"{_field(name)}={_field(value)}" for name, value in pairs if isinstance(name, str)).encode()


def _field(value: Any) -> str:
    """A field of a form, encoded unless it is: some write fields as they were sent, and some as they were meant."""
    text = value if isinstance(value, str) else ""
    return text if re.fullmatch(r"(?:[\w.*+-]|%[0-9A-Fa-f]{2})*", text, re.A) else quote_plus(text, errors="replace")


def _type(headers: Headers) -> str:
    return next((value for name, value in headers if name.lower() == "content-type"), "")


def content_body(content: Mapping[str, Any], headers: Headers) -> bytes | None:
    """The body of an answer, without content coding as a rule; None if it is not told, or only in part."""
    text, size = content.get("text"), content.get("size")
    if not isinstance(text, str):
        return b"" if size == 0 else None
    if content.get("encoding") == "base64":
        body = _unpacked(text)
    else:
        body = encoded(text, _type(headers) or str(content.get("mimeType")))
    told, saved = size if isinstance(size, int | float) else 0, content.get("compression")
    whole = isinstance(saved, int | float) and len(body) == told + saved  # some tell the size as it was sent
    return body if whole or told <= len(body) + len(b"\xef\xbb\xbf") else None


def _unpacked(text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadEntryError("a body that says it is base64 and is not") from None


def encoded(text: str, content_type: str) -> bytes:
    """A text in the charset that its type names, as it was sent; in UTF-8 if it names none, or the text does not fit."""
    found = _CHARSET.search(content_type)
    charset = found[1] if found and _TEXT_CHARSETS.fullmatch(found[1]) else "utf-8"
    try:
        return text.encode(charset)
    except (ValueError, LookupError):
        return text.encode("utf-8", "replace")
