"""PostgreSQL's own text of a value is the canonical one for most kinds: that text is what it prints fastest."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

from sqlalchemy import ColumnElement, Integer, Numeric, Text, and_, case, cast, collate, func, literal_column, or_

from reconcile.databases.spelling.cell import BLANKS, Cell, Dialect, Spelling, constant, quoted
from reconcile.mapping.kind import MICROSECONDS, Kind

_UNITS = {0: "second", 3: "milliseconds"}
_UUID = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"

Column = ColumnElement[Any]
_PYTHON_YEARS: tuple[Column, Column] = (
    literal_column("timestamp '0001-01-01'"),
    literal_column("timestamp '9999-12-31 23:59:59.999999'"),
)
_EXACT = {"": 2**53, "single": 2**24}


def _join(parts: Sequence[Column]) -> Cell:
    return reduce(lambda one, other: one.op("||")(other), parts)


def _text(column: Column) -> Column:
    return cast(column, Text)


def _as_it_is(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_text(column))


def _words(found: Kind, kind: Kind, column: Column) -> Spelling:
    shown = _text(column)  # the cast also takes the blanks off CHAR(n), which `||` and octet_length do not agree about
    return Spelling(func.rtrim(shown, constant(" ")) if kind.kept == "padded" and found.kept != "padded" else shown)


def _whole_decimal(found: Kind, kind: Kind, column: Column) -> Spelling:
    zeros = "." + "0" * kind.places if kind.places else ""
    return Spelling(_join((_text(column), constant(zeros))) if zeros else _text(column))


def _bit(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_text(cast(column, Integer)))


def _zero_or_one(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_text(column), column.in_((literal_column("0"), literal_column("1"))))


def _decimal(found: Kind, kind: Kind, column: Column) -> Spelling:
    finite = func.abs(column) < literal_column("1e300") if kind.kept == "double" else None
    if kind.places is None:
        return Spelling(_text(func.trim_scale(column)), finite)
    if found.places == kind.places:
        return Spelling(_text(column), finite)
    rounded = func.round(column, literal_column(str(kind.places)))
    fits = found.places is not None and found.places < kind.places
    return Spelling(_text(rounded), finite if fits else rounded == column if finite is None else and_(finite, rounded == column))


def _decimal_whole(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_text(func.trunc(column)), func.trunc(column) == column)


def _float_decimal(found: Kind, kind: Kind, column: Column) -> Spelling:
    """By its shortest digits; a cast of the float itself would keep 15 of them, or 6."""
    sure = func.abs(column) < literal_column(str(2**53))
    number: Column = case((sure, cast(_text(column), Numeric)))
    if kind.places is None:
        return Spelling(_text(func.trim_scale(number)), sure)
    rounded = func.round(number, literal_column(str(kind.places)))
    noise: Column = literal_column(f"1e-{kind.places + 3}::numeric")  # as `mapping.fitting` has it
    return Spelling(_text(rounded), func.abs(number - rounded) <= noise)


def _float(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    """The shortest digits, which PostgreSQL prints since version 12, as a whole number and a power of ten.

    Not of whole numbers that are too large for a double: where the shortest digits stand exactly between two of them,
    PostgreSQL prints one digit more.
    """
    if kind.kept != found.kept:
        return None  # what a driver reads of a 32-bit float is not what a cast makes of it
    shown = _text(func.abs(column))
    number, power = (func.split_part(shown, constant("e"), literal_column(place)) for place in "12")
    digits = func.ltrim(func.replace(number, constant("."), constant("")), constant("0"))
    kept = func.rtrim(digits, constant("0"))
    places = func.length(func.split_part(number, constant("."), literal_column("2")))
    exponent = func.coalesce(cast(func.nullif(power, constant("")), Integer), literal_column("0"))
    whole = func.length(digits) - func.length(kept) - places + exponent
    sign = case((column < literal_column("0"), constant("-")), else_=constant(""))
    end = _EXACT[found.kept]
    zero, endless = (
        column == literal_column("0"),
        _text(column).in_([constant(word) for word in ("NaN", "Infinity", "-Infinity")]),
    )
    normal = _join((sign, kept, constant("e"), _text(whole)))
    return Spelling(
        case((zero, constant("0e0")), (endless, _text(column)), else_=normal),
        or_(endless, column.between(literal_column(f"-{end}"), literal_column(f"{end}"))),
    )


def _moment(found: Kind, kind: Kind, column: Column) -> Spelling:
    local = func.timezone(constant("UTC"), column) if found.kept == "zoned" else column
    places, wanted = found.places or 0, kind.places if kind.places is not None else MICROSECONDS
    if places <= wanted:
        return Spelling(_text(local))
    if wanted in _UNITS:
        return Spelling(_text(func.date_trunc(constant(_UNITS[wanted]), local)))
    cut = func.substr(
        func.to_char(local, constant("YYYY-MM-DD HH24:MI:SS.US")), literal_column("1"), literal_column(str(20 + wanted))
    )
    return Spelling(func.rtrim(func.rtrim(cut, constant("0")), constant(".")), local.between(*_PYTHON_YEARS))


def _day_moment(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_join((_text(column), constant(" 00:00:00"))), func.isfinite(column))


def _time(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    if (found.places or 0) > (kind.places or 0):
        return None
    return Spelling(_text(column), column < literal_column("time '24:00:00'"))


def _bytes(found: Kind, kind: Kind, column: Column) -> Spelling:
    shown = func.upper(func.encode(column, constant("hex")))
    if kind.kept != "padded" or kind.length is None:
        return Spelling(shown)
    width: Column = literal_column(str(2 * kind.length))
    return Spelling(func.rpad(shown, width, constant("0")), func.octet_length(column) <= literal_column(str(kind.length)))


def _without_dashes(column: Column) -> Column:
    return func.replace(_text(column), constant("-"), constant(""))


def _uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_without_dashes(column))


def _uuid_text(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_without_dashes(column) if kind.length == 32 else _text(column))


def _uuid_bytes(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    return Spelling(func.upper(_without_dashes(column))) if kind.length in (None, 16) else None


def _text_uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.lower(_without_dashes(column)), _text(column).op("~")(constant(_UUID)))


def _bytes_uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.encode(column, constant("hex")), func.octet_length(column) == literal_column("16"))


def _word(found: Kind, column: Column) -> Spelling | None:
    return Spelling(collate(_text(column), "C")) if found.name in ("text", "integer", "boolean") else None


def _hundredfold(text: Column) -> Column:
    return func.trunc(cast(text, Numeric) * literal_column("100"))


def _is_blank(column: Column) -> ColumnElement[bool]:
    return _bare(_text(column)) == constant("")


def _bare(text: Column) -> Column:
    return func.btrim(text, constant(BLANKS))


def _of_epoch(seconds: Column) -> Column:
    return _text(func.timezone(constant("UTC"), func.to_timestamp(seconds)))


def _of_zone(zone: str, column: Column) -> tuple[Column, ColumnElement[bool]]:
    """Only away from the hours in which a clock is changed, and in the years about which all copies of the zones agree."""
    moment = func.timezone(quoted(zone), column)
    local = func.timezone(constant("UTC"), moment)
    hours: Column = literal_column("interval '3 hours'")
    settled = and_(*(func.timezone(quoted(zone), moment + shift) == column + shift for shift in (hours, -hours)))
    years = column.between(literal_column("timestamp '1970-01-02'"), literal_column("timestamp '2037-12-30'"))
    return local, and_(years, settled)


DIALECT = Dialect(
    {
        ("integer", "integer"): _as_it_is,
        ("integer", "decimal"): _whole_decimal,
        ("integer", "boolean"): _zero_or_one,
        ("integer", "text"): _as_it_is,
        ("boolean", "boolean"): _bit,
        ("boolean", "integer"): _bit,
        ("text", "text"): _words,
        ("text", "uuid"): _text_uuid,
        ("decimal", "decimal"): _decimal,
        ("decimal", "integer"): _decimal_whole,
        ("float", "float"): _float,
        ("float", "decimal"): _float_decimal,
        ("moment", "moment"): _moment,
        ("date", "date"): _as_it_is,
        ("date", "moment"): _day_moment,
        ("time", "time"): _time,
        ("duration", "duration"): _as_it_is,
        ("bytes", "bytes"): _bytes,
        ("bytes", "uuid"): _bytes_uuid,
        ("uuid", "uuid"): _uuid,
        ("uuid", "text"): _uuid_text,
        ("uuid", "bytes"): _uuid_bytes,
    },
    _join,
    func.octet_length,
    quoted,
    _word,
    _hundredfold,
    _is_blank,
    _bare,
    func.lower,
    _of_epoch,
    of_zone=_of_zone,
)
