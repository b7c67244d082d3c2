"""What a draft rule would do to the mismatches that are stored: which it clears, and which other causes it would hide.

A rule is written in one line, in the words of the file: ``ignore $.generated_at``, ``unordered $.items key sku``,
``tolerance $.total abs 0.01``, ``treat_equal null_missing``, ``header cache-control`` (that header no longer counts),
``noise $.id uuid``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from strangler.core.causes import causes_of
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import Rules
from strangler.core.compare.view import View
from strangler.core.difference import Kind, render_step
from strangler.core.jsonpath import Step, parse_pattern
from strangler.core.model import NOISE_KINDS, Compare, Noisy, Route, Tolerance, Unordered

TREAT_EQUAL = ("null_missing", "number_string", "case", "trailing_slash", "whitespace", "empty_null")
EXAMPLES = {
    "ignore": "ignore $.generated_at",
    "unordered": "unordered $.items key sku",
    "tolerance": "tolerance $.total abs 0.01",
    "treat_equal": "treat_equal null_missing",
    "header": "header cache-control",
    "noise": "noise $.id uuid",
}

_KEY = re.compile(r"(?P<path>\$.*?)(?:\s+key\s+(?P<key>\S+))?")
_NEAR = re.compile(r"(?P<path>\$.*?)(?:\s+abs\s+(?P<abs>\S+))?(?:\s+seconds\s+(?P<seconds>\S+))?")
_KIND = re.compile(r"(?P<path>\$.*?)\s+(?P<kind>\w+)")


def draft(compare: Compare, rule: str) -> Compare:
    """The rules of comparing with one more. Raises ValueError with what to write instead."""
    verb, rest = _split(rule)
    if verb == "noise":
        raise ValueError(f"{rule!r} stands under noise, not under compare")
    return _DRAFTS[verb](compare, rest)


def drafted(route: Route, rule: str) -> Route:
    """A route with one more rule, noise among them. Raises ValueError with what to write instead."""
    verb, rest = _split(rule)
    if verb != "noise":
        return replace(route, compare=draft(route.compare, rule))
    found = _parts(_KIND, rest, "noise")
    if found["kind"] not in NOISE_KINDS:
        raise ValueError(f"{found['kind']!r} is no kind of noise: write {', '.join(NOISE_KINDS)}")
    noisy = Noisy(parse_pattern(found["path"]), found["kind"])
    return replace(route, noise=replace(route.noise, fields=(*route.noise.fields, noisy)))


def subject(rule: str) -> str:
    """The pattern, or the header, that a rule is about, as causes write it; "" if it is about none."""
    verb, rest = _split(rule)
    if verb == "header":
        return rest.lower()
    if verb == "treat_equal":
        return ""
    parts = {"ignore": None, "unordered": _KEY, "tolerance": _NEAR, "noise": _KIND}[verb]
    pattern = parse_pattern(_parts(parts, rest, verb)["path"] if parts else rest)
    return "$" + "".join(map(_rendered, pattern.steps))


def _rendered(step: Step) -> str:
    written = "[*]" if step.key is None else render_step(step.key)
    return f"..{written.removeprefix('.')}" if step.deep else written


def _split(rule: str) -> tuple[str, str]:
    verb, _, rest = rule.strip().partition(" ")
    if verb not in EXAMPLES:
        raise ValueError(f"{rule!r} is no rule: write one of {'; '.join(EXAMPLES.values())}")
    if not rest.strip():
        raise ValueError(f"{rule!r} is not complete: write, for example, {EXAMPLES[verb]}")
    return verb, rest.strip()


def _parts(form: re.Pattern[str], rest: str, verb: str) -> re.Match[str]:
    found = form.fullmatch(rest)
    if not found:
        raise ValueError(f"'{verb} {rest}' cannot be read: write, for example, {EXAMPLES[verb]}")
    return found


def _ignore(compare: Compare, rest: str) -> Compare:
    return replace(compare, ignore=(*compare.ignore, parse_pattern(rest)))


def _unordered(compare: Compare, rest: str) -> Compare:
    found = _parts(_KEY, rest, "unordered")
    return replace(compare, unordered=(*compare.unordered, Unordered(parse_pattern(found["path"]), found["key"] or "")))


def _tolerance(compare: Compare, rest: str) -> Compare:
    found = _parts(_NEAR, rest, "tolerance")
    path, amount, seconds = parse_pattern(found["path"]), _distance(found["abs"]), _distance(found["seconds"])
    if amount is None and seconds is None:
        raise ValueError(f"a tolerance needs how far: write tolerance {path} abs 0.01, or tolerance {path} seconds 2")
    return replace(compare, tolerance=(*compare.tolerance, Tolerance(path, amount, seconds)))


def _distance(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        distance = float(text)
    except ValueError:
        distance = -1.0
    if not (math.isfinite(distance) and distance >= 0):
        raise ValueError(f"{text!r} is no distance: write a number such as 0.01")
    return distance


def _treat_equal(compare: Compare, rest: str) -> Compare:
    words = [word for word in re.split(r"[\s,]+", rest) if word]
    for word in words:
        if word not in TREAT_EQUAL:
            raise ValueError(f"{word!r} cannot be treated as equal: write {', '.join(TREAT_EQUAL)}")
    return replace(compare, treat_equal=tuple(dict.fromkeys((*compare.treat_equal, *words))))


def _header(compare: Compare, rest: str) -> Compare:
    kept = tuple(name for name in compare.headers if name.lower() != rest.lower())
    if len(kept) == len(compare.headers):
        raise ValueError(f"header {rest!r} is not compared now: compared are {', '.join(compare.headers) or 'none'}")
    return replace(compare, headers=kept)


_DRAFTS: dict[str, Callable[[Compare, str], Compare]] = {
    "ignore": _ignore,
    "unordered": _unordered,
    "tolerance": _tolerance,
    "treat_equal": _treat_equal,
    "header": _header,
}


class Stored(NamedTuple):
    """A stored mismatch: the two answers, as far as they were kept."""

    control: View
    candidate: View


@dataclass(frozen=True, slots=True)
class Effect:
    """What a draft rule would do.

    Attributes:
        cleared: mismatches of which nothing is left.
        remaining: mismatches that stay.
        unclear: stored pairs that do not differ as they are stored, so nothing can be said about them.
        hidden: other causes that vanish, by (pattern, kind), and from how many mismatches; the most first.
        passed: the same of a rule that is about no place, of which nobody can say what it is not meant for.
    """

    cleared: int = 0
    remaining: int = 0
    unclear: int = 0
    hidden: dict[tuple[str, Kind], int] = field(default_factory=dict)
    passed: dict[tuple[str, Kind], int] = field(default_factory=dict)


def replay(pairs: Iterable[Stored], before: Rules, after: Rules, asked: Collection[str] = ()) -> Effect:
    """Compare stored mismatches anew, under the rules as they are and under those with the draft.

    Args:
        asked: patterns of the causes that the draft is meant for; all others that vanish are told as hidden. Without any,
            all that vanish are told as passed.
    """
    outcomes: Counter[str] = Counter()
    meant = {pattern for pattern in asked if pattern}
    vanished: Counter[tuple[str, Kind]] = Counter()
    for pair in pairs:
        now, then = _causes(pair, before), _causes(pair, after)
        outcomes["unclear" if not now else "remaining" if then else "cleared"] += 1
        vanished.update(cause for cause in now - then if cause[0] not in meant)
    numbers, told = (outcomes["cleared"], outcomes["remaining"], outcomes["unclear"]), dict(vanished.most_common())
    return Effect(*numbers, hidden=told) if meant else Effect(*numbers, passed=told)


def _causes(pair: Stored, rules: Rules) -> set[tuple[str, Kind]]:
    found = compare(pair.control, pair.candidate, rules)
    return {(cause.pattern, cause.kind) for cause in causes_of(found, pair.control.document, pair.candidate.document)}
