"""Which events a sink takes, told from their type. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache


def fitting(patterns: tuple[str, ...], types: Collection[str]) -> list[str]:
    """Those of the types that fit one of the patterns. A ``*`` stands for any characters, or none; everything else for itself."""
    expression = _expression(patterns)
    return [type for type in types if expression.fullmatch(type)]


@lru_cache(256)
def _expression(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns), re.DOTALL)
