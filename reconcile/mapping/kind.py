"""What a column can hold, and what a value becomes in it: the values that make two databases comparable.

Both sides are reduced by the kind of the *new* column. `fit` says what the column would hold after the value was stored, or
raises ValueError; the applier stores exactly that, so what is compared is what was meant. `text` is the one spelling of a
fitted value that is hashed; `databases.spelling` has the same as SQL. Which kind a live column has is said by `column_kind`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from re import Pattern
from typing import TYPE_CHECKING, Any

from reconcile.mapping import fitting, json_text
from reconcile.mapping.fitting import SQLITE_DIGITS

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

MICROSECONDS = 6
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}  # as PostgreSQL spells them
_ORDERED = ("integer", "text", "date", "uuid")


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of column.

    Attributes:
        noun: what it holds, for messages.
        fit: any driver's value (never None) as this column would hold it.
        text: a fitted value as bytes; equal values have equal bytes, different values different ones.
        stored: a fitted value as the driver of the column's database takes it.
        framed: whether its text may hold anything, so that only its length tells where it ends.
        places: decimals of a number, or of a second; None for any number of them.
        length: of a text in characters, of bytes in bytes; None where there is no end.
        kept: how the database keeps it, where one kind is kept in more than one way: ``zoned``, ``padded``, ``bit``, ``double``.
    """

    name: str
    noun: str
    fit: Callable[[Any], Any]
    text: Callable[[Any], bytes]
    stored: Callable[[Any], Any] = _same
    framed: bool = False
    places: int | None = None
    length: int | None = None
    kept: str = ""

    @property
    def ordered(self) -> bool:
        """Whether its values may be keys: SQL and Python must sort them alike."""
        return self.name in _ORDERED


def kind_of(column_type: TypeEngine[Any], dialect: str = "sqlite") -> Kind | None:
    """The kind of a reflected column type; None for one that cannot be compared yet."""
    from reconcile.mapping.column_kind import find  # it builds its table from the kinds below

    return find(column_type, dialect)


def integer(low: int = -(2**63), high: int = 2**63 - 1, kept: str = "") -> Kind:
    """Whole numbers from `low` to `high`."""
    return Kind("integer", "a whole number", partial(fitting.fit_integer, low, high), _ascii, kept=kept)


def text(length: int | None = None, *, nul: bool = True, padded: bool = False) -> Kind:
    """Text of at most `length` characters; `nul` and `padded` as `fit_text` has them."""
    fit = partial(fitting.fit_text, length, nul, padded)
    return Kind("text", "text", fit, _utf8, framed=True, length=length, kept="padded" if padded else "")


def choice(choices: Collection[str]) -> Kind:
    """One of a few words; text in every other way."""
    fit = partial(fitting.fit_choice, frozenset(choices))
    return Kind("text", "one of its own words", fit, _utf8, framed=True, kept="enum")


def decimal(scale: int | None, *, digits: int | None = SQLITE_DIGITS, endless: bool = False, whole: int | None = None) -> Kind:
    """Decimals with a fixed number of places, or any number of them (None).

    `digits`: significant ones that are kept, None for all; `endless`: with NaN and infinities; `whole`: the most before the
    point.
    """
    places = "a decimal" if scale is None else f"a decimal with {scale} places"
    fit = partial(fitting.fit_decimal, digits, scale, endless)
    fit = fit if whole is None else partial(fitting.fit_sized_decimal, whole, fit)
    stored, kept = (_same, "") if digits is None else (_plain, "double")
    return Kind("decimal", places, fit, lambda value: _plain(value).encode(), stored, places=scale, kept=kept)


def floating(*, infinite: bool = True, nan: bool = False) -> Kind:
    """Binary floating point of 64 bits."""
    return Kind("float", "a float", partial(fitting.fit_float, infinite, nan), _float_text)


def moment(
    places: int = MICROSECONDS, *, odd: Pattern[str] | None = None, kept: str = "", stored: Callable[[Any], Any] = _same
) -> Kind:
    """A date with a time, in UTC where it has a zone (`kept` is ``zoned``); `odd`: texts that the column keeps as well."""
    fit = partial(fitting.fit_moment, places, odd)
    return Kind("moment", "a moment", fit, _moment_text, stored, places=places, kept=kept)


