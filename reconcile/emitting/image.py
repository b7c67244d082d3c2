"""Rows as capture's triggers kept them: a JSON object of columns, or a list of such, spelled so that nothing is rounded. Pure.

SQLite's values are SQL literals, so that each has its own type; MariaDB's are texts and whole numbers, bytes in hexadecimal.
PostgreSQL reads its own rows back by itself, so of those only the names of the columns are looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Image = Mapping[str, Any]

_HEX_TEXT = re.compile(r"CAST\(X'([0-9A-Fa-f]*)' AS TEXT\)")


def parse(text: str) -> Image:
    """Column to value, as spelled."""
    found = _DECODER.decode(text)
    if isinstance(found, list):
        return {name: value for part in found for name, value in part.items()}
    return dict(found)


def literal_value(spelled: str) -> int | float | str | bytes | None:
    """What an SQL literal of SQLite's `quote` stands for."""
    if spelled == "NULL":
        return None
    if spelled.startswith("'"):
        return spelled[1:-1].replace("''", "'")
    if spelled.startswith("X'"):
        return bytes.fromhex(spelled[2:-1])
    if found := _HEX_TEXT.fullmatch(spelled):
        return bytes.fromhex(found[1]).decode("utf-8", "surrogateescape")
    return int(spelled) if re.fullmatch(r"-?\d+", spelled) else float(spelled)


def word(value: Any) -> str | None:
    """A value as text, for a database that makes a column's own value of it."""
    return None if value is None else value if isinstance(value, str) else str(value)


_DECODER = json.JSONDecoder(parse_float=Decimal)
