"""What workers count of shadowed requests: which rows and cells there are, and how they are read back.

A request adds to ``seen`` first and then, once, to one cell more, so that a worker may be killed between any two stores and
still nothing counts twice. What it counted nowhere else was in flight, or has been handed to control.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from strangler.control import tally
from strangler.control.cells import Key, Region
from strangler.control.totals import DEAD, LIFE, while_nobody_is_buried
from strangler.core.ledger import DEAD as OF_THE_DEAD
from strangler.core.ledger import SEEN as SEEN_LABEL
from strangler.core.ledger import SKIP
from strangler.core.outcome import SKIPS, Lost, Outcome
from strangler.core.records import Stratum

# Kinds of rows: the first part of their keys. Then the route; a Stratum; route, stage, version and side; route, stage and
# method.
ROUTE, SKIPPED, PAIRS, ARM, MEANT = "shadow", "shadow skip", "shadow pairs", "shadow arm", "shadow meant"

# Cells of a row about a route, in the order in which they must be read: what was seen comes last. Those about noise, the
# same control asked twice, are no part of the ledger.
AGAIN, AGAIN_EQUAL, AGAIN_QUEUE, QUEUE, SEEN = range(5)

# Cells of a row about skipped requests of a route: one for each reason.
REASONS: dict[str, int] = {label: number for number, label in enumerate(SKIPS)}

# Cells of a row about pairs that the worker judged by itself: the first with its method and target, and repeated ones.
JUDGED = (Outcome.MATCH, Outcome.CANDIDATE_FAILED)

# Cells of a row about one arm: how many took how long, one for each bound and one for more; microseconds; how often there
# was no answer; how often the answer was a 5xx, which are among those that took some time. A bound is half as much again as
# the one before, from a millisecond to eleven seconds: as near to each other as the guard's usual ratio.
BOUNDS = tuple(0.001 * 1.5**power for power in range(24))
MICROSECONDS = len(BOUNDS) + 1
FAILURES = MICROSECONDS + 1
ERRORS = FAILURES + 1
ARM_CELLS = ERRORS + 1

# Arms that are no side of a comparison, by the beginning of their side: what one upstream served, with the cells of `tally`,
# and how many requests of a method were meant to be compared and have ended, in one cell.
SERVED, COMPARABLE = "served by ", "comparable "


def judged_cell(outcome: Outcome, repeated: bool) -> int:
    """The cell of a row about pairs."""
    return (2 if outcome is Outcome.CANDIDATE_FAILED else 0) + repeated


def bucket(seconds: float) -> int:
    """The cell of a row about an arm."""
    return bisect_left(BOUNDS, seconds)


def incarnation(slot: int, life: int) -> str:
    """The name of one life of a worker, which no other has in this run."""
    return f"{slot}.{life}"


# Kinds of rows about a route, a stage and something else: what they become, and how many cells they have.
_COUNTED = {"route": (SERVED, tally.CELLS), MEANT: (COMPARABLE, 1)}


@dataclass(slots=True)
class Witnessed:
    """What all workers of a run have counted until now.

    Attributes:
        counts: by (route, label), with labels as in `core.ledger`.
        alive: incarnations whose numbers are not among those of the dead.
        pairs: cells of the pairs that workers judged by themselves.
        arms: cells by (route, stage, version, side); among them those whose side begins with SERVED or COMPARABLE.
        again: by route, how often control, asked twice, gave equal answers.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    alive: frozenset[str] = frozenset()
    pairs: dict[Stratum, list[int]] = field(default_factory=dict)
    arms: dict[tuple[str, str, str, str], list[int]] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)


def read(arena: int, slots: int) -> Witnessed:
    """Read it all, as it was between two burials."""
    regions = [Region(arena, number) for number in range(slots + 1)]
    try:
        return while_nobody_is_buried(regions[DEAD], lambda: _read(regions))
    finally:
        for region in regions:
            region.close()


def _read(regions: list[Region]) -> Witnessed:
    found = Witnessed()
    alive = set()
    for region in regions:
        prefix = OF_THE_DEAD if region.number == DEAD else ""
        life = region.cells[region.scalar(LIFE)]
        if life and not prefix:
            alive.add(incarnation(region.number, life))
        _add(found, prefix, region.rows())
        _add_seen(found, prefix, region.rows())
    found.alive = frozenset(alive)
    return found


def _add(found: Witnessed, prefix: str, rows: Iterable[tuple[Key, list[int]]]) -> None:
    for (kind, *names), cells in rows:
        if kind == SKIPPED:
            for label, number in REASONS.items():
                found.counts[names[0], f"{prefix}{SKIP}{label}"] += cells[number]
        elif kind == PAIRS:
            stratum = Stratum(*names)
            found.pairs[stratum] = _sum(found.pairs.get(stratum), cells[: 2 * len(JUDGED)])
            for outcome in JUDGED:
                number = cells[judged_cell(outcome, False)] + cells[judged_cell(outcome, True)]
                found.counts[stratum.route, f"{prefix}{outcome}"] += number
        elif kind == ARM:
            arm = (names[0], names[1], names[2], names[3])
            found.arms[arm] = _sum(found.arms.get(arm), cells[:ARM_CELLS])
        elif kind in _COUNTED:
            beginning, width = _COUNTED[kind]
            arm = (names[0], names[1], "", beginning + names[2])
            found.arms[arm] = _sum(found.arms.get(arm), cells[:width])


def _add_seen(found: Witnessed, prefix: str, rows: Iterable[tuple[Key, list[int]]]) -> None:
    """After everything else, or there would be more outcomes than requests for a moment."""
    for (kind, *names), cells in rows:
        if kind == ROUTE:
            found.again[names[0]] += cells[AGAIN_EQUAL]
            found.counts[names[0], f"{prefix}{Lost.QUEUE}"] += cells[QUEUE]
            found.counts[names[0], f"{prefix}{SEEN_LABEL}"] += cells[SEEN]


def _sum(one: list[int] | None, other: list[int]) -> list[int]:
    return other if one is None else [a + b for a, b in zip(one, other, strict=True)]
