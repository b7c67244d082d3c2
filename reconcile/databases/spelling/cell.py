"""One cell of a row in SQL, and what a dialect has to say about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, String, case, literal, literal_column

from reconcile.mapping.kind import Kind

Cell = ColumnElement[str]


@dataclass(frozen=True, slots=True)
class Spelling:
    """The canonical text of a value; right where `certain` is true, or everywhere (None). NULL where the value is NULL."""

    text: ColumnElement[Any]
    certain: ColumnElement[bool] | None = None


Spell = Callable[[Kind, Kind, ColumnElement[Any]], Spelling | None]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one dialect spells.

    Attributes:
        spellings: by the kind that is found and the kind that is wanted: both, and the column, to its canonical text.
        join: texts one after the other.
        length: of a text, in bytes of UTF-8.
        quoted: a text as a literal.
        word: a column as a value map's keys name its values, compared by code point.
        hundredfold: the text of a decimal with two places as a whole number of hundredths.
        is_blank: whether a text has nothing but blanks in it.
        bare: a text without the blanks around it.
        lowered: a text with small ASCII letters.
        of_epoch: seconds since 1970 as a moment without a zone.
        loose: whether a column may hold any kind of value, whatever its type.
        of_zone: a local moment in a zone as a moment in UTC, and whether that is certain; None where it never is.
    """

    spellings: Mapping[tuple[str, str], Spell]
    join: Callable[[Sequence[ColumnElement[Any]]], Cell]
    length: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    quoted: Callable[[str], Cell]
    word: Callable[[Kind, ColumnElement[Any]], Spelling | None]
    hundredfold: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    is_blank: Callable[[ColumnElement[Any]], ColumnElement[bool]]
    bare: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    lowered: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    of_epoch: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    loose: bool = False
    of_zone: Callable[[str, ColumnElement[Any]], tuple[ColumnElement[Any], ColumnElement[bool]]] | None = None

    def cell(self, found: Kind, kind: Kind, column: ColumnElement[Any], doubt: str) -> Cell | None:
        """A column that holds one kind of values as a cell of another kind; None if there is no SQL for it."""
        spelling = self.spelling(found, kind, column)
        return None if spelling is None else self.framed(kind, column, spelling, doubt)

    def spelling(self, found: Kind, kind: Kind, column: ColumnElement[Any]) -> Spelling | None:
        """A column that holds one kind of values as text of another kind; None if there is no SQL for it."""
        spell = self.spellings.get((found.name, kind.name))
        return spell(found, kind, column) if spell else None

    def framed(self, kind: Kind, column: ColumnElement[Any], spelling: Spelling, doubt: str) -> Cell:
        """The cell of a spelling, NULL and doubt included."""
        text = spelling.text
        whole = self.join((self.length(text), constant(":"), text)) if kind.framed else self.join((text, constant(";")))
        if spelling.certain is None:
            return case((column.is_(None), constant("N")), else_=whole)
        return case((column.is_(None), constant("N")), (spelling.certain, whole), else_=constant(doubt))


BLANKS = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())  # what Python's strip() takes off, all of it


def constant(text: str) -> Cell:
    """A text of our own as a literal: without quotes, backslashes and NULs."""
    return literal_column(f"'{text}'", String)


def quoted(text: str) -> Cell:
    """Any text as a literal of standard SQL; one with a NUL is bound."""
    return literal(text, String) if "\x00" in text else constant(text.replace("'", "''"))
