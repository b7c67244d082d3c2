"""SQLite keeps any type in any column, so each value is asked for its own before it is believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    Text,
    and_,
    case,
    cast,
    collate,
    false,
    func,
    literal_column,
    or_,
    true,
    type_coerce,
)

from reconcile.databases.spelling.cell import BLANKS, Cell, Dialect, Spelling, constant, quoted
from reconcile.mapping.kind import MICROSECONDS, Kind

_SECONDS = 19  # characters of 2024-01-02 03:04:05
_SECONDS_OF_A_DAY = 8  # and of 03:04:05
_HEX = "[0-9a-fA-F]"
_DASHED = "-".join(_HEX * count for count in (8, 4, 4, 4, 12))
_SURE_OF_FLOATS = 12  # digits up to which a float is nearer to its own decimal than to any doubt
_DIGITS = 15

Column = ColumnElement[Any]


def _join(parts: Sequence[Column]) -> Cell:
    return reduce(lambda one, other: one.op("||")(other), parts)


def _is(column: Column, *names: str) -> ColumnElement[bool]:
    return or_(*(func.typeof(column) == constant(name) for name in names))


def _number(value: int) -> Column:
    return literal_column(str(value))


def _glob(text: Column, pattern: str) -> ColumnElement[bool]:
    return text.op("GLOB")(constant(pattern))


def _size(text: Column) -> Column:
    return func.length(cast(text, LargeBinary))  # of a text, length() stops at a NUL


def _integer(found: Kind, kind: Kind, column: Column) -> Spelling:
    whole = cast(column, Integer)
    exact = and_(_is(column, "real"), column.between(_number(-(2**53) + 1), _number(2**53 - 1)), column == whole)
    return Spelling(whole, or_(_is(column, "integer"), exact))


def _words(found: Kind, kind: Kind, column: Column) -> Spelling:
    names = ("text",) if found.name == "text" else ("text", "integer")  # a column of text makes text of a number
    if kind.kept == "padded":
        return Spelling(func.rtrim(column, constant(" ")), _is(column, *names))
    return Spelling(column if found.name == "text" else cast(column, Text), _is(column, *names))


def _boolean(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(column, and_(_is(column, "integer"), column.in_((_number(0), _number(1)))))


def _decimal(found: Kind, kind: Kind, column: Column) -> Spelling:
    """Whole numbers as they are; a float if it is the nearest one to a decimal of so many places, or off by a sum's noise."""
    if kind.places is None:
        return _unscaled(kind, column)
    zeros = "." + "0" * kind.places if kind.places else ""
    rounded = func.printf(constant(f"%.{kind.places}f"), column)
    again = cast(rounded, Float)
    near = and_(_within(column, _SURE_OF_FLOATS - kind.places), _within(column - again, -kind.places - 4))
    whole = _whole(kind, column)
    real = and_(_is(column, "real"), _within(column, _DIGITS - kind.places), or_(again == column, near))
    nothing = _within(column, -kind.places - 3)  # which printf would give as -0.00
    shown = case((_is(column, "integer"), _join((column, constant(zeros)))), (nothing, constant(f"0{zeros}")), else_=rounded)
    return Spelling(shown, or_(whole, real))


def _unscaled(kind: Kind, column: Column) -> Spelling:
    """In a column of doubles only what has 15 digits; elsewhere all of a float's."""
    shown = func.printf(constant(f"%.{_DIGITS}g"), column) if kind.kept == "double" else func.strangler_decimal(column)
    plain = and_(_within(column, _DIGITS), ~_within(column, -3), cast(shown, Float) == column)
    real = and_(_is(column, "real"), or_(column == _number(0), plain))
    return Spelling(
        case((_is(column, "integer"), column), (column == _number(0), constant("0")), else_=shown),
        or_(_whole(kind, column), real),
    )


def _whole(kind: Kind, column: Column) -> ColumnElement[bool]:
    """Whether it is kept as a whole number; in a column whose numbers are doubles, one that a double can be."""
    return and_(_is(column, "integer"), _within(column, _DIGITS)) if kind.kept == "double" else _is(column, "integer")


def _within(column: Column, power: int) -> ColumnElement[bool]:
    """Nearer to zero than a power of ten. abs() would fail for the lowest of all integers."""
    return and_(column > literal_column(f"-1e{power}"), column < literal_column(f"1e{power}"))


