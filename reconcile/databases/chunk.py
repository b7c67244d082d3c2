"""A stretch of keys, half open, and the stretches that tile all keys.

The first chunk has no lower end and the last no upper one, so a row with any key, on either side, is in exactly one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Key = tuple[Any, ...]
Boundary = Callable[[Key | None], Key | None]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Keys from `low` on, up to but without `high`; None is no end."""

    low: Key | None = None
    high: Key | None = None

    def __contains__(self, key: Key) -> bool:
        return (self.low is None or key >= self.low) and (self.high is None or key < self.high)

    def __str__(self) -> str:
        if self.low is None and self.high is None:
            return "all keys"
        if self.low is None:
            return f"keys below {show(self.high)}"
        return f"keys from {show(self.low)}" + (f" to below {show(self.high)}" if self.high else " on")


def tile(boundary: Boundary, low: Key | None = None) -> Iterator[Chunk]:
    """Chunks over all keys, or over those from `low` on.

    `boundary` gives the key at which the chunk that starts at a key should end, None at the last.

    Raises ValueError if a boundary does not move on: a loop that stands still would never end, or skip.
    """
    while True:
        high = boundary(low)
        if high is not None and low is not None and high <= low:
            raise ValueError(f"the chunk after {show(low)} would end at {show(high)}")
        yield Chunk(low, high)
        if high is None:
            return
        low = high


def show(key: Key | None) -> str:
    """A key as a person writes it: ``7``, ``'ALFKI'``, ``(5, 1)``."""
    if key is None:
        return "none"
    return repr(key[0]) if len(key) == 1 else repr(key)
