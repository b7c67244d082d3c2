"""Which pairs that workers handed over are accounted for. Knows no socket and no store; this is how the ledger closes.

A worker counts in shared memory, which outlives it, and hands the pairs that need a look to control over a link. What control
settles (an outcome, a skip or a loss, each once) it records by the incarnation of the worker and the route, in one transaction
with a snapshot of the workers' counters. `core.ledger` takes what is left of ``seen`` as in flight while the incarnation
lives, and as lost with it once it is dead. So the ledger closes exactly if every pair that a living worker has no more is
settled once:

- A pair still with the worker (in the engine, or waiting for the link) is in flight, truly. If the worker dies it is lost with
  it, and nobody has to notice: the burial moves its numbers to those of the dead in one step.
- A pair given to a link is never sent again. Control takes it from the link, and settles it, or dies; or the link ends first.
- So each new link begins with how many pairs of each route *earlier* links were given (``given``). Nothing of those can still
  arrive: the old control is dead before the next one starts, and control ends a worker's old link before it hears a new one.
  What of ``given`` was neither settled in the store when this control started, nor taken by it since, is gone: it is counted
  as lost in control, and thereby settled.
- Killed are control (the new one reads from the store what was settled, and workers connect anew), a worker (see above), or
  both (the dead worker's pairs count as lost with it, whoever had them). In between, numbers that were not recorded are
  as if they had not happened: counters and settlements move in the same transaction or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping


class Accounts:
    """Pairs by incarnation and route.

    Args:
        settled: what the store says, read after the control before this one was dead.
    """

    def __init__(self, settled: Mapping[tuple[str, str], int]) -> None:
        self._known = Counter(settled)

    def take(self, incarnation: str, route: str) -> None:
        """A pair has arrived, and will be settled."""
        self._known[incarnation, route] += 1

    def begin(self, incarnation: str, given: Mapping[str, int]) -> dict[str, int]:
        """A link begins, after earlier ones were given so many pairs: how many of them will never arrive, by route.

        They are accounted for from now on; the caller settles them.
        """
        missing = {route: number - self._known[incarnation, route] for route, number in given.items()}
        lost = {route: number for route, number in missing.items() if number > 0}
        for route, number in lost.items():
            self._known[incarnation, route] += number
        return lost
