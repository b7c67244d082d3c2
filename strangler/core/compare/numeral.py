"""Numbers by their digits, of any length and size: 1.0 is 1, and 2 to the power of 63 plus 1 is not plus 2 (RFC 8259, section 6).

Nothing here is computed at the size of its value: 1e999999999 has one digit.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, InvalidOperation

_NUMBER = re.compile(r"(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?")
_LONGEST = 4_000  # digits of an exponent that are read as a number; Python refuses more than 4,300
# Enough digits for a difference of what people write; the exponents are the largest that the decimal module has.
_WIDE = Context(prec=100, Emin=-999_999_999_999_999_999, Emax=999_999_999_999_999_999, traps=[])


def plain(text: str) -> str:
    """One spelling for all spellings of a number: digits without zeros at either end, and the exponent unless it is 0.

    `text` is a JSON number. An exponent of more than 4,000 digits is left as it is written.
    """
    if text.isdecimal() and text[-1] != "0":  # nearly all of them
        return text
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    sign, whole, fraction, exponent = found.groups("")
    digits = (whole + fraction).lstrip("0")
    kept = digits.rstrip("0")
    if not kept:
        return "0"
    if len(exponent) > _LONGEST:
        return text
    power = int(exponent or "0") - len(fraction) + len(digits) - len(kept)
    return f"{sign}{kept}e{power}" if power else sign + kept


def is_number(text: str) -> bool:
    """Whether a text is what JSON would take for a number."""
    found = _NUMBER.fullmatch(text)
    return found is not None and (found[2] == "0" or not found[2].startswith("0")) and text.isascii()


def within(control: str, candidate: str, distance: float) -> bool:
    """Whether two numbers are at most `distance` apart; False if one of the texts is no number."""
    if not (is_number(control) and is_number(candidate)):
        return False
    try:
        apart = _WIDE.subtract(Decimal(control), Decimal(candidate))
    except InvalidOperation:  # an exponent beyond all bounds
        return False
    return not apart.is_nan() and abs(apart) <= Decimal(str(distance))
