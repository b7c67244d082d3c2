"""How many rows the next chunk has: as many as are expected to take half a second, so that no lock and no snapshot is long."""

from __future__ import annotations

from dataclasses import dataclass, replace

TARGET_SECONDS = 0.5
LEAST, FIRST, MOST = 50, 1_000, 20_000
_MEMORY = 0.75  # of the mean so far: one slow chunk does not make the next ones tiny
_GROWTH = 2.0  # a chunk of few rows that is over in no time says little about large ones


@dataclass(frozen=True, slots=True)
class Sizing:
    """The size of the next chunk, and the speed it was reckoned from.

    Attributes:
        speed: rows a second, a mean in which older chunks count less; 0 before the first.
        fixed: someone chose the size, so it stays.
    """

    rows: int = FIRST
    speed: float = 0.0
    fixed: bool = False

    def after(self, rows: int, seconds: float) -> Sizing:
        """The next size, now that so many rows took so long. A chunk without rows says nothing."""
        if not rows:
            return self
        seen = rows / max(seconds, 0.000_001)
        speed = seen if not self.speed else _MEMORY * self.speed + (1 - _MEMORY) * seen
        return replace(self, speed=speed, rows=self.rows if self.fixed else _clamp(speed * TARGET_SECONDS, self.rows))


def _clamp(wanted: float, last: int) -> int:
    return int(min(max(wanted, LEAST), MOST, max(last * _GROWTH, LEAST)))
