"""How a sink is doing, and so how much may be sent to it. Pure: times and chance are given.

A sink that is away is not the events' fault: nothing is counted against them, everything for it waits, and one lane goes first
when it is tried again. A sink that fails for one key after another, with nothing delivered in between, is treated alike: what
fails for all of them is not about any of them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from reconcile.relaying.patience import Patience, backoff

RUNNING, FAILING, AWAY = "running", "failing", "away"
MANY = 5  # keys that failed one after the other
_PAUSES = Patience(pause=0.5, longest_pause=15.0)  # seconds
_LONGEST = 3600.0  # seconds that a sink may ask to be left alone


@dataclass(slots=True)
class Health:
    """Times in seconds, on whatever clock the caller has.

    Attributes:
        why: what it last said, where it is not running.
        resumes_at: nothing is sent before.
        pauses: in a row.
    """

    state: str = RUNNING
    why: str = ""
    resumes_at: float = 0.0
    pauses: int = 0
    _failed: set[str] = field(default_factory=set)

    def room(self, most: int, under_way: int, instant: float) -> int:
        """How many lanes more may be claimed."""
        if instant < self.resumes_at:
            return 0
        return max(0, (most if self.state == RUNNING else 1) - under_way)

    def delivered(self) -> None:
        """Something got through."""
        self.state, self.why, self.pauses = RUNNING, "", 0
        self._failed.clear()

    def away(self, why: str, after: float | None, instant: float, draw: float) -> None:
        """It takes nothing. What several lanes say of the same moment is one pause."""
        self._pause(AWAY, why, after, instant, draw)

    def failed(self, keys: Collection[str], why: str, instant: float, draw: float) -> bool:
        """These lanes failed; whether it is to be held against them."""
        self._failed.update(keys)
        if len(self._failed) < MANY and self.state == RUNNING:
            return True
        self._pause(FAILING, why, None, instant, draw)
        return False

    def _pause(self, state: str, why: str, after: float | None, instant: float, draw: float) -> None:
        if instant >= self.resumes_at:
            self.pauses += 1
        pause = backoff(_PAUSES, self.pauses, draw) if after is None else min(_LONGEST, max(0.0, after))
        self.state, self.why, self.resumes_at = state, why, max(self.resumes_at, instant + pause)
