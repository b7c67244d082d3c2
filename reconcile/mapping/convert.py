"""Converters: what a mapping may do to one value, by name.

A converter takes the old side's value (never None: NULL stays NULL) and gives a Python value; what that becomes is decided
by the type of the new column (`kind`). It raises ValueError, with what is wrong, rather than guess. Where it had to apply a
declared rule it says so with `note`, and the notes are counted in every report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconcile.mapping.fitting import EXACT, NOISE, at_scale, fit_uuid

Note = Callable[[str], None]
Convert = Callable[[Any, Note], Any]

TWICE = "local times that stand twice on the clock, taken as the first"
NEVER = "local times that the clock jumped over, taken as if it had not"
OUTSIDE = "is outside the years 1 to 9999"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TRUE = {"1", "t", "true", "y", "yes", "on"}
FALSE = {"0", "f", "false", "n", "no", "off"}


@dataclass(frozen=True, slots=True)
class Converter:
    """One converter: `gives` is the kind of value that comes out ("" where it is the kind that went in)."""

    gives: str
    make: Callable[[str | None], Convert]
    needs_zone: bool = False


def local_time(zone: ZoneInfo, value: Any, note: Note) -> datetime:
    """``2024-10-27 02:30:00`` on a clock on the wall, as the moment it was.

    The hour that stands twice when summer time ends is its first (fold=0); one that never was, when summer time begins,
    is read with the offset before the jump. Both are Python's own rule (PEP 495) and both are noted.
    """
    local = value if isinstance(value, datetime) else _moment(value)
    if local.tzinfo is not None:
        raise ValueError("already says its offset from UTC")
    try:
        return _in_zone(local, zone, note)
    except OverflowError:
        raise ValueError(OUTSIDE) from None


def _in_zone(local: datetime, zone: ZoneInfo, note: Note) -> datetime:
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        back = first.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        note(TWICE if back == local else NEVER)
    return first.astimezone(UTC)


def epoch_seconds(value: Any, note: Note) -> datetime:
    """Seconds since 1970-01-01 UTC, fractions to the microsecond."""
    try:
        return _EPOCH + timedelta(microseconds=int(_number(value) * 1_000_000))
    except OverflowError:
        raise ValueError(OUTSIDE) from None


def epoch_milliseconds(value: Any, note: Note) -> datetime:
    """Milliseconds since 1970-01-01 UTC, as Java and JavaScript count."""
    return epoch_seconds(_number(value) / 1000, note)


def cents(value: Any, note: Note) -> int:
    """An amount of money in hundredths. 19.99 as a float is 1998.9999999999998 hundredths, and is 1999."""
    return int(at_scale(_number(value), 2, NOISE if isinstance(value, float) else Decimal(0)).scaleb(2, EXACT))


def blank_to_null(value: Any, note: Note) -> Any:
    """Text with nothing but blanks in it is NULL."""
    return None if isinstance(value, str) and not value.strip() else value


def trim(value: Any, note: Note) -> Any:
    """Text without the blanks around it."""
    return value.strip() if isinstance(value, str) else value


def day(value: Any, note: Note) -> date:
    """The day of a moment, as it is written; a clock in another zone would show another."""
    if isinstance(value, str):
        value = _moment(value, "is neither a date nor a moment")
    if isinstance(value, datetime):
        return value.date()
    if not isinstance(value, date):
        raise ValueError("is neither a date nor a moment")
    return value


def uuid(value: Any, note: Note) -> UUID:
    """A UUID, however it was kept: with dashes or without, or as 16 bytes."""
    return fit_uuid(value)


def truth(value: Any, note: Note) -> bool:
    """1, t, true, y, yes, on and their opposites."""
    word = str(value).strip().lower()
    if word not in TRUE | FALSE:
        raise ValueError("is neither true nor false")
    return word in TRUE


def zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises ValueError with what to write."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone: write its name, such as Europe/Amsterdam") from None


CONVERTERS = {
    "local_time": Converter("moment", lambda name: partial(local_time, zone(name or "")), needs_zone=True),
    "epoch_seconds": Converter("moment", lambda _: epoch_seconds),
    "cents": Converter("integer", lambda _: cents),
    "blank_to_null": Converter("", lambda _: blank_to_null),
    "bool": Converter("boolean", lambda _: truth),
    "trim": Converter("text", lambda _: trim),
    "date": Converter("date", lambda _: day),
    "uuid": Converter("uuid", lambda _: uuid),
    "epoch_milliseconds": Converter("moment", lambda _: epoch_milliseconds),
}


def _moment(value: Any, otherwise: str = "is not a local time such as 2024-10-27 02:30:00") -> datetime:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError(otherwise) from None


def _number(value: Any) -> Decimal:
    """A number, exactly: a float by the shortest digits that read back as it."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("is not a number")
    try:
        number = Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise ValueError("is not a number") from None
    if not number.is_finite():
        raise ValueError("is not a number")
    return number
