"""When a request is sent: as they were recorded, faster or slower; at a fixed rate, whoever waits; or as fast as answers come."""

from __future__ import annotations

import re
from dataclasses import dataclass

from strangler.traffic.entry import Entry

_SPEED = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)x", re.ASCII)
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)/(s|min|h)", re.ASCII)
_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(slots=True)
class Pace:
    """Says when each request is due. One for a run: the first entry that it sees begins the recording's time.

    Args:
        speed: how many times as fast as recorded; 0 for another pace.
        rate: requests per second; 0 for another pace.
    """

    speed: float = 0.0
    rate: float = 0.0
    _first: float | None = None

    @property
    def timed(self) -> bool:
        """Whether requests are due at times; else they follow the answers."""
        return bool(self.speed or self.rate)

    def due(self, entry: Entry, number: int) -> float:
        """Seconds after the start at which an entry is due; 0 for at once. `number` counts those that are sent, from 0."""
        if self.rate:
            return number / self.rate
        if not self.speed or not entry.at:
            return 0.0
        if self._first is None:
            self._first = entry.at
        return max(0.0, (entry.at - self._first) / self.speed)


def parse_speed(text: str) -> float:
    """Read ``2x`` or ``0.5x``. Raises ValueError with what to write instead."""
    found = _SPEED.fullmatch(text)
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is not a speed: write 1x for the pace of the recording, 10x, or 0.5x")
    return float(found[1])


def parse_rate(text: str) -> float:
    """Read ``50/s`` or ``600/min``, as requests per second. Raises ValueError with what to write instead."""
    found = _RATE.fullmatch(text)
    if not found or not float(found[1]):
        raise ValueError(f"{text!r} is not a rate: write 50/s, 600/min or 100/h")
    return float(found[1]) / _SECONDS[found[2]]
