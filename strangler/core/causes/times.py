"""Transforms of times: another way to write the same one, and clocks in another zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from strangler.core.causes.step import Pair, Step, mirrored
from strangler.core.moment import DAY, Moment, read

_HALF_HOUR = 1800
_FARTHEST = 14 * 3600  # from UTC that a zone is (Kiribati)
_COUNTED = ("s ", "ms ", "us ", "ns ")
_ANY_FORM = "any"
_LOOSE = re.compile(
    r"(?:(?P<first>\d{1,2})[./-](?P<second>\d{1,2})[./-](?P<year>\d{4})|(?P<y>\d{4})[./]?(?P<m>\d\d)[./]?(?P<d>\d\d))"
    r"(?:[T ,]+(?P<hour>\d{1,2}):?(?P<minute>\d\d)(?::?(?P<sec>\d\d))?Z?)?",
    re.ASCII,
)


def _moment(value: Any) -> Moment | None:
    return value if type(value) is Moment else read(value)


def _is_counted(moment: Moment) -> bool:
    return moment.form.startswith(_COUNTED)


def _format(control: Any, candidate: Any) -> Pair | None:
    """The two times without the way they are written; None if they are written the same way."""
    if type(control) is Moment or type(candidate) is Moment:
        return None
    one, other = read(control), read(candidate)
    if one is None or other is None:
        return _loosely(control, candidate)
    if _is_counted(one) and _is_counted(other):  # numbers, which differ in scale or type
        return None
    if one.form == other.form:
        return (one, one) if (one.local, one.offset) == (other.local, other.offset) else None
    if any(moment.form == "date" or _is_counted(moment) for moment in (one, other)):
        return _at(one.instant if _is_counted(other) else one.local), _at(other.instant if _is_counted(one) else other.local)
    return Moment(one.local, one.offset, _ANY_FORM), Moment(other.local, other.offset, _ANY_FORM)


def _at(seconds: Decimal) -> Moment:
    return Moment(seconds, 0, _ANY_FORM)


def _loosely(control: Any, candidate: Any) -> Pair | None:
    """A written date that could be read in more than one way, beside one that cannot."""
    for loose, exact in ((control, candidate), (candidate, control)):
        moment = read(exact)
        if moment is not None and type(loose) is str and moment.local in _readings(loose):
            return moment, moment
    return None


def _readings(text: str) -> Iterator[Decimal]:
    """Seconds since 1970 on the wall's clock: day first, and month first."""
    found = _LOOSE.fullmatch(text)
    if not found:
        return
    clock = int(found["hour"] or 0) * 3600 + int(found["minute"] or 0) * 60 + int(found["sec"] or 0)
    year, first, second = (
        int(found["y"] or found["year"]),
        int(found["m"] or found["first"]),
        int(found["d"] or found["second"]),
    )
    for month, day in ((first, second), (second, first))[: 1 if found["y"] else 2]:
        try:
            yield Decimal((date(year, month, day) - date(1970, 1, 1)).days * DAY + clock)
        except ValueError:
            continue


def _times(control: Any, candidate: Any) -> tuple[Moment, Moment] | None:
    """Two times of forms that differ in the zone at most; dates have no clock to shift."""
    one, other = _moment(control), _moment(candidate)
    if one is None or other is None or type(control) is not type(candidate) or "date" in (one.form, other.form):
        return None
    return (one, other) if one.form.rstrip("Zz+ ") == other.form.rstrip("Zz+ ") else None


def _zone(control: Any, candidate: Any) -> Pair | None:
    both = _times(control, candidate)
    if not both or None in (both[0].offset, both[1].offset) or both[0].offset == both[1].offset:
        return None
    return (_at(both[0].instant), _at(both[1].instant)) if both[0].instant == both[1].instant else None


def _no_zone(control: Any, candidate: Any) -> Pair | None:
    both = _times(control, candidate)
    if not both or (both[0].offset is None) is (both[1].offset is None):
        return None
    return _at(both[0].local), _at(both[1].local)


def _shift(control: Any, candidate: Any) -> Pair | None:
    both = _times(control, candidate)
    if not both or (both[0].offset is None) is not (both[1].offset is None):
        return None
    apart = both[0].instant - both[1].instant
    if not apart or apart % _HALF_HOUR or abs(apart) > _FARTHEST:
        return None
    return both[0], both[0]


def _cut(control: Any, candidate: Any) -> Pair | None:
    both = _times(control, candidate)
    if not both or both[0].offset != both[1].offset or not _fewer(both[0].local, both[1].local):
        return None
    unit = Decimal(1).scaleb(int(both[1].local.as_tuple().exponent))
    kept = {both[0].local.quantize(unit, rounding) for rounding in (ROUND_DOWN, ROUND_HALF_UP)}
    return (both[1], both[1]) if both[1].local in kept else None


def _fewer(long: Decimal, short: Decimal) -> bool:
    return int(long.as_tuple().exponent) < int(short.as_tuple().exponent) <= 0


TIMES = (
    Step("date_format", "same time in another format", _format),
    Step("timezone", "same time, written in another time zone", _zone),
    Step("timezone_missing", "time zone is said on one side only", _no_zone),
    Step("timezone_shift", "time is off by whole or half hours, as between time zones", _shift),
    Step("seconds_cut", "time has fewer decimals of a second", _cut),
    Step("seconds_added", "time has more decimals of a second", mirrored(_cut)),
)
