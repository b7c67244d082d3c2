"""What one segment of a path looks like: a word that programmers chose, or a value that data has. Names mean nothing here."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import pairwise

ASSETS = frozenset(  # what browsers load along with a page
    (
        *("css", "js", "mjs", "map", "wasm", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "webm"),
        *("png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "bmp"),
    )
)


class Shape(StrEnum):
    """All but words are values wherever they stand."""

    WORD = "word"
    NUMBER = "number"
    UUID = "uuid"
    HEX = "hex"
    DATE = "date"
    EMAIL = "email"
    TOKEN = "token"


_SHAPES = (
    (Shape.NUMBER, re.compile(r"[-+]?\d+(?:,\d+)*")),
    (Shape.UUID, re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)),
    (Shape.DATE, re.compile(r"\d{4}-(?:\d{2}(?:-\d{2}(?:T[\d:.,+Z-]+)?)?|W\d{2})")),
    (Shape.HEX, re.compile(r"(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}", re.I)),
    (Shape.EMAIL, re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")),
)
_REDACTED = re.compile(r"\[[a-z]+:[0-9a-f]{12}\]")  # what stands for a secret in our own logs and recordings
_RANDOM = re.compile(r"[A-Za-z0-9_-]+={0,2}")
_EXTENSION = re.compile(r"(?<=.)\.([A-Za-z][A-Za-z0-9]{0,7})$")
_VERSION = re.compile(r"v\d+(?:[._]\d+)*", re.I)
_NUMBERED = re.compile(r"[-_.~]\d|\d\d")  # digits behind a separator, or several
_HASHED = re.compile(r"[.-](?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{6,}\.[A-Za-z]")


def shape_of(text: str) -> Shape:
    """Of a decoded segment, without its extension."""
    for shape, pattern in _SHAPES:
        if pattern.fullmatch(text):
            return shape
    return Shape.TOKEN if _REDACTED.search(text) or _is_random(text) else Shape.WORD


def _is_random(text: str) -> bool:
    """Whether nobody would have chosen it: digits among letters of both cases, or long and without words."""
    if len(text) < 10 or not _RANDOM.fullmatch(text) or not any(map(str.isdigit, text)):
        return False
    changes = sum(one.isdigit() != other.isdigit() for one, other in pairwise(text))
    mixed = any(map(str.islower, text)) and any(map(str.isupper, text))
    return changes >= 3 and (mixed or (len(text) >= 16 and text.count("-") + text.count("_") <= 1))


def split(text: str) -> tuple[str, str]:
    """Stem and extension, the latter in lower case and without its dot; "" if there is none."""
    found = _EXTENSION.search(text)
    if found is None or shape_of(text) is not Shape.WORD:  # an address of mail has no extension
        return text, ""
    return text[: found.start()], found[1].lower()


def is_asset(text: str) -> bool:
    """Whether a browser would load it along with a page."""
    return split(text)[1] in ASSETS


def is_hashed(text: str) -> bool:
    """Whether a file's name says which build it is of: ``app.3f2a9c11.js``."""
    return bool(_HASHED.search(text))


def is_version(text: str) -> bool:
    """``v1``: a number that programmers chose."""
    return bool(_VERSION.fullmatch(text))


def mask(text: str) -> str:
    """What a numbered name has in common with others of its kind: ``BO-0012`` is ``A-9``; "" if it is none."""
    if not _NUMBERED.search(text) or is_version(text):
        return ""
    return re.sub(r"\d+", "9", re.sub("[a-z]+", "a", re.sub("[A-Z]+", "A", text)))


def is_slug(text: str) -> bool:
    """Whether it has more than one word, or a digit, a capital or a space in it."""
    return not text.isalpha() or not text.islower()
