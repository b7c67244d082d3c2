"""The kinds of noise, and what stays checked of a value that is accepted as noise: a clock must still show a time.

What is compared here is shape, never content: that is the point of calling it noise. A shape that another reader could
stumble over (a UUID in capitals, a time without its offset) is another shape.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from strangler.core.compare.prints import Prints
from strangler.core.exact import Number
from strangler.core.moment import DAY, read

_UUID = re.compile(
    r"(?P<open>\{?)(?:[0-9a-f]{8}(?P<dash>-?)(?:[0-9a-f]{4}(?P=dash)){3}[0-9a-f]{12}"
    r"|(?P<capitals>[0-9A-F]{8}(?P<dash2>-?)(?:[0-9A-F]{4}(?P=dash2)){3}[0-9A-F]{12}))(?P<close>\}?)"
)
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)

# Alphabets of tokens, the narrower before the wider, and how many letters each has.
_ALPHABETS = (
    ("digits", 10, re.compile(r"\d+", re.ASCII)),
    ("hex", 16, re.compile(r"[0-9a-f]+")),
    ("capital hex", 16, re.compile(r"[0-9A-F]+")),
    ("lower case", 36, re.compile(r"[0-9a-z]+")),
    ("capitals", 36, re.compile(r"[0-9A-Z]+")),
    ("letters and digits", 62, re.compile(r"[0-9A-Za-z]+")),
    ("base64", 64, re.compile(r"[0-9A-Za-z+/]+={0,2}")),
    ("base64url", 64, re.compile(r"[0-9A-Za-z_-]+={0,2}")),
    ("printable", 94, re.compile(r"[!-~]+")),
)
_WIDER = {
    "digits": {"hex", "capital hex", "lower case", "capitals", "letters and digits", "base64", "base64url"},
    "hex": {"lower case", "letters and digits", "base64", "base64url"},
    "capital hex": {"capitals", "letters and digits", "base64", "base64url"},
    "lower case": {"letters and digits", "base64", "base64url"},
    "capitals": {"letters and digits", "base64", "base64url"},
    "letters and digits": {"base64", "base64url"},
}
_BY_CHANCE = 1e-4  # a rarer accident is a difference
_LENGTH = 0.2  # share by which lengths of tokens may be apart


def has_shape(kind: str, control: Any, candidate: Any) -> bool:
    """Whether two values that differ still look like the same kind of noise.

    Args:
        kind: one of `KINDS`; any other has no shape, so nothing passes.
        control, candidate: values of two documents, as `document.Document` holds them.
    """
    check = KINDS.get(kind)
    return check is not None and type(control) is type(candidate) and check(control, candidate)


def _clock(control: Any, candidate: Any) -> bool:
    one, other = read(control), read(candidate)
    return one is not None and other is not None and one.form == other.form and abs(one.instant - other.instant) <= DAY


def _uuid(control: Any, candidate: Any) -> bool:
    form = uuid_form(control)
    return form is not None and form == uuid_form(candidate)


def uuid_form(value: Any) -> tuple[bool, ...] | None:
    """How a UUID is written (braces, dashes, capitals); None if it is not one."""
    found = _UUID.fullmatch(value) if type(value) is str else None
    if not found or bool(found["open"]) is not bool(found["close"]):
        return None
    return bool(found["open"]), bool(found["dash"] or found["dash2"]), bool(found["capitals"])


def _token(control: Any, candidate: Any) -> bool:
    if type(control) is not str:
        return False
    one, other = control.split("."), candidate.split(".")  # a signed token has parts
    return len(one) == len(other) and all(map(_same_letters, one, other)) and _near(len(control), len(candidate))


def _near(one: int, other: int) -> bool:
    return abs(one - other) <= _LENGTH * max(one, other)


def _same_letters(one: str, other: str) -> bool:
    """Whether both are of one alphabet, or the one that seems to be of a narrower one may be so by chance."""
    narrow, wide = sorted((_alphabet(one), _alphabet(other)))
    if narrow == wide:
        return True
    if narrow < 0 or _ALPHABETS[wide][0] not in _WIDER.get(_ALPHABETS[narrow][0], ()):
        return False
    shorter = one if _alphabet(one) == narrow else other
    return (_ALPHABETS[narrow][1] / _ALPHABETS[wide][1]) ** len(shorter) >= _BY_CHANCE


def _alphabet(text: str) -> int:
    """Place in `_ALPHABETS`; -1 if it is of none."""
    return next((place for place, (_, _, letters) in enumerate(_ALPHABETS) if letters.fullmatch(text)), -1)


def _counter(control: Any, candidate: Any) -> bool:
    one, other = integer(control), integer(candidate)
    return one is not None and other is not None and one * other >= 0


def integer(value: Any) -> int | None:
    """The integer that a number or a text is, unless it has more digits than a counter ever gets."""
    if type(value) not in (Number, str) or len(value) > 30 or not _INTEGER.fullmatch(value):
        return None
    return int(value)


def _order(control: Any, candidate: Any) -> bool:
    if type(control) not in (list, tuple):
        return False
    prints = Prints()
    return Counter(prints.all(list(control))) == Counter(prints.all(list(candidate)))


def _value(control: Any, candidate: Any) -> bool:
    return type(control) is bool or bool(control) is bool(candidate)


KINDS: dict[str, Callable[[Any, Any], bool]] = {
    "clock": _clock,
    "uuid": _uuid,
    "token": _token,
    "counter": _counter,
    "order": _order,
    "value": _value,
}
