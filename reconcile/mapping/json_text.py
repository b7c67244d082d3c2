"""JSON by what it means: the order of keys, blanks and the way a number is written make no difference, its value does."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from reconcile.mapping.fitting import SQLITE_DIGITS


def canonical(text: str) -> str:
    """One spelling for all texts that mean the same. Raises ValueError for what is not JSON."""
    return _spell(_read(text))


def fit(value: Any) -> str:
    """The text itself: a database may keep it as it was written."""
    if isinstance(value, dict | list | int | float):  # SQLite makes a number of a text that is one
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise ValueError("is not JSON")
    _read(value)
    return value


def fit_in_sqlite(value: Any) -> str:
    """In a column that is declared JSON, SQLite makes a number of a text that is one: 15 digits of it are sure to stay."""
    found = fit(value)
    if found.strip(" \t\r\n")[:1] in "-0123456789" and len(_number(_read(found)).lstrip("-").partition("e")[0]) > SQLITE_DIGITS:
        raise ValueError(f"has more than the {SQLITE_DIGITS} digits that SQLite keeps of a number")
    return found


def _read(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, RecursionError, ArithmeticError):
        raise ValueError("is not JSON") from None


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _spell(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quote(key)}:{_spell(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_spell, value)) + "]"
    return _number(value) if isinstance(value, Decimal) else _quote(value)


def _quote(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _number(value: Decimal) -> str:
    """Its digits without zeros at the end, and a power of ten: 1, 1.0 and 1e0 are ``1e0``."""
    sign, digits, exponent = value.as_tuple()
    shown = "".join(map(str, digits)).lstrip("0")
    kept = shown.rstrip("0")
    return f"{'-' * sign}{kept}e{int(exponent) + len(shown) - len(kept)}" if kept else "0e0"
