"""The request target: one canonical form decides the route, the bytes that arrived are forwarded.

Two servers may read one path differently: one decodes ``%2f`` before it splits, one merges ``//``, one cuts ``;params``,
one resolves ``..``. If the proxy and an upstream disagree, the proxy guards one resource while the upstream serves
another (Envoy CVE-2021-29492 and CVE-2019-9901, Traefik CVE-2025-32431 were of this family). So a path on which servers
could disagree is marked with the reason, and every way to read it is known (`readings`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from urllib.parse import unquote_to_bytes

Segments = tuple[str, ...]

# Anything but these needs the slow look; nearly every path of a real application passes the fast one.
_SIMPLE = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9\-._~!$&'()*+,=:@]+)*/?")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SLASH = re.compile("%2f", re.I)
_BACKSLASH = re.compile(r"\\|%5c", re.I)
_NUL = re.compile("%00|\x00")
_TWICE_ENCODED = re.compile("%25(?:2f|2e|5c|3b|00|25)", re.I)
_DOT_SEGMENT = re.compile(r"(?:^|/|\\|%2f|%5c)(?:\.|%2e){1,2}(?=$|/|\\|;|%2f|%5c)", re.I)

# Reasons, which are also the labels of the refusal metric.
AMBIGUOUS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("nul", _NUL),
    ("bad_escape", _BAD_ESCAPE),
    ("backslash", _BACKSLASH),
    ("encoded_slash", _SLASH),
    ("dot_segment", _DOT_SEGMENT),
    ("twice_encoded", _TWICE_ENCODED),
    ("empty_segment", re.compile("//")),
    ("parameter", re.compile(";|%3b", re.I)),
    ("fragment", re.compile("#")),
)


@dataclass(frozen=True, slots=True)
class Path:
    """A path in canonical form.

    Attributes:
        segments: decoded segments; ``/a/b`` is ``("a", "b")``, ``/a/`` is ``("a", "")``, ``/`` is ``("",)``.
        ambiguous: why two servers could read it differently (a label of `AMBIGUOUS`), or "".
    """

    segments: Segments
    ambiguous: str = ""


def canonical(raw: str) -> Path:
    """Canonical form of the path part of a request target (no query), given as latin-1 text of the bytes that arrived.

    Percent-encoded unreserved characters are the characters themselves (RFC 3986 section 6.2.2.2); letter case counts.
    """
    if _SIMPLE.fullmatch(raw):
        return Path(tuple(raw[1:].split("/")))
    if not raw.startswith("/"):
        return Path(())  # "*" of OPTIONS: no route can name it, so it goes where everything unmatched goes
    for reason, pattern in AMBIGUOUS:
        if pattern.search(raw):
            return Path(_split(raw), reason)
    return Path(_split(raw))


def readings(raw: str) -> set[Segments]:
    """Every way in which a server could read an ambiguous path, as segments.

    Each kind of disagreement is a switch, and all combinations that apply are tried (at most 64).
    """
    switches = [(False, True) if pattern.search(raw) else (False,) for pattern in (_TWICE_ENCODED, _BACKSLASH, _SLASH)]
    found: set[Segments] = set()
    for twice, backslash, slash in product(*switches):
        text = _TWICE_ENCODED.sub(lambda escape: "%" + escape[0][3:], raw) if twice else raw
        text = _BACKSLASH.sub("/", text) if backslash or twice else text
        text = _SLASH.sub("/", text) if slash or twice else text
        for cut in (False, True):
            cut_text = re.sub(r"(?:;|%3b)[^/]*", "", text, flags=re.I) if cut else text
            cut_text = re.split(r"#|%00|\x00", cut_text)[0] if cut else cut_text
            for merged in (False, True):
                merged_text = re.sub("/{2,}", "/", cut_text) if merged else cut_text
                found.add(_split(merged_text))
                found.add(_without_dots(_split(merged_text)))
    return found


def _split(raw: str) -> Segments:
    return tuple(_decode(segment) for segment in raw[1:].split("/"))


def _decode(segment: str) -> str:
    if "%" not in segment and segment.isascii():
        return segment
    return unquote_to_bytes(segment.encode("latin-1")).decode("utf-8", "surrogateescape")


def _without_dots(segments: Segments) -> Segments:
    """RFC 3986 section 5.2.4 on decoded segments."""
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return tuple(kept) or ("",)
