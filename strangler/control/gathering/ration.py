"""Which mismatches are kept as examples: the first few of each cause, and now and then another. Counts are kept of all."""

from __future__ import annotations

from strangler.core.records import Cause

FIRST = 5  # of a cause, under one set of rules
EVERY = 60.0  # seconds between two later ones
_REMEMBERED = 20_000  # causes


class Ration:
    """Remembers what was kept."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, Cause], tuple[int, float]] = {}

    def wants(self, route: str, rules: str, cause: Cause, now: float) -> bool:
        """Whether a pair with this cause is kept as an example; if so, that is remembered.

        Args:
            now: seconds on a clock that only goes forward.
        """
        key = (route, rules, cause)
        number, last = self._kept.get(key, (0, 0.0))
        if number >= FIRST and now - last < EVERY:
            return False
        if len(self._kept) >= _REMEMBERED:
            self._kept.clear()
        self._kept[key] = (number + 1, now)
        return True
