"""A mapping on its present course: from its owner to the other side. And how it stands: running, failing, or halted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from reconcile.applying.budget import Allowance
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.owning.ownership import NEW, Ownership

RUNNING, FAILING, HALTED = "running", "failing", "halted"
_PAUSES = {FAILING: (0.25, 15.0), HALTED: (2.0, 15.0)}  # seconds: the first, and the longest


@dataclass(slots=True)
class Course:
    """What is needed to apply a mapping's keys, and when to try again after it could not be done.

    Attributes:
        limit: how many keys to take at most; fewer after each failure, so that a key that makes everything fail ends up alone.
        resumes_at: not before (on the relay's own clock, in seconds).
        troubles: failures in a row.
    """

    name: str
    pair: Pair
    ownership: Ownership
    allowance: Allowance
    largest: int
    parse: Callable[[str], Key] = field(init=False)  # every key is parsed when it is collected, and when it is applied
    limit: int = field(init=False)
    state: str = RUNNING
    why: str = ""
    resumes_at: float = 0.0
    troubles: int = 0

    @property
    def copies(self) -> bool:
        """Whether it begins at the owner. A mapping that is one way by agreement rests while the new side owns it."""
        return bool(self.ownership.owner == NEW) is (self.pair.back is not None)

    def __post_init__(self) -> None:
        self.limit = self.largest
        self.parse = lru_cache(4 * self.largest)(self.pair.source.parse_key_text)

    def succeed(self) -> None:
        self.state, self.why, self.troubles = RUNNING, "", 0
        self.limit = min(self.largest, 2 * self.limit)

    def stumble(self, state: str, why: str, instant: float) -> float:
        """Rest for a while, and say for how many seconds."""
        first, longest = _PAUSES[state]
        pause = min(longest, first * 2.0 ** min(self.troubles, 16))
        self.state, self.why, self.resumes_at = state, why, instant + pause
        self.troubles += 1
        if state == FAILING:
            self.limit = max(1, self.limit // 4)
        return pause

    def is_ready(self, instant: float) -> bool:
        return instant >= self.resumes_at
