"""A mapped row as JSON that any consumer reads alike: what JSON has no exact form for is text.

Whole numbers, true and false, floats and JSON are themselves. Decimals, dates, times (ISO 8601, UTC where they have a zone) and
UUIDs are texts, bytes are base64. Pure.
"""

from __future__ import annotations

import json
import math
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from reconcile.mapping.kind import Kind


def of_row(names: Sequence[str], kinds: Sequence[Kind], values: Sequence[Any]) -> str:
    """A JSON object of fitted values."""
    pairs = zip(names, kinds, values, strict=True)
    return "{" + ",".join(f"{_text(name)}:{of_value(kind, value)}" for name, kind, value in pairs) + "}"


def of_value(kind: Kind, value: Any) -> str:
    """One fitted value, or NULL."""
    if value is None:
        return "null"
    if kind.name == "json":
        return str(value)
    return _OTHERS.get(kind.name, _by_type)(kind, value)


def of_change(before: str | None, after: str | None) -> bytes:
    """What an event says: the row as it was and as it is; null where there was or is none."""
    return f'{{"before":{before or "null"},"after":{after or "null"}}}'.encode("utf-8", "replace")


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _moment(kind: Kind, value: Any) -> str:
    if not isinstance(value, datetime):
        return _text(str(value))
    return _text(value.isoformat() + "Z" * (kind.kept == "zoned"))


def _float(_: Kind, value: float) -> str:
    return repr(value) if math.isfinite(value) else _text(str(value))


def _by_type(kind: Kind, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float(kind, value)
    if isinstance(value, bytes):
        return _text(b64encode(value).decode())
    if isinstance(value, Decimal):
        return _text(f"{value:f}" if value.is_finite() else str(value))
    return _text(value.isoformat() if isinstance(value, date | time) else str(value))


_OTHERS: Mapping[str, Callable[[Kind, Any], str]] = {
    "boolean": lambda _, value: "true" if value else "false",
    "moment": _moment,
}
