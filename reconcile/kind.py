"""What a column can hold, and what a value becomes in it: the table that makes two databases comparable.

Both sides are reduced by the kind of the *new* column. `fit` says what the column would hold after the value was stored, or
raises ValueError; the applier stores exactly that, so what is compared is what was meant. `text` is the one spelling of a
fitted value that is hashed. `stored` is how the SQLite driver takes it; other dialects bring their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

from reconcile.convert import at_scale

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

SQLITE_DIGITS = 15  # SQLite keeps decimals as doubles: what has more significant digits comes back as another number
_WORDS = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of column.

    Attributes:
        noun: what it holds, for messages.
        fit: any driver's value (never None) as this column would hold it.
        text: a fitted value as bytes; equal values have equal bytes, different values different ones.
        stored: a fitted value as the SQLite driver takes it.
    """

    name: str
    noun: str
    fit: Callable[[Any], Any]
    text: Callable[[Any], bytes]
    stored: Callable[[Any], Any] = lambda value: value

    @property
    def ordered(self) -> bool:
        """Whether its values may be keys: SQL and Python must sort them alike."""
        return self.name in ("integer", "text")


def kind_of(column_type: TypeEngine[Any]) -> Kind | None:
    """The kind of a reflected column type; None for one that cannot be compared yet."""
    from sqlalchemy import types

    if isinstance(column_type, types.Numeric) and not isinstance(column_type, types.Float):
        return decimal(column_type.scale)
    table = (
        (types.Boolean, BOOLEAN),
        (types.Integer, INTEGER),
        (types.Float, FLOAT),
        (types.DateTime, MOMENT),
        (types.Date, DATE),
        (types.String, TEXT),
        (types.LargeBinary, BYTES),
        (types.NullType, ANY),
    )
    return next((kind for family, kind in table if isinstance(column_type, family)), None)


def decimal(scale: int | None) -> Kind:
    """Decimals with a fixed number of places, or any number of them (None)."""
    places = "a decimal" if scale is None else f"a decimal with {scale} places"
    return Kind("decimal", places, partial(_fit_decimal, scale), lambda value: f"{value:f}".encode(), lambda value: f"{value:f}")


def _fit_integer(value: Any) -> int:
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,19}", value, re.ASCII):
        raise ValueError("is not a whole number")
    if not isinstance(value, int | str) and not _is_whole(value):
        raise ValueError("is not a whole number")
    found = int(value)
    if not -(2**63) <= found < 2**63:
        raise ValueError("does not fit 64 bits")
    return found


def _is_whole(value: Any) -> bool:
    return isinstance(value, float | Decimal) and isfinite(value) and int(value) == value and -(2**53) < int(value) < 2**53


def _fit_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"is a {type(value).__name__}, which has no one spelling as text: use `sql`, `map` or `convert`")


def _fit_float(value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("is not a number") from None
    if isnan(found) or isinstance(value, bytes):
        raise ValueError("is not a number")
    if isinstance(value, int) and int(found) != value:
        raise ValueError("is too large to be kept exactly as a float")
    return found + 0.0  # -0.0 + 0.0 is 0.0


def _fit_decimal(scale: int | None, value: Any) -> Decimal:
    if not isinstance(value, int | float | str | Decimal):
        raise ValueError("is not a number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except ArithmeticError:
        raise ValueError("is not a number") from None
    if not number.is_finite() or number.adjusted() > 308:
        raise ValueError("is not a number that a database keeps")
    number = (number.normalize() if number else Decimal(0)) if scale is None else at_scale(number, scale)
    if len(number.normalize().as_tuple().digits) > SQLITE_DIGITS:
        raise ValueError(f"has more than the {SQLITE_DIGITS} digits that SQLite keeps of a decimal")
    return number


def _fit_boolean(value: Any) -> bool:
    found = _WORDS.get(value) if isinstance(value, str) else value
    if not isinstance(found, int) or found not in (0, 1):
        raise ValueError("is neither true nor false")
    return bool(found)


def _fit_moment(value: Any) -> datetime:
    """Without an offset, and in UTC where the value had one."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        raise ValueError("is not a moment")
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _fit_date(value: Any) -> date:
    found = date.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, date) or isinstance(found, datetime):
        raise ValueError("is not a date")
    return found


def _fit_bytes(value: Any) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ValueError("is not bytes")
    return bytes(value)


def _fit_any(value: Any) -> Any:
    """A column without a type keeps each value with the type it came with."""
    if isinstance(value, float):
        return _fit_float(value)
    if not isinstance(value, int | str | bytes):
        return _fit_text(value)
    return int(value) if isinstance(value, bool) else value


def _any_text(value: Any) -> bytes:
    payload = value if isinstance(value, bytes) else _utf8(str(value))
    return type(value).__name__.encode() + b" " + payload


def _utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _ascii(value: Any) -> bytes:
    return str(value).encode("ascii")


INTEGER = Kind("integer", "a whole number", _fit_integer, _ascii)
TEXT = Kind("text", "text", _fit_text, _utf8)
FLOAT = Kind("float", "a float", _fit_float, lambda value: repr(value).encode("ascii"))
BOOLEAN = Kind("boolean", "true or false", _fit_boolean, lambda value: b"1" if value else b"0", int)
MOMENT = Kind(
    "moment",
    "a moment",
    _fit_moment,
    lambda value: value.isoformat(" ", "microseconds").encode("ascii"),
    lambda value: value.isoformat(" ", "microseconds"),  # as SQLAlchemy keeps a DateTime in SQLite
)
DATE = Kind("date", "a date", _fit_date, _ascii, str)
BYTES = Kind("bytes", "bytes", _fit_bytes, bytes)
ANY = Kind("any", "anything", _fit_any, _any_text)
