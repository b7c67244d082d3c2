"""What all workers have counted, the dead included: numbers that never go backwards.

When a worker has died, the supervisor adds its region to the first one of the arena and clears it for the successor. A
reader that looks meanwhile would count twice or not at all, so the first region carries a generation, odd while somebody
is at it: a reader that saw two generations reads again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from strangler.control.cells import GATE, SCALARS, WIDTH, Key, Region

DEAD = 0  # the region of those who have died; worker slots count from 1
LIFE = SCALARS - 2  # the scalar that says whose region it is: the how-manieth worker in this slot; 0: nobody is there
_GENERATION = SCALARS - 1  # the scalar of the first region
_GAUGES = (0, 5)  # the scalars that are no counts
_PAUSE = 0.001

T = TypeVar("T")


@dataclass(slots=True)
class Totals:
    """Sums over regions: scalars by number, rows by key."""

    scalars: list[int] = field(default_factory=lambda: [0] * SCALARS)
    rows: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * WIDTH))

    def add(self, region: Region) -> None:
        self.scalars = [a + b for a, b in zip(self.scalars, region.scalars(), strict=True)]
        for key, cells in region.rows():
            self.rows[key] = [a + b for a, b in zip(self.rows[key], cells, strict=True)]


def bury(arena: int, slot: int) -> None:
    """Add what a dead worker had counted to the dead, and clear its region. The supervisor alone may do this."""
    dead, region = Region(arena, DEAD), Region(arena, slot)
    generation = dead.scalar(_GENERATION)
    dead.cells[generation] += 1
    for number, count in enumerate(region.scalars()):
        if number not in (*_GAUGES, LIFE):
            dead.cells[dead.scalar(number)] += count
    for key, cells in region.rows():
        if key[0] == GATE:
            continue
        row = dead.row(key)
        for cell, count in enumerate(cells):
            if count:
                dead.cells[row + cell] += count
    region.clear()
    dead.cells[generation] += 1
    dead.close()
    region.close()


def read(arena: int, slots: int) -> Totals:
    """The sums over all slots and the dead."""
    regions = [Region(arena, number) for number in range(slots + 1)]
    try:
        return while_nobody_is_buried(regions[DEAD], lambda: _sums(regions))
    finally:
        for region in regions:
            region.close()


def while_nobody_is_buried(dead: Region, look: Callable[[], T]) -> T:
    """What `look` saw, of one moment between two burials. Blocks for a few milliseconds at most."""
    generation = dead.scalar(_GENERATION)
    while True:
        before = dead.cells[generation]
        seen = look()
        if before % 2 == 0 and before == dead.cells[generation]:
            return seen
        time.sleep(_PAUSE)


def _sums(regions: list[Region]) -> Totals:
    totals = Totals()
    for region in regions:
        totals.add(region)
    return totals
