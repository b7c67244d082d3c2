"""Transforms of numbers: scale, decimals, notation. Decimal, exact; a text that is a number counts among texts."""

from __future__ import annotations

import re
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from strangler.core.causes.step import Pair, Step, mirrored
from strangler.core.exact import Number

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_EXACT = Context(prec=300)
_ROUNDINGS = (ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_DOWN)
SCALE, DECIMALS = "scale", "decimals"
_TELLING = 2  # digits below which a number fits anything
_TELLING_TOGETHER = 4  # and below which it fits another scale with other decimals


def decimal(value: Any) -> Decimal | None:
    """The number that a number, or a text that is written like one, is."""
    if type(value) is Decimal:
        return value
    if type(value) not in (Number, str) or not _NUMBER.fullmatch(value):
        return None
    return Decimal(value)


def _numbers(control: Any, candidate: Any) -> tuple[Decimal, Decimal] | None:
    if type(control) is not type(candidate):
        return None
    one, other = decimal(control), decimal(candidate)
    return None if one is None or other is None else (one, other)


def _digits(number: Decimal) -> int:
    """How many digits say something: 100 has one, 1.00 three."""
    digits = "".join(map(str, number.as_tuple().digits)).lstrip("0")
    return len(digits if number.as_tuple().exponent != 0 else digits.rstrip("0"))


def _decimals(number: Decimal) -> int:
    return max(0, -int(number.as_tuple().exponent))


def _scaled(places: int) -> Any:
    def reduce(control: Any, candidate: Any) -> Pair | None:
        both = _numbers(control, candidate)
        if both is None or not any(both):
            return None
        return both[0], _plain(_EXACT.scaleb(both[1], -places))

    return reduce


def _plain(number: Decimal) -> Decimal:
    """Without the zeros that dividing leaves behind the point."""
    short = _EXACT.normalize(number)
    return short if int(short.as_tuple().exponent) <= 0 else _EXACT.quantize(short, Decimal(1))


def _few_digits(control: Any, candidate: Any) -> bool:
    both = _numbers(control, candidate)
    return both is not None and max(map(_digits, both)) < _TELLING


def _notation(control: Any, candidate: Any) -> Pair | None:
    both = _numbers(control, candidate)
    return both if both is not None and both[0] == both[1] else None


def _rounded(control: Any, candidate: Any) -> Pair | None:
    both = _numbers(control, candidate)
    if both is None or _decimals(both[0]) <= _decimals(both[1]):
        return None
    return (both[1], both[1]) if _rounds_to(*both) else None


def _rounds_to(long: Decimal, short: Decimal) -> bool:
    unit = Decimal(1).scaleb(-_decimals(short))
    try:
        return any(long.quantize(unit, rounding, _EXACT) == short for rounding in _ROUNDINGS)
    except InvalidOperation:
        return False


def _hardly_rounded(control: Any, candidate: Any) -> bool:
    both = _numbers(control, candidate)
    if both is None:
        return False
    short, long = sorted(both, key=_decimals)
    return not short or (_digits(short) < _TELLING and _decimals(long) - _decimals(short) < _TELLING)


def by_accident(control: Any, candidate: Any) -> bool:
    """Whether two numbers, on one scale by now, have too few digits to differ in their decimals only by more than accident."""
    both = _numbers(control, candidate)
    return both is not None and min(map(_digits, both)) < _TELLING_TOGETHER


def _to_text(control: Any, candidate: Any) -> Pair | None:
    if type(control) is not Number or type(candidate) is not str:
        return None
    one, other = decimal(control), decimal(candidate)
    if one is None or other is None:
        return str(control), candidate
    return (one, one) if one == other else (one, other)


NOTATIONS = (
    Step("number_to_string", "number became a string", _to_text),
    Step("string_to_number", "string became a number", mirrored(_to_text)),
    Step("number_notation", "same number, written otherwise", _notation),
)
SCALES = (
    Step("times_100", "is 100 times as large", _scaled(2), _few_digits, SCALE),
    Step("divided_by_100", "is 100 times as small", mirrored(_scaled(2)), _few_digits, SCALE),
    Step("times_1000", "is 1,000 times as large", _scaled(3), _few_digits, SCALE),
    Step("divided_by_1000", "is 1,000 times as small", mirrored(_scaled(3)), _few_digits, SCALE),
    Step("rounded", "number has fewer decimals", _rounded, _hardly_rounded, DECIMALS),
    Step("unrounded", "number has more decimals", mirrored(_rounded), _hardly_rounded, DECIMALS),
)
