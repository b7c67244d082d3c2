"""Which rule, if any, allows a difference. Rules are asked only about what differs, so they may take their time."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import combinations
from typing import Any

from strangler.core.compare import instant, numeral
from strangler.core.compare.rules import Here
from strangler.core.compare.shape import keeps
from strangler.core.difference import Kind
from strangler.core.exact import Number


def allowed_by(kind: Kind, control: Any, candidate: Any, here: Here, words: frozenset[str]) -> str:
    """Text of the rule that allows a difference at a place, or ""."""
    if kind in (Kind.MISSING, Kind.EXTRA):
        return _absent(control if kind is Kind.MISSING else candidate, words)
    if kind is Kind.ORDER:
        return _order(here)
    if kind in (Kind.VALUE, Kind.TYPE):
        return (
            _near(control, candidate, here, words) or _equal(control, candidate, words) or _noise(kind, control, candidate, here)
        )
    return ""


def _order(here: Here) -> str:
    if here.unordered:
        return here.unordered[1]
    return next((text for noisy, text in here.noisy if noisy.kind == "order"), "")


def _noise(kind: Kind, control: Any, candidate: Any, here: Here) -> str:
    if kind is not Kind.VALUE:
        return ""
    return next((text for noisy, text in here.noisy if keeps(noisy.kind, control, candidate)), "")


def _near(control: Any, candidate: Any, here: Here, words: frozenset[str]) -> str:
    kinds = {type(control), type(candidate)}
    if not kinds <= {str, Number} or (len(kinds) > 1 and "number_string" not in words):
        return ""
    for rule, text in here.near:
        if rule.abs is not None and numeral.within(control, candidate, rule.abs):
            return text
        if rule.seconds is not None and instant.within(control, candidate, rule.seconds):
            return text
    return ""


def is_empty(value: Any) -> bool:
    """Whether `empty_null` takes a value for nothing."""
    return value is None or value in ("", [], {})


def _absent(value: Any, words: frozenset[str]) -> str:
    if "null_missing" not in words:
        return ""
    if value is None:
        return "treat_equal null_missing"
    return "treat_equal null_missing, empty_null" if "empty_null" in words and is_empty(value) else ""


def _equal(control: Any, candidate: Any, words: frozenset[str]) -> str:
    if "empty_null" in words and (control is None or candidate is None) and is_empty(control) and is_empty(candidate):
        return "treat_equal empty_null"
    if not {type(control), type(candidate)} <= {str, Number}:
        return ""
    if "number_string" in words and numeral.same(control, candidate):
        return "treat_equal number_string"
    if type(control) is type(candidate) is str:
        return _same_text(control, candidate, [word for word in SPELLINGS if word in words])
    return ""


# What a text becomes where its spelling does not count.
SPELLINGS: dict[str, Callable[[str], str]] = {
    "whitespace": lambda text: re.sub(r"\s+", " ", text).strip(),
    "trailing_slash": lambda text: text.rstrip("/"),
    "case": str.casefold,
}


def _same_text(control: str, candidate: str, words: list[str]) -> str:
    """The fewest words under which two texts are one."""
    for count in range(1, len(words) + 1):
        for chosen in combinations(words, count):
            if spelt(control, chosen) == spelt(candidate, chosen):
                return f"treat_equal {', '.join(chosen)}"
    return ""


def spelt(text: str, words: tuple[str, ...]) -> str:
    """A text with everything taken away that these words of treat_equal say does not count."""
    for word in words:
        text = SPELLINGS[word](text)
    return text
