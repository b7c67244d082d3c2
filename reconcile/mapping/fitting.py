"""What a driver's value becomes in a column: one function per kind, each raising ValueError with what is wrong.

Pure, and the same for every database: what a dialect or a column's size changes comes in as an argument first.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, InvalidOperation
from math import isfinite, isinf, isnan
from typing import Any
from uuid import UUID

SQLITE_DIGITS = 15  # SQLite keeps decimals as doubles: what has more significant digits comes back as another number
NOISE = Decimal("0.001")  # of the last place kept: sums of floats are off by far less, real fractions by far more
EXACT = Context(prec=2000)  # Python's own 28 digits would round; databases keep up to 65 (MariaDB) and far more (PostgreSQL)
_WORDS = {"true": True, "1": True, "false": False, "0": False}
_BITS = {b"\x00": False, b"\x01": True}
_DURATION = re.compile(r"P(?=.)(-?\d+[YMWD])*(T(-?\d+(\.\d+)?[HMS])+)?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,20}", re.ASCII)

# Values that a database keeps and Python has no object for: they are their text, without an offset (which is always +00).
_CLOCK = r"( \d\d:\d\d:\d\d(\.\d{1,6})?)?"
POSTGRESQL_DATES = re.compile(rf"-?infinity|(\d{{5,6}}-\d\d-\d\d{_CLOCK}|\d{{4,6}}-\d\d-\d\d{_CLOCK} BC)", re.ASCII)
MARIADB_DATES = re.compile(rf"\d{{4}}-(00-\d\d|\d\d-00){_CLOCK}", re.ASCII)
_BARE_DAY = re.compile(r"\d+-\d\d-\d\d(?! \d)")
_LIKE_A_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


def at_scale(number: Decimal, scale: int, noise: Decimal = NOISE) -> Decimal:
    """The number with `scale` decimal places; ValueError if more than the noise, in parts of the last place, would be lost."""
    try:
        rounded = number.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    except InvalidOperation:
        raise ValueError("is not a number of that size") from None
    if rounded != number and abs(number - rounded) > noise.scaleb(-scale):
        raise ValueError(f"has more than {scale} decimal places")
    return abs(rounded) if rounded == 0 else rounded


def fit_integer(low: int, high: int, value: Any) -> int:
    if isinstance(value, str) and not _WHOLE.fullmatch(value):
        raise ValueError("is not a whole number")
    if not isinstance(value, int | str) and not _is_whole(value):
        raise ValueError("is not a whole number")
    found = int(value)
    if not low <= found <= high:
        raise ValueError(f"does not fit {(high - low).bit_length()} bits")
    return found


def fit_year(value: Any) -> int:
    """MariaDB takes 24 for 2024."""
    found = fit_integer(0, 2155, value)
    if 0 < found < 1901:
        raise ValueError("is not a year that MariaDB keeps")
    return found


def _is_whole(value: Any) -> bool:
    if isinstance(value, Decimal):
        return value.is_finite() and value.adjusted() < 40 and value == value.to_integral_value()
    return isinstance(value, float) and isfinite(value) and int(value) == value and -(2**53) < int(value) < 2**53


def fit_text(length: int | None, nul: bool, padded: bool, value: Any) -> str:
    """`nul`: whether a NUL may stand in it; `padded`: whether blanks at the end are the column's own, as in CHAR(n)."""
    found = _as_text(length, value)
    if padded:
        found = found.rstrip(" ")
    if length is not None and len(found) > length:
        raise ValueError(f"has more than {length} characters")
    if not nul and "\x00" in found:
        raise ValueError("has a NUL in it, which PostgreSQL does not keep in text")
    if not found.isascii() and any("\ud800" <= character <= "\udfff" for character in found):
        raise ValueError("is not valid UTF-8")
    return found