def day(*, odd: Pattern[str] | None = None, stored: Callable[[Any], Any] = _same) -> Kind:
    """A date; `odd`: texts that the column keeps as well."""
    return Kind("date", "a date", partial(fitting.fit_date, odd), _ascii, stored)


def clock(places: int = MICROSECONDS, *, stored: Callable[[Any], Any] = _same) -> Kind:
    """A time of day."""
    return Kind("time", "a time of day", partial(fitting.fit_time, places), _clock_text, stored, places=places)


def binary(length: int | None = None, *, padded: bool = False) -> Kind:
    """Bytes, at most `length`; `padded` with zeros up to it."""
    kept = "padded" if padded else ""
    return Kind("bytes", "bytes", partial(fitting.fit_bytes, length, padded), _hexadecimal, length=length, kept=kept)


def _plain(value: Decimal) -> str:
    return f"{value:f}"


def _utf8(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _ascii(value: Any) -> bytes:
    return str(value).encode("ascii")


def _hexadecimal(value: bytes) -> bytes:
    return value.hex().upper().encode("ascii")


def float_text(value: float) -> str:
    """Shortest digits that read back as this float, as a whole number and a power of ten: ``15e-1``."""
    shown = repr(value + 0.0)
    if shown in _NOT_FINITE:
        return _NOT_FINITE[shown]
    sign, digits, exponent = Decimal(shown).normalize().as_tuple()
    return f"{'-' * sign}{''.join(map(str, digits))}e{exponent}"


def _float_text(value: float) -> bytes:
    return float_text(value).encode("ascii")


def moment_text(value: datetime | str) -> str:
    """``2024-01-02 03:04:05.25``: no zeros at the end of a fraction, and no fraction that is zero."""
    shown = value if isinstance(value, str) else value.isoformat(" ")
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _moment_text(value: datetime | str) -> bytes:
    return moment_text(value).encode("ascii")


def _clock_text(value: time) -> bytes:
    shown = value.isoformat("auto")
    return (shown.rstrip("0") if "." in shown else shown).encode("ascii")


def _any_text(value: Any) -> bytes:
    """The name of its type, then its text: 5, '5' and 5.0 stay three values."""
    name = type(value).__name__
    shown = value.hex().upper() if isinstance(value, bytes) else float_text(value) if isinstance(value, float) else str(value)
    return _utf8(f"{name} {shown}")


def _sqlite_moment(value: datetime) -> str:
    return value.isoformat(" ", "microseconds")  # as SQLAlchemy keeps a DateTime in SQLite


def _sqlite_clock(value: time) -> str:
    return value.isoformat("microseconds")


def _sqlite_day(value: date) -> str:
    return value.isoformat()


INTEGER = integer()
TEXT = text()
FLOAT = floating()
SINGLE = Kind("float", "a float of 32 bits", fitting.fit_single, _float_text, kept="single")
BOOLEAN = Kind("boolean", "true or false", fitting.fit_boolean, lambda value: b"1" if value else b"0", int)
MOMENT = moment(stored=_sqlite_moment, kept="text")
DATE = day(stored=_sqlite_day)
TIME = clock(stored=_sqlite_clock)
BYTES = binary()
UUID = Kind("uuid", "a UUID", fitting.fit_uuid, lambda value: value.hex.encode("ascii"))
YEAR = Kind("integer", "a year", fitting.fit_year, _ascii, kept="year")
JSON = Kind("json", "JSON", json_text.fit, lambda value: _utf8(json_text.canonical(value)), framed=True)
DURATION = Kind("duration", "a duration such as P1DT2H", fitting.fit_duration, _ascii)
ANY = Kind("any", "anything", fitting.fit_any, _any_text, framed=True)
LOOSE = Kind("any", "anything but text that looks like a number", fitting.fit_loose, _any_text, framed=True)
