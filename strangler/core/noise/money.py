"""What looks like money or a quantity. It is never proposed as noise: a wrong price must not hide behind an unstable one."""

from __future__ import annotations

import re
from typing import Any

from strangler.core.difference import Path
from strangler.core.exact import Number

_WORDS = re.compile(
    r"amount|balance|charge|cost|credit|debit|discount|due|fee|gross|interest|margin|net|owed|paid|payment|price|prices|qty"
    r"|quantities|quantity|rate|refund|revenue|salary|stock|subtotal|sum|tax|total|totals|turnover|units|vat"
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_DECIMAL = re.compile(r"[^\d\w]{0,2}-?\d[\d .,']*[.,]\d+ ?[^\d\s.,]{0,3}")  # 12.50, 1.234,50 EUR, $5.00
_DEPTH = 20


def is_money_name(name: str | int) -> bool:
    """Whether a member's name says money or quantity: ``unitPrice``, ``total_net``."""
    return isinstance(name, str) and any(map(_WORDS.fullmatch, (part.lower() for part in _PARTS.findall(name))))


def is_money_place(path: Path) -> bool:
    return any(map(is_money_name, path))


def is_decimal(value: Any) -> bool:
    """Whether it is a number with decimals, or a text that shows one."""
    if type(value) is Number:
        return "." in value
    return type(value) is str and len(value) <= 40 and bool(_DECIMAL.fullmatch(value))


def holds_money(value: Any, depth: int = _DEPTH) -> bool:
    """Whether a value is, or has in it, what looks like money."""
    if type(value) is dict:
        return bool(depth) and any(is_money_name(name) or holds_money(inner, depth - 1) for name, inner in value.items())
    if type(value) in (list, tuple):
        return bool(depth) and any(holds_money(inner, depth - 1) for inner in value)
    return is_decimal(value)