def _float(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    """SQLite's printf has no way to the shortest digits of a float; `databases.sqlite` lends it Python's."""
    if kind.kept == "single":
        return None
    whole = and_(_is(column, "integer"), column.between(_number(-(2**53)), _number(2**53)))
    return Spelling(func.strangler_float(column), or_(_is(column, "real"), whole))


def _moment(found: Kind, kind: Kind, column: Column) -> Spelling:
    """``2024-01-02 03:04:05`` and the same with six digits after the point; all other ways to write a moment are for Python."""
    year = func.substr(column, _number(1), _number(4))
    shown, certain = _pointed(kind, column, func.datetime, _SECONDS)
    return Spelling(shown, and_(certain, year >= constant("0001")))


def _time(found: Kind, kind: Kind, column: Column) -> Spelling:
    return Spelling(*_pointed(kind, column, func.time, _SECONDS_OF_A_DAY))


def _pointed(kind: Kind, column: Column, valid: Callable[..., Column], size: int) -> tuple[Column, ColumnElement[bool]]:
    """A text of `size` characters that SQLite's own function would give, or the same with six digits after a point.

    Without a modifier, datetime() gives the 30th of February back as it is.
    """
    whole = func.substr(column, _number(1), _number(size))
    bare = func.length(column) == _number(size)
    fraction = and_(func.length(column) == _number(size + 7), _glob(func.substr(column, _number(size + 1)), "." + "[0-9]" * 6))
    wanted = MICROSECONDS if kind.places is None else kind.places
    cut = func.substr(column, _number(1), _number(size + 1 + wanted))
    shown = case((bare, column), else_=func.rtrim(func.rtrim(cut, constant("0")), constant(".")))
    return shown, and_(_is(column, "text"), whole == valid(whole, constant("+0 days")), or_(bare, fraction))


def _day(found: Kind, kind: Kind, column: Column) -> Spelling:
    year = func.substr(column, _number(1), _number(4))  # compared itself, the column's affinity would make '0001' a number
    return Spelling(column, and_(_is(column, "text"), year >= constant("0001"), column == func.date(column, constant("+0 days"))))


def _bytes(found: Kind, kind: Kind, column: Column) -> Spelling | None:
    return Spelling(func.hex(column), _is(column, "blob")) if kind.kept != "padded" else None


def _uuid(found: Kind, kind: Kind, column: Column) -> Spelling:
    shape = or_(_glob(column, _HEX * 32), _glob(column, _DASHED))
    return Spelling(func.lower(func.replace(column, constant("-"), constant(""))), and_(_is(column, "text"), shape))


def _any(found: Kind, kind: Kind, column: Column) -> Spelling:
    """As Python calls the types, so that 5, '5' and 5.0 stay three values."""
    shown = {
        "integer": _join((constant("int "), column)),
        "text": _join((constant("str "), column)),
        "real": _join((constant("float "), func.strangler_float(column))),
    }
    cases = [(_is(column, name), text) for name, text in shown.items()]
    return Spelling(case(*cases, else_=_join((constant("bytes "), func.hex(column)))))


def _word(found: Kind, column: Column) -> Spelling | None:
    return Spelling(collate(cast(column, Text), "BINARY"), _is(column, "text", "integer"))


def _hundredfold(text: Column) -> Column:
    return cast(func.replace(text, constant("."), constant("")), Integer)


def _is_blank(column: Column) -> ColumnElement[bool]:
    return and_(_is(column, "text"), _bare(column) == constant(""))


def _bare(text: Column) -> Column:
    return func.trim(text, constant(BLANKS))


def _of_epoch(seconds: Column) -> Column:
    return func.datetime(seconds, constant("unixepoch"))


_SPELLINGS = {
    "integer": (_integer, ("integer", "boolean", "decimal", "float")),
    "text": (_words, ("text", "integer", "decimal")),
    "boolean": (_boolean, ("boolean", "integer")),
    "decimal": (_decimal, ("decimal", "float", "integer")),
    "float": (_float, ("float", "integer", "decimal")),
    "moment": (_moment, ("moment", "text")),
    "time": (_time, ("time", "text")),
    "date": (_day, ("date", "text")),
    "bytes": (_bytes, ("bytes",)),
    "any": (_any, ("text", "integer", "float", "decimal", "bytes", "boolean")),
    "uuid": (_uuid, ("text",)),
}
DIALECT = Dialect(
    {(found, wanted): spell for wanted, (spell, finds) in _SPELLINGS.items() for found in (*finds, "any")},
    _join,
    _size,
    quoted,
    _word,
    _hundredfold,
    _is_blank,
    _bare,
    func.lower,
    _of_epoch,
    loose=True,
)


def is_certain(kind: Kind, column: Column) -> ColumnElement[bool]:
    """Whether SQL can be certain of the value that a column of this kind has, so that the same value means the same in another
    such column. Cheaper than a spelling where it can be. Never where anything goes: 1 and 1.0 are then two values."""
    if kind.name == "any":
        return false()
    if kind.name == "text" and kind.kept != "padded":
        return _is(column, "text")
    if kind.name == "integer":
        return _is(column, "integer")
    if kind.name == "decimal" and kind.places is not None:
        return _is_nearest(kind.places, column)
    spelling = DIALECT.spelling(kind, kind, column)
    if spelling is None:
        return false()
    return true() if spelling.certain is None else spelling.certain


def _is_nearest(places: int, column: Column) -> ColumnElement[bool]:
    """Whether it is the double nearest to a decimal of so many places (no noise of a sum): scaled, cut to a whole number and
    divided again, it is the same. Both steps are exact enough below 15 digits."""
    scale: Column = literal_column(f"1e{places}")
    half = type_coerce(column > _number(0), Integer) - literal_column("0.5")
    whole = cast(column * scale + half, Integer)
    real = and_(_is(column, "real"), whole / scale == column)
    return and_(_within(column, _DIGITS - places), or_(_is(column, "integer"), real))
