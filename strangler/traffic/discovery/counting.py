"""Counting strangers' words without keeping all of them."""

from __future__ import annotations

from collections import Counter

OTHERS = "…"  # counts what there was no room for
NAMES = 24  # of parameters, cookies, kinds of content, that are told apart
LONGEST = 200  # characters of a name or a value


def count(counter: Counter[str], name: str, by: int = 1) -> None:
    """Count, or count among the others if there are too many names already."""
    counter[name if name in counter or len(counter) < NAMES else OTHERS] += by
