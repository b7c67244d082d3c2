"""The shapes that noise must keep: what differs from itself may differ, but a clock stays a clock (model.NOISE_KINDS).

A noisy field that is also wrong must not hide behind its noise, so each shape is as narrow as two answers to the same request,
moments apart, allow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from strangler.core.compare import instant
from strangler.core.compare.numeral import is_number
from strangler.core.exact import Number

CLOCK_APART = 600  # seconds: more than a shadow request is ever late, less than any two time zones are apart
_DAY = 86_400

_UUID = re.compile(r"[{(]?[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}[)}]?", re.IGNORECASE)
_ALPHABETS = [  # narrow first, with the number of their letters
    (re.compile(r"[0-9]*"), 10),
    (re.compile(r"[0-9a-f]*|[0-9A-F]*"), 16),
    (re.compile(r"[0-9A-Za-z]*"), 62),
    (re.compile(r"[0-9A-Za-z_.~+/=-]*"), 67),
    (re.compile(r".*", re.DOTALL), 96),
]
_BY_CHANCE = 1e-6


def _clock(control: str, candidate: str) -> bool:
    apart = _DAY if instant.is_day(control) else CLOCK_APART
    return instant.format_of(control) == instant.format_of(candidate) and instant.within(control, candidate, apart)


def _uuid(control: str, candidate: str) -> bool:
    return len(control) == len(candidate) and bool(_UUID.fullmatch(control) and _UUID.fullmatch(candidate))


def _token(control: str, candidate: str) -> bool:
    short, long = sorted((len(control), len(candidate)))
    return short > 0 and long <= short + 2 + short // 8 and _one_alphabet(control, candidate)


def _one_alphabet(control: str, candidate: str) -> bool:
    """Whether two texts are of one alphabet; the one of fewer letters may look so by chance alone."""
    (few, narrow), (many, _) = sorted(((_letters(text), text) for text in (control, candidate)), key=lambda found: found[0])
    return few == many or (few / many) ** len(narrow) > _BY_CHANCE


def _letters(text: str) -> int:
    return next(letters for alphabet, letters in _ALPHABETS if alphabet.fullmatch(text))


def _counter(control: str, candidate: str) -> bool:
    return is_number(control) and is_number(candidate) and ("." in control) == ("." in candidate)


_KEEPS: dict[str, Callable[[str, str], bool]] = {"clock": _clock, "uuid": _uuid, "token": _token, "counter": _counter}


def keeps(kind: str, control: Any, candidate: Any) -> bool:
    """Whether two values of one JSON type both have the shape of this kind of noise."""
    check = _KEEPS.get(kind)
    return check is not None and type(control) in (str, Number) and check(control, candidate)
