"""Times as answers write them: ISO 8601 with or without a zone, HTTP dates, and seconds or milliseconds since 1970."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from strangler.core.compare.numeral import is_number

_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,12}))?\s?(Z|z|[+-]\d\d(?::?\d\d)?)?)?"
)  # RFC 3339 section 5.6, and what databases print
_HTTP = re.compile(r"[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) GMT")  # RFC 9110 section 5.6.7
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Between 1973 and 5138, a number can be seconds or milliseconds since 1970, but not both.
_MILLISECONDS_FROM, _TOO_LARGE = 100_000_000_000, 100_000_000_000_000


def seconds(text: str) -> Decimal | None:
    """Seconds since 1970, or None if a text is no time. A time without a zone is read as UTC."""
    if len(text) > 64:
        return None
    if is_number(text) and "e" not in text.lower():
        return _since_1970(Decimal(text))
    try:
        return _iso(text) if text[:1].isdecimal() else _http(text)
    except (ValueError, OverflowError):
        return None


def within(control: str, candidate: str, distance: float) -> bool:
    """Whether two times are at most `distance` seconds apart; False if one of the texts is no time."""
    ours, theirs = seconds(control), seconds(candidate)
    return ours is not None and theirs is not None and abs(ours - theirs) <= Decimal(str(distance))


def format_of(text: str) -> str:
    """How a time is written: its text with every digit a 0, fractions of any length one, and names of days and months Aaa."""
    return re.sub(r"[A-Z][a-z]{2}", "Aaa", re.sub(r"\d", "0", re.sub(r"(?<=:\d\d)[.,]\d+", ".0", text)))


def is_day(text: str) -> bool:
    """Whether a time is written as a day alone."""
    return len(text) == 10 and text[4:5] == "-"


def _since_1970(number: Decimal) -> Decimal | None:
    if not -_TOO_LARGE < number < _TOO_LARGE:
        return None
    return number / 1000 if abs(number) >= _MILLISECONDS_FROM else number


def _iso(text: str) -> Decimal | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    day, clock, fraction, zone = found.groups("")
    zone = zone.upper() if zone else "Z"
    moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone}")
    return _after_1970(moment) + Decimal(f"0.{fraction or 0}")


def _http(text: str) -> Decimal | None:
    found = _HTTP.fullmatch(text)
    if not found or found[2] not in _MONTHS:
        return None
    return _after_1970(datetime.fromisoformat(f"{found[3]}-{_MONTHS.index(found[2]) + 1:02}-{found[1]}T{found[4]}Z"))


def _after_1970(moment: datetime) -> Decimal:
    return Decimal((moment - _EPOCH) // timedelta(seconds=1))
