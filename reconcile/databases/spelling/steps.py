"""What a mapping does to a value on its way, in SQL: nothing, a value map, a converter.

Each step says the same as its Python form in `mapping.pipeline` and `mapping.convert`, for the values that it is certain of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, literal_column, or_

from reconcile.databases.spelling.cell import Cell, Dialect, Spelling, constant
from reconcile.mapping import convert, kind
from reconcile.mapping.canonical import encode
from reconcile.mapping.kind import Kind
from reconcile.mapping.model import Column

Value = ColumnElement[Any]
Step = Callable[[Dialect, Column, Kind, Value, Kind, str], Cell | None]

_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999
_HUNDREDTHS = kind.decimal(2)


def spell(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    """A column of the old table, after its map or its converter; None if only Python can tell."""
    if column.values is not None:
        return _mapped(own, column, wanted, value, found, doubt)
    if column.convert is None:
        return own.cell(found, wanted, value, doubt)
    step = _CONVERTERS.get(column.convert)
    return step(own, column, wanted, value, found, doubt) if step else None


def _mapped(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    """The new values are known, so they are spelled here and not by the database."""
    word, values = own.word(found, value), dict(column.values or {})
    try:
        cells = {old: encode(wanted, None if new is None else wanted.fit(new)).decode() for old, new in values.items()}
    except ValueError:
        return None
    if word is None:
        return None
    null = own.quoted(cells.pop(None)) if None in cells else constant(doubt)
    known = [(word.text == own.quoted(old), own.quoted(cell)) for old, cell in cells.items() if old is not None]
    if word.certain is not None:
        known = [(and_(word.certain, condition), cell) for condition, cell in known]
    return case((value.is_(None), null), *known, else_=constant(doubt))


def _blank_to_null(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    cell = own.cell(found, wanted, value, doubt)
    if cell is None or not (own.loose or found.name == "text"):
        return cell
    return case((own.is_blank(value), constant("N")), else_=cell)


def _trimmed(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    word = own.word(found, value) if found.name == "text" == wanted.name and wanted.kept != "enum" else None
    if word is None:
        return None
    return own.framed(wanted, value, Spelling(own.bare(word.text), word.certain), doubt)


def _truth(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    word = own.word(found, value)
    if word is None or wanted.name not in ("boolean", "integer"):
        return None
    shown = own.lowered(own.bare(word.text))
    yes, no = (shown.in_([constant(each) for each in sorted(words)]) for words in (convert.TRUE, convert.FALSE))
    sure = or_(yes, no) if word.certain is None else and_(word.certain, or_(yes, no))
    return own.framed(wanted, value, Spelling(case((yes, constant("1")), else_=constant("0")), sure), doubt)


def _cents(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    amount = own.spelling(found, _HUNDREDTHS, value) if found.name in ("integer", "decimal", "float") else None
    if amount is None:
        return None
    whole = own.spelling(kind.INTEGER, wanted, own.hundredfold(amount.text))
    return None if whole is None else own.framed(wanted, value, Spelling(whole.text, amount.certain), doubt)


def _epoch_seconds(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    whole = own.spelling(found, kind.INTEGER, value) if found.name == "integer" else None
    if whole is None or wanted.name not in ("moment", "text"):
        return None
    within = value.between(literal_column(str(_FIRST_SECOND)), literal_column(str(_LAST_SECOND)))
    sure = within if whole.certain is None else and_(whole.certain, within)
    shown = own.of_epoch(case((sure, value)))
    return own.framed(wanted, value, Spelling(_as_text(own, shown, wanted), sure), doubt)


def _as_text(own: Dialect, shown: Value, wanted: Kind) -> Value:
    """A moment in UTC as a column of text has it: ``2024-01-02T03:04:05Z``."""
    return shown if wanted.name == "moment" else own.join((func.replace(shown, constant(" "), constant("T")), constant("Z")))


def _local_time(own: Dialect, column: Column, wanted: Kind, value: Value, found: Kind, doubt: str) -> Cell | None:
    if own.of_zone is None or found.name != "moment" or found.kept == "zoned" or wanted.name != "moment":
        return None
    moment, sure = own.of_zone(column.zone or "", value)
    spelling = own.spelling(found, wanted, moment)
    assert spelling is not None
    both = sure if spelling.certain is None else and_(sure, spelling.certain)
    return own.framed(wanted, value, Spelling(spelling.text, both), doubt)


_CONVERTERS: dict[str, Step] = {
    "blank_to_null": _blank_to_null,
    "bool": _truth,
    "cents": _cents,
    "epoch_seconds": _epoch_seconds,
    "local_time": _local_time,
    "trim": _trimmed,
}
