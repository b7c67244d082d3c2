"""Why a database would not take a row: the row's own fault, another row's, or not about the row at all. A table per dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from reconcile.databases.database import brief
from strangler.core.errors import DatabaseError


class Trouble(Enum):
    """What a row is in trouble with."""

    COLLISION = auto()  # another row holds what must be unique
    REFERENCE = auto()  # the row it refers to is not there yet, or rows that refer to it still are
    ITSELF = auto()


_POSTGRESQL: Mapping[str, Trouble] = {
    "23505": Trouble.COLLISION,
    "23503": Trouble.REFERENCE,
    "23001": Trouble.REFERENCE,
    "P0001": Trouble.ITSELF,  # raised by a trigger of the user's own
    "44000": Trouble.ITSELF,
}
_MARIADB: Mapping[int, Trouble] = {
    **dict.fromkeys((1062, 1586), Trouble.COLLISION),
    **dict.fromkeys((1216, 1217, 1451, 1452), Trouble.REFERENCE),
    **dict.fromkeys((1048, 1264, 1265, 1292, 1364, 1366, 1406, 1411, 1644, 1690, 3819, 4025), Trouble.ITSELF),
}
_SQLITE = (("UNIQUE constraint", Trouble.COLLISION), ("FOREIGN KEY constraint", Trouble.REFERENCE))
# Serialization, deadlock; deadlock, changed since it was read, and a savepoint that went with the transaction in a deadlock.
_PASSING = ("40001", "40P01", 1213, 1020, 1305)
_VALUES = (  # parts of messages that quote what is in a row
    (re.compile(r"Duplicate entry '.*' for key", re.DOTALL), "Duplicate entry for key"),
    (re.compile(r"(Incorrect [\w ]+) value: '.*' for", re.DOTALL), r"\1 value for"),
    (re.compile(r'(invalid [\w ]+): ".*', re.DOTALL), r"\1"),
    (re.compile(r'value ".*" is out of range', re.DOTALL), "a value is out of range"),
    (re.compile(r'value out of range: ".*', re.DOTALL), "value out of range"),
)


class Waits(DatabaseError):
    """A row cannot be written before another one has come or gone: not now, but perhaps later."""


@dataclass(frozen=True, slots=True)
class Held:
    """Why a row was not written; `refused` says that we did so ourselves, not the database."""

    trouble: Trouble
    reason: str
    refused: bool = False

    @property
    def waits(self) -> bool:
        """Whether another row has to come or go first."""
        return self.trouble is Trouble.REFERENCE


def held(error: DBAPIError) -> Held | None:
    """What is wrong with the row, without its values; None if the error is not about a row."""
    found = _known(error)
    if found is None and isinstance(error, IntegrityError | DataError):
        found = Trouble.ITSELF
    return found and Held(found, masked(brief(error)))


def passes(error: BaseException | None) -> bool:
    """Whether the same transaction may well succeed if it is run again."""
    return isinstance(error, DBAPIError) and _code(error) in _PASSING


def masked(message: str) -> str:
    """A driver's message without the values that it quotes."""
    for pattern, instead in _VALUES:
        message = pattern.sub(instead, message)
    return message


def _known(error: DBAPIError) -> Trouble | None:
    code = _code(error)
    if isinstance(code, int):
        return _MARIADB.get(code)
    if isinstance(code, str):
        return _POSTGRESQL.get(code)
    return next((trouble for start, trouble in _SQLITE if str(error.orig).startswith(start)), None)


def _code(error: DBAPIError) -> str | int | None:
    """PostgreSQL's five letters, MariaDB's number; SQLite has words only."""
    first = error.orig.args[0] if error.orig is not None and error.orig.args else None
    return first if isinstance(first, int) else getattr(error.orig, "sqlstate", None)
