"""A driver's values as JSON and back without any loss, so that a row can be put back exactly as it was.

What JSON has itself (NULL, true, whole numbers, text) stands as it is; everything else is ``{"decimal": "1.10"}`` and the like.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

from strangler.core.errors import Refusal

Values = Mapping[str, Any]
"""A whole row: column and value as the driver gives it."""

_PLAIN = (type(None), bool, int, str)
_SPELLINGS: dict[type, tuple[str, Callable[[Any], Any], Callable[[Any], Any]]] = {
    float: ("float", float.hex, float.fromhex),
    Decimal: ("decimal", str, Decimal),
    bytes: ("bytes", lambda value: b64encode(value).decode("ascii"), b64decode),
    datetime: ("moment", datetime.isoformat, datetime.fromisoformat),
    date: ("date", date.isoformat, date.fromisoformat),
    time: ("time", time.isoformat, time.fromisoformat),
    timedelta: ("span", lambda value: [value.days, value.seconds, value.microseconds], lambda parts: timedelta(*parts)),
    UUID: ("uuid", str, UUID),
}
_READERS = {word: read for word, _, read in _SPELLINGS.values()}


def write(row: Values) -> str:
    """A row as JSON text. Raises Refusal for a value that could not be put back."""
    return json.dumps({column: _spell(column, value) for column, value in row.items()}, ensure_ascii=True, sort_keys=True)


def read(text: str) -> dict[str, Any]:
    """The row that was written."""
    return {column: _parse(found) for column, found in json.loads(text).items()}


def fingerprint(row: Values | None) -> str | None:
    """A digest of a whole row; None if there is no row."""
    return None if row is None else blake2b(write(row).encode("ascii"), digest_size=16).hexdigest()


def _spell(column: str, value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if type(value) not in _SPELLINGS:
        raise Refusal(
            f"the column {column} holds a {type(value).__name__}, which cannot be kept for undoing; nothing was written"
        )
    word, spell, _ = _SPELLINGS[type(value)]
    return {word: spell(value)}


def _parse(found: Any) -> Any:
    if not isinstance(found, dict):
        return found
    ((word, spelled),) = found.items()
    return _READERS[word](spelled)
