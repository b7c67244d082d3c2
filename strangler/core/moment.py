"""Points in time as answers write them: ISO 8601, HTTP dates, seconds or milliseconds since 1970. What is not one is None.

It reads; it does not guess: a number counts as a time only where its size says seconds (or thousandths, millionths) since
1970 between 2001 and 2100.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from strangler.core.exact import Number

DAY = 86400
_EPOCH = date(1970, 1, 1).toordinal()
_FIRST, _LAST = 978_307_200, 4_102_444_800  # 2001 and 2100, in seconds since 1970
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}

# RFC 3339 section 5.6, and what is written beside it: a space for the T, no seconds, an offset without a colon.
_ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:(?P<sep>[Tt ])(\d\d):(\d\d)(?::(\d\d)(?:[.,](?P<fraction>\d{1,18}))?)?"
    r" ?(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>\d\d)(?::?(?P<minutes>\d\d))?)?)?",
    re.ASCII,
)
# RFC 9110 section 5.6.7 (IMF-fixdate), and the numeric offset of RFC 5322.
_HTTP = re.compile(
    r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), )?(\d\d?) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) "
    r"(\d\d):(\d\d):(\d\d) (?:GMT|UTC|(?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d))",
    re.ASCII,
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_COUNT = re.compile(r"\d{10,19}(?:\.\d{1,9})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was written.

    Attributes:
        local: seconds since 1970 on a clock on the wall where it was written.
        offset: of that clock, in seconds east of UTC; None if it is not said.
        form: how it was written; two of one form are read by the same reader.
    """

    local: Decimal
    offset: int | None
    form: str

    @property
    def instant(self) -> Decimal:
        """Seconds since 1970; a clock without an offset counts as UTC."""
        return self.local - (self.offset or 0)


def read(value: Any) -> Moment | None:
    """The time that a value of a document is, if it is one."""
    if type(value) is Number:
        return _count(value)
    if type(value) is not str or not 10 <= len(value) <= 60:
        return None
    return _iso(value) or _http(value) or _count(value)


def _iso(text: str) -> Moment | None:
    found = _ISO.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second = (int(found[group] or 0) for group in (1, 2, 3, 5, 6, 7))
    whole = _seconds(year, month, day, hour, minute, second)
    if whole is None:
        return None
    local = whole + Decimal(f"0.{found['fraction']}" if found["fraction"] else 0)
    zone = found["zone"] or ""
    written = zone if zone in ("", "Z", "z") else "+"
    return Moment(local, _offset(found) if zone else None, f"{found['sep']} {written}".strip() if found["sep"] else "date")


def _http(text: str) -> Moment | None:
    found = _HTTP.fullmatch(text)
    if not found:
        return None
    clock = _seconds(int(found[3]), _MONTHS.index(found[2]) + 1, *(int(found[group]) for group in (1, 4, 5, 6)))
    return None if clock is None else Moment(Decimal(clock), _offset(found), "http")


def _count(text: str) -> Moment | None:
    if not _COUNT.fullmatch(text):
        return None
    count, written = Decimal(text), "number" if type(text) is Number else "text"
    for unit, size in _UNITS.items():
        if _FIRST <= count / size < _LAST:
            return Moment(count / size, 0, f"{unit} {written}")
    return None


def _offset(found: re.Match[str]) -> int:
    if not found["sign"]:
        return 0
    seconds = int(found["hours"]) * 3600 + int(found["minutes"] or 0) * 60
    return -seconds if found["sign"] == "-" else seconds


def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int | None:
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    try:
        days = date(year, month, day).toordinal() - _EPOCH
    except ValueError:
        return None
    return days * DAY + hour * 3600 + minute * 60 + second