def _as_text(length: int | None, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return _in_utc(value).isoformat().replace("+00:00", "Z")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, UUID):
        return value.hex if length == 32 else str(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    raise ValueError(f"is a {type(value).__name__}, which has no one spelling as text: use `sql`, `map` or `convert`")


def fit_choice(choices: frozenset[str], value: Any) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError("is not one of the column's values")
    return value


def fit_float(infinite: bool, nan: bool, value: Any) -> float:
    """`infinite`, `nan`: whether the column keeps infinities, and what is not a number."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a number") from None
    if isinstance(value, bytes) or (isnan(found) and not nan):
        raise ValueError("is not a number")
    if isinf(found) and not infinite:
        raise ValueError("is infinite, which the column cannot keep")
    if isinstance(value, int) and int(found) != value:
        raise ValueError("is too large to be kept exactly as a float")
    return found + 0.0  # -0.0 + 0.0 is 0.0


def fit_single(value: Any) -> float:
    """A float of 32 bits, as the 64-bit one with the fewest digits that names it."""
    found = fit_float(True, True, value)
    try:
        kept = struct.pack("f", found)
    except OverflowError:
        raise ValueError("is too large for a float of 32 bits") from None
    exact = struct.unpack("f", kept)[0]
    shortest = (float(f"{exact:.{digits}g}") for digits in range(6, 10))
    return next((each for each in shortest if struct.pack("f", each) == kept), exact) + 0.0


def fit_decimal(digits: int | None, scale: int | None, endless: bool, value: Any) -> Decimal:
    """`digits`: how many significant ones the database keeps; `endless`: whether infinities and NaN have a place."""
    number = _as_decimal(value)
    if not number.is_finite():
        if endless and (scale is None or number.is_nan()):
            return number
        raise ValueError("is not a number that a database keeps")
    if number.adjusted() > 308:
        raise ValueError("is not a number that a database keeps")
    noise = NOISE if isinstance(value, float) else Decimal(0)
    number = (number.normalize(EXACT) if number else Decimal(0)) if scale is None else at_scale(number, scale, noise)
    if digits is not None and len(number.normalize(EXACT).as_tuple().digits) > digits:
        raise ValueError(f"has more than the {digits} digits that SQLite keeps of a decimal")
    return number


def fit_sized_decimal(whole: int, fit: Callable[[Any], Decimal], value: Any) -> Decimal:
    """With at most so many digits before the point, as DECIMAL(12, 2) has 10."""
    number = fit(value)
    if number.is_finite() and number and number.adjusted() >= whole:
        raise ValueError(f"has more than {whole} digits before the point")
    return number


def _as_decimal(value: Any) -> Decimal:
    if not isinstance(value, int | float | str | Decimal):
        raise ValueError("is not a number")
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError("is not a number") from None


def fit_boolean(value: Any) -> bool:
    found = _WORDS.get(value) if isinstance(value, str) else value
    found = _BITS.get(found) if isinstance(found, bytes) else found
    if not isinstance(found, int) or found not in (0, 1):
        raise ValueError("is neither true nor false")
    return bool(found)


def fit_moment(places: int, odd: re.Pattern[str] | None, value: Any) -> datetime | str:
    """Without an offset, in UTC where the value had one, cut (never rounded into the next day) to the column's places.

    `odd`: texts that the column keeps as well.
    """
    if isinstance(value, str) and odd and odd.fullmatch(shown := value.replace("+00", "", 1)):
        return _BARE_DAY.sub(r"\g<0> 00:00:00", shown)
    found = _as_moment(value)
    found = _in_utc(found).replace(tzinfo=None) if found.tzinfo else found
    unit = 10 ** (6 - places)
    return found.replace(microsecond=found.microsecond // unit * unit) if found.microsecond % unit else found


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("is outside the years 1 to 9999") from None


def _as_moment(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("is not a moment") from None
    if type(found) is date:
        return datetime(found.year, found.month, found.day)
    if not isinstance(found, datetime):
        raise ValueError("is not a moment")
    return found


def fit_date(odd: re.Pattern[str] | None, value: Any) -> date | str:
    if isinstance(value, str) and odd and odd.fullmatch(value):
        return value
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("is not a date") from None
    if not isinstance(found, date) or isinstance(found, datetime):
        raise ValueError("is not a date")
    return found


def fit_time(places: int, value: Any) -> time:
    """A time of day; MariaDB's driver gives a duration, of which only those within a day are one."""
    if isinstance(value, timedelta) and timedelta(0) <= value < timedelta(days=1):
        value = (datetime.min + value).time()
    try:
        found = time.fromisoformat(value) if isinstance(value, str) and ":" in value else value
    except ValueError:
        raise ValueError("is not a time of day") from None
    if not isinstance(found, time) or found.tzinfo is not None:
        raise ValueError("is not a time of day")
    unit = 10 ** (6 - places)
    return found.replace(microsecond=found.microsecond // unit * unit)


def fit_bytes(length: int | None, padded: bool, value: Any) -> bytes:
    """`padded`: a shorter value is filled with zeros, as BINARY(n) does."""
    if isinstance(value, UUID):
        value = value.bytes
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("is not bytes")
    found = bytes(value)
    if length is not None and len(found) > length:
        raise ValueError(f"has more than {length} bytes")
    return found.ljust(length, b"\x00") if padded and length is not None else found


def fit_uuid(value: Any) -> UUID:
    try:
        if isinstance(value, bytes) and len(value) == 16:
            return UUID(bytes=value)
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise ValueError("is not a UUID") from None


def fit_duration(value: Any) -> str:
    """As PostgreSQL spells an interval when it is asked for ISO 8601."""
    if not isinstance(value, str) or not _DURATION.fullmatch(value):
        raise ValueError("is not a duration such as P1DT2H")
    return value


def fit_any(value: Any) -> Any:
    """A column without a type keeps each value with the type it came with."""
    if isinstance(value, float):
        return fit_float(True, False, value)
    if not isinstance(value, int | str | bytes):
        return fit_text(None, True, False, value)
    return fit_integer(-(2**63), 2**63 - 1, value) if isinstance(value, int) else value


def fit_loose(value: Any) -> Any:
    """A column of SQLite whose type's name says nothing makes numbers of all that looks like one."""
    found = fit_any(value)
    if isinstance(found, str) and _LIKE_A_NUMBER.fullmatch(found):
        raise ValueError("looks like a number, and would become one in a column of this type: declare it TEXT")
    return int(found) if isinstance(found, float) and found.is_integer() and abs(found) < 2**63 else found
