"""MariaDB: texts are joined by CONCAT (`||` may mean OR) and brought to utf8mb4 before they are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, collate, func, literal_column
from sqlalchemy.dialects.mysql import CHAR, DECIMAL, INTEGER
from sqlalchemy.sql.expression import cast

from reconcile.databases.spelling.cell import BLANKS, Cell, Dialect, Spelling, constant
from reconcile.mapping.kind import MICROSECONDS, Kind

_UUID = "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
_DIGITS, _PLACES = 65, 38  # the most that DECIMAL has
_PLACES_OF_FLOATS = 20

_BY_CODE_POINT = "utf8mb4_nopad_bin"

Column = ColumnElement[Any]


def _join(parts: Sequence[Column]) -> Cell:
    return func.concat(*parts)


def _quoted(text: str) -> Cell:
    return literal_column("'" + text.replace("\\", "\\\\").replace("'", "''").replace("\x00", "\\0") + "'")


def _text(column: Column) -> Column:
    return cast(column, CHAR)


def _utf8(column: Column) -> Column:
    return func.convert(column.op("USING")(literal_column("utf8mb4")))


def _number(found: Kind, column: Column) -> Column:
    return column + literal_column("0") if found.kept in ("bit", "year") else column


def _trimmed(text: Column, *characters: str) -> Column:
    for character in characters:
        text = func.trim(literal_column(f"TRAILING '{character}'").op("FROM")(text))
    return text


def _integer(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_number(found, column))  # CONCAT makes text of it faster than a cast does


def _whole_decimal(found: Kind, kind: Kind, column: Column) -> Spelling:
    zeros = "." + "0" * kind.places if kind.places else ""
    shown = _text(_number(found, column))
    return Spelling(_join((shown, constant(zeros))) if zeros else shown)


def _bit(found: Kind, kind: Kind, column: Column) -> Spelling:
    number = _number(found, column)
    return Spelling(number, number.in_((literal_column("0"), literal_column("1"))))


def _words(found: Kind, kind: Kind, column: Column) -> Spelling:
    shown = _utf8(column)
    return Spelling(_trimmed(shown, " ") if kind.kept == "padded" and found.kept != "padded" else shown)


def _decimal(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    if kind.places is None:
        return Spelling(_trimmed(_text(column), "0", ".") if found.places else column)
    if found.places == kind.places:
        return Spelling(column)
    if kind.places > _PLACES:
        return None
    scaled = cast(column, DECIMAL(_DIGITS, kind.places))
    return Spelling(_text(scaled), scaled == column)


def _decimal_whole(found: Kind, kind: Kind, column: Column) -> Spelling:
    whole = cast(column, DECIMAL(_DIGITS, 0))
    return Spelling(_text(whole), whole == column)


def _float_decimal(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    """By its shortest digits; a cast of the float itself would take those that a double does not have."""
    if kind.places is None or kind.places > _PLACES_OF_FLOATS:
        return None
    number = cast(_text(column), DECIMAL(_DIGITS, _PLACES))
    rounded = cast(number, DECIMAL(_DIGITS, kind.places))
    noise: Column = literal_column("0." + "0" * (kind.places + 2) + "1")  # as `mapping.fitting` has it
    sure = func.abs(column) < literal_column(str(2**53))
    return Spelling(_text(rounded), and_(sure, func.abs(number - rounded) <= noise))


def _float(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    """The shortest digits, which MariaDB prints of a DOUBLE, as a whole number and a power of ten."""
    if kind.kept == "single":
        return None
    shown = _text(func.abs(column))
    number = func.substring_index(shown, constant("e"), literal_column("1"))
    last = cast(func.substring_index(shown, constant("e"), literal_column("-1")), INTEGER)
    power = case((number == shown, literal_column("0")), else_=last)
    dot = func.locate(constant("."), number)
    places = case((dot > literal_column("0"), func.length(number) - dot), else_=literal_column("0"))
    digits = func.trim(literal_column("LEADING '0'").op("FROM")(func.replace(number, constant("."), constant(""))))
    kept = _trimmed(digits, "0")
    exponent = _text(func.length(digits) - func.length(kept) - places + power)
    sign = case((column < literal_column("0"), constant("-")), else_=constant(""))
    normal = _join((sign, kept, constant("e"), exponent))
    return Spelling(case((column == literal_column("0"), constant("0e0")), else_=normal))


def _moment(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_cut(column, found.places or 0, kind.places, 19))


def _cut(shown: Column, places: int, wanted: int | None, whole: int) -> Column:
    """A text that has `places` digits after its point (and no point without) as one with fewer; no zeros at its end."""
    kept = min(places, MICROSECONDS if wanted is None else wanted)
    if kept < places:
        shown = func.left(shown, literal_column(str(whole + 1 + kept if kept else whole)))
    return _trimmed(shown, "0", ".") if kept else shown


def _day(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(column)


def _day_moment(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(_join((_text(column), constant(" 00:00:00"))))


def _time(found: Kind, kind: Kind, column: Column) -> Spelling:
    within = and_(column >= constant("00:00:00"), column < constant("24:00:00"))
    return Spelling(_cut(_text(column), found.places or 0, kind.places, 8), within)


def _bytes(found: Kind, kind: Kind, column: Column) -> Spelling:
    shown = func.hex(column)
    if kind.kept != "padded" or kind.length is None:
        return Spelling(shown)
    width: Column = literal_column(str(2 * kind.length))
    return Spelling(func.rpad(shown, width, constant("0")), func.length(column) <= literal_column(str(kind.length)))


def _without_dashes(column: Column) -> Column:
    return func.replace(_text(column), constant("-"), constant(""))


def _uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.lower(_without_dashes(column)))


def _uuid_text(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.lower(_text(column)))  # to its driver, a UUID is this text already


def _text_uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.lower(_without_dashes(column)), _utf8(column).op("REGEXP")(constant(_UUID)))


def _bytes_uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(func.lower(func.hex(column)), func.length(column) == literal_column("16"))


def _measured(text: Column) -> Column:
    return func.length(text)


def _word(found: Kind, column: Column) -> Spelling | None:
    if found.name == "text":
        return Spelling(collate(_utf8(column), _BY_CODE_POINT))
    return Spelling(collate(_utf8(_number(found, column)), _BY_CODE_POINT)) if found.name in ("integer", "boolean") else None


def _hundredfold(text: Column) -> Column:
    return cast(cast(text, DECIMAL(_DIGITS, 2)) * literal_column("100"), DECIMAL(_DIGITS, 0))


def _is_blank(column: Column) -> ColumnElement[bool]:
    return _utf8(column).op("REGEXP")(constant(f"^[{BLANKS}]*$"))


def _bare(text: Column) -> Column:
    return func.regexp_replace(text, constant(f"^[{BLANKS}]+|[{BLANKS}]+$"), constant(""))


def _of_epoch(seconds: Column) -> Column:
    return _text(func.timestampadd(literal_column("SECOND"), seconds, literal_column("TIMESTAMP'1970-01-01 00:00:00'")))


DIALECT = Dialect(
    {
        ("integer", "integer"): _integer,
        ("integer", "decimal"): _whole_decimal,
        ("integer", "boolean"): _bit,
        ("integer", "text"): _integer,
        ("boolean", "boolean"): _bit,
        ("boolean", "integer"): _integer,
        ("text", "text"): _words,
        ("text", "uuid"): _text_uuid,
        ("decimal", "decimal"): _decimal,
        ("decimal", "integer"): _decimal_whole,
        ("float", "float"): _float,
        ("float", "decimal"): _float_decimal,
        ("moment", "moment"): _moment,
        ("date", "date"): _day,
        ("date", "moment"): _day_moment,
        ("time", "time"): _time,
        ("bytes", "bytes"): _bytes,
        ("bytes", "uuid"): _bytes_uuid,
        ("uuid", "uuid"): _uuid,
        ("uuid", "text"): _uuid_text,
    },
    _join,
    _measured,
    _quoted,
    _word,
    _hundredfold,
    _is_blank,
    _bare,
    func.lower,
    _of_epoch,
)
