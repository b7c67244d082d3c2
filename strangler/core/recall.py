"""A memory of bounded size in which everything has an end: what was not used for the longest goes first."""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class Recall(Generic[V]):
    """Values by key, at most `most` of them. Times are whatever the caller counts in."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[bytes, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: bytes, now: float) -> V | None:
        """The value, if it has not ended."""
        found = self._kept.pop(key, None)
        if found is None or found[0] <= now:
            return None
        self._kept[key] = found  # now the one used last
        return found[1]

    def keep(self, key: bytes, value: V, until: float) -> None:
        self._kept.pop(key, None)
        self._kept[key] = (until, value)
        if len(self._kept) > self._most:
            del self._kept[next(iter(self._kept))]
