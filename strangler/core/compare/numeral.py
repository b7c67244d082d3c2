"""Numbers by their digits, of any length and size: 1.0 is 1, and 2 to the power of 63 plus 1 is not plus 2 (RFC 8259, section 6).

Nothing here is computed at the size of its value: 1e999999999 has one digit.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
_SHORT = 20  # characters of a number that is written out
_LONGEST = 4_000  # digits of an exponent that are read as a number; Python refuses more than 4,300
# Enough digits for a difference of what people write; the exponents are the largest that the decimal module has.
_WIDE = Context(prec=100, Emin=-999_999_999_999_999_999, Emax=999_999_999_999_999_999, traps=[])


def plain(text: str) -> str:
    """One spelling for all spellings of a number: without an exponent if that is short, else as digits and exponent.

    `text` is a JSON number. One whose exponent has more than 4,000 digits is left as it is written.
    """
    if len(text) <= _SHORT and (text.isdecimal() or (text[-1] != "0" and "." in text and "e" not in text and "E" not in text)):
        return text  # nearly all of them
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    sign, whole, fraction, exponent = found.groups("")
    digits = (whole + fraction).rstrip("0")
    if not digits:
        return "0"
    if len(exponent) > _LONGEST:
        return text
    power = int(exponent or "0") + len(whole) - len(digits)
    return _spelt(sign, digits.lstrip("0"), power)


def _spelt(sign: str, digits: str, power: int) -> str:
    """Digits times a power of ten."""
    if -_SHORT < power < _SHORT:
        padded = digits.rjust(1 - power, "0")
        short = sign + (padded + "0" * power if power >= 0 else f"{padded[:power]}.{padded[power:]}")
        if len(short) <= _SHORT:
            return short
    return f"{sign}{digits}e{power}"


def is_number(text: str) -> bool:
    """Whether a text is what JSON would take for a number."""
    found = _NUMBER.fullmatch(text)
    return found is not None and (found[2] == "0" or not found[2].startswith("0")) and text.isascii()


def same(control: str, candidate: str) -> bool:
    """Whether two texts are spellings of one number."""
    return is_number(control) and is_number(candidate) and plain(control) == plain(candidate)


def within(control: str, candidate: str, distance: float) -> bool:
    """Whether two numbers are at most `distance` apart; False if one of the texts is no number."""
    if not (is_number(control) and is_number(candidate)):
        return False
    try:
        apart = _WIDE.subtract(Decimal(control), Decimal(candidate))
    except InvalidOperation:  # an exponent beyond all bounds
        return False
    return not apart.is_nan() and apart.copy_abs() <= Decimal(str(distance))
