"""How long a key may wait, how often it may fail, and how many are taken at once. Pure: times and chance are given."""

from __future__ import annotations

from dataclasses import dataclass

_LEAST = 100  # keys: with fewer, a round is mostly what it costs by itself, and on a slow machine a backlog would never end
_DOUBLINGS = 32  # beyond which every cap has long been reached, and a float might overflow


@dataclass(frozen=True, slots=True)
class Patience:
    """The relay's limits; times in seconds.

    Attributes:
        lease: how long a batch belongs to whoever claimed it.
        attempts: a key that fails so often is a dead letter.
        pause, longest_pause: before the second attempt, doubling up to the longest.
        parent: how long a row waits for one that it refers to.
        deaths: how many relays a key may take with it. A relay that is killed leaves a whole batch behind, so what was left
            behind is taken in ever smaller batches: the one that kills ends up alone.
    """

    lease: float = 30.0
    attempts: int = 10
    pause: float = 0.5
    longest_pause: float = 120.0
    parent: float = 600.0
    deaths: int = 8


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a key that could not be applied; `pause` in seconds."""

    state: str
    pause: float
    error: str
    counts: bool = True


def fail(patience: Patience, attempts: int, error: str, draw: float) -> Fate:
    """After the attempt with this number failed. `draw` from [0, 1) spreads those that failed together."""
    if attempts >= patience.attempts:
        return Fate("dead", 0.0, f"{error} (given up after {attempts} attempts)")
    return Fate("waiting", backoff(patience, attempts, draw), error)


def backoff(patience: Patience, attempts: int, draw: float) -> float:
    """Seconds to wait: doubling, and between half of that and all of it."""
    whole = min(patience.longest_pause, patience.pause * 2.0 ** min(attempts - 1, _DOUBLINGS))
    return whole * (0.5 + draw / 2)


def defer(patience: Patience, waited: float, error: str, draw: float) -> Fate:
    """A row that another must come before: it waits as long again as it has waited, and is no attempt.

    `waited` is in seconds since it was first deferred.
    """
    if waited >= patience.parent:
        return Fate("dead", 0.0, f"{error} (waited {waited:.0f} s for it)", counts=False)
    return Fate("deferred", min(5.0, max(0.05, waited)) * (0.5 + draw / 2), error, counts=False)


def batch_of_orphans(size: int, attempts: int) -> int:
    """How many keys to take at once of those whose relay died holding them: an eighth, and an eighth of that, and one."""
    return max(1, size >> (3 * min(attempts, 8)))


def resize(size: int, took: float, *, aim: float, largest: int) -> int:
    """The next batch's size, after one of `size` keys took so long: towards `aim` seconds, by no more than a factor of two.

    Never few, however long it took: keys that make everything fail are taken apart elsewhere.
    """
    fitting = int(size * aim / max(took, 1e-6))
    return max(min(_LEAST, largest), min(largest, 2 * size, max(fitting, size // 2)))


def idle_pause(last: float, *, shortest: float = 0.02, longest: float = 1.0) -> float:
    """Seconds to the next look after one that found nothing; 0 stands for one that found something."""
    return min(longest, max(shortest, 2 * last))
