"""The request target: one canonical form decides the route, the bytes that arrived are forwarded.

Two servers may read one path differently: one decodes ``%2f`` before it splits, one merges ``//``, one cuts ``;params``,
one resolves ``..``. If the proxy and an upstream disagree, the proxy guards one resource while the upstream serves
another (Envoy CVE-2021-29492 and CVE-2019-9901, Traefik CVE-2025-32431 were of this family). So a path on which servers
could disagree is marked with the reason, and every way to read it is known (`readings`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

Segments = tuple[str, ...]

LONGEST_READ = 1024  # longer ambiguous paths, and those with more readings than the next line says, are not worked out:
MOST_READINGS = 32  # a client could make that cost more than the request itself

# Anything but these needs the slow look; nearly every path of a real application passes the fast one.
_PLAIN = re.compile(r"(?:/[A-Za-z0-9\-._~!$&'()*+,=:@/]*)?")

_ASCII_CASELESS = re.IGNORECASE | re.ASCII  # without ASCII, the raw byte 0xE0 would count as 0xC0
_HEX = "(?:[0-9a-f]|%3[0-9]|%[46][1-6])"  # a hexadecimal digit, itself encoded or not
_CONTINUES = r"(?:%[89ab][0-9a-f]|[\x80-\xbf])"
_OVERLONG = (
    rf"(?:(?:%c[01]|[\xc0\xc1])|(?:%e0|\xe0)(?:%8[01]|[\x80\x81])|(?:%f0|\xf0)(?:%80|\x80)(?:%8[01]|[\x80\x81])){_CONTINUES}"
)

# Why a path is ambiguous; the names are also the labels of the refusal metric. Encoded unreserved characters, and
# encoded characters that no server gives a meaning in a path (%20, %3F, %C3%A9), are not: their reading is one.
AMBIGUOUS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, _ASCII_CASELESS))
    for reason, pattern in (
        ("nul", r"%00|\x00"),
        ("bad_escape", "%(?![0-9a-f]{2})"),
        ("overlong", _OVERLONG),  # UTF-8 that spells an ASCII character in more bytes than it needs
        ("backslash", r"\\|%5c"),
        ("encoded_slash", "%2f"),
        ("dot_segment", r"(?:^|/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=$|/|\\|;|#|%2f|%5c|%3b|%00)"),
        ("twice_encoded", f"%25{_HEX}{{2}}"),
        ("empty_segment", "//"),
        ("parameter", ";|%3b"),
        ("fragment", "#"),
    )
)
_SUSPECT = re.compile(r"[\\;#\x00\xc0\xc1\xe0\xf0]|//|/\.|%(?:00|25|2e|2f|3b|5c|c[01]|e0|f0|(?![0-9a-f]{2}))", _ASCII_CASELESS)
_OVERLONG_TEXT = re.compile(_OVERLONG, _ASCII_CASELESS)


@dataclass(frozen=True, slots=True)
class Path:
    """A path in canonical form.

    Attributes:
        segments: decoded segments; ``/a/b`` is ``("a", "b")``, ``/a/`` is ``("a", "")``, ``/`` is ``("",)``.
        ambiguous: why two servers could read it differently (a label of `AMBIGUOUS`), or "".
    """

    segments: Segments
    ambiguous: str = ""


def plain(raw: str) -> Segments | None:
    """Segments of a path that needs no decoding and that nobody could read differently; None for all others."""
    if _PLAIN.fullmatch(raw) and "/." not in raw and "//" not in raw:
        return tuple(raw[1:].split("/"))
    return None


def canonical(raw: str) -> Path:
    """Canonical form of the path part of a request target (no query), given as latin-1 text of the bytes that arrived.

    Percent-encoded unreserved characters are the characters themselves (RFC 3986 section 6.2.2.2); letter case counts.
    """
    segments = plain(raw)
    if segments is not None:
        return Path(segments)
    if not raw.startswith("/"):
        return Path(())  # "*" of OPTIONS: no route can name it, so it goes where everything unmatched goes
    segments = tuple(_text(_decode(segment)) for segment in raw[1:].split("/"))
    return Path(segments, ambiguity(raw))


def ambiguity(raw: str) -> str:
    """Why two servers could read a path differently, as a label of `AMBIGUOUS`; "" if there is one reading."""
    if not _SUSPECT.search(raw):
        return ""
    return next((reason for reason, pattern in AMBIGUOUS if pattern.search(raw)), "")


def readings(raw: str) -> set[Segments] | None:
    """Every way in which servers could read an ambiguous path, as segments; None when nobody can say.

    What servers do before they split a path is a handful of habits, each of which some have and others lack, in any
    order. So habits are applied, one after the other, to whatever they have made so far, until nothing new comes up.
    """
    if len(raw) > LONGEST_READ:
        return None
    texts, fresh = {(raw, 0)}, [(raw, 0)]  # text, and how often it has been decoded whole
    while fresh:
        text, decoded = fresh.pop()
        made = {(habit(text), decoded) for habit in _HABITS}
        if decoded < 2:
            made.add((_decode(text), decoded + 1))
        fresh.extend(made - texts)
        texts |= made
        if len(texts) > MOST_READINGS:
            return None
    return {reading for text, decoded in texts for reading in _split(text, decoded)}


def _end_at_nul(text: str) -> str:
    return re.split("%00|\x00", text, maxsplit=1)[0]


def _cut_fragment(text: str) -> str:
    return text.partition("#")[0]


def _cut_parameters(text: str) -> str:
    return re.sub(";[^/]*", "", text)


def _cut_encoded_parameters(text: str) -> str:
    return re.sub("(?:;|%3b)[^/]*", "", text, flags=re.I)


def _turn_backslashes(text: str) -> str:
    return text.replace("\\", "/")


def _merge_slashes(text: str) -> str:
    return re.sub("/{2,}", "/", text)


def _resolve_dots(text: str) -> str:
    return "/" + "/".join(_without_dots(tuple(text[1:].split("/"))))


def _decode_overlong(text: str) -> str:
    return _OVERLONG_TEXT.sub(_shortest, text)


def _decode_iis(text: str) -> str:
    return re.sub("%u00([0-7][0-9a-f])", r"%\1", text, flags=re.I)


_HABITS: tuple[Callable[[str], str], ...] = (
    _end_at_nul,
    _cut_fragment,
    _cut_parameters,
    _cut_encoded_parameters,
    _turn_backslashes,
    _merge_slashes,
    _resolve_dots,
    _decode_overlong,
    _decode_iis,
)


def _shortest(found: re.Match[str]) -> str:
    """The ASCII character that an overlong sequence spells, encoded: its last seven bits."""
    *_, high, low = unquote_to_bytes(found[0].encode("latin-1"))
    return f"%{(high & 1) << 6 | low & 0x3F:02x}"


def _split(text: str, decoded: int) -> Iterator[Segments]:
    """Split at slashes; most servers decode after that, also some of those that decoded before; some resolve dots last."""
    pieces = text[1:].split("/")
    if decoded:
        yield tuple(map(_text, pieces))
    for _ in range(decoded, 2):
        pieces = [_decode(piece) for piece in pieces]
        late = tuple(map(_text, pieces))
        yield late
        yield _without_dots(late)


def _decode(text: str) -> str:
    """Percent-decode once; text is latin-1 text of bytes before and after."""
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1") if "%" in text else text


def _text(piece: str) -> str:
    """What bytes mean: UTF-8, and where they are none, themselves."""
    return piece if piece.isascii() else piece.encode("latin-1").decode("utf-8", "surrogateescape")


def _without_dots(segments: Segments) -> Segments:
    """RFC 3986 section 5.2.4."""
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return tuple(kept) or ("",)
