"""The ledger: what became of every request that was seen. Knows no store, no worker and no clock; numbers are passed in.

Workers count what they see of a route, and what becomes of it as far as they can tell: equal at first glance, the candidate
failed, skipped, or dropped because control was too slow. The rest they hand over, and control counts what it settles. So

    seen = compared + skipped + lost + in flight

by this reckoning, done for the living and the dead apart, because a worker's death settles nothing:

    what is left = seen − what workers accounted for − what control settled for them

which for the living is in flight, and for the dead lost with the worker. The equation alone could always be met, so a ledger
closes only if nothing in it is negative as well: then nothing was accounted for twice, and nothing that nobody had seen. Until
control has settled the last pair that a dead worker handed over, that pair counts as lost; it is never counted twice.

Numbers must be read in this order, or the ledger does not close for a moment: what control settled, then what workers saw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strangler.core.frozen import Frozen
from strangler.core.outcome import INTENDED, Lost, Outcome

# Labels of what is counted. Besides these: the outcomes, and the places where something is lost.
SEEN = "seen"
SKIP = "skip:"  # before the reason
DEAD = "dead:"  # before any label: counted by workers that have died

_LOST = frozenset(Lost)
_OUTCOMES = frozenset(Outcome)

Numbers = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Ledger:
    """Requests seen, and what became of them; what never happened is not among the keys.

    Attributes:
        compared: by outcome.
        skipped: by label of `outcome.SKIPS`.
        lost: by `outcome.Lost`.
    """

    seen: int = 0
    compared: Numbers = Frozen()
    skipped: Numbers = Frozen()
    lost: Numbers = Frozen()
    in_flight: int = 0

    @property
    def closes(self) -> bool:
        """Whether every request is accounted for, once."""
        parts = [*self.compared.values(), *self.skipped.values(), *self.lost.values(), self.in_flight]
        return sum(parts) == self.seen and min(parts) >= 0

    @property
    def coverage(self) -> float | None:
        """Share of the requests that were meant to be compared which were: 0 to 1, and None if there was none."""
        meant = self.seen - sum(number for label, number in self.skipped.items() if label in INTENDED)
        return sum(self.compared.values()) / meant if meant > 0 else None

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(
            self.seen + other.seen,
            _sum(self.compared, other.compared),
            _sum(self.skipped, other.skipped),
            _sum(self.lost, other.lost),
            self.in_flight + other.in_flight,
        )


def total(ledgers: Iterable[Ledger]) -> Ledger:
    """The ledger of several routes, or of several runs."""
    return sum(ledgers, Ledger())


def balance(workers: Numbers, control: Numbers, living: int = 0, dead: int = 0, ended: bool = False) -> Ledger:
    """The ledger of one route in one run.

    Args:
        workers: what workers counted, by label: ``seen``, ``match``, ``candidate_failed``, ``skip:REASON``, ``queue``, and the
            same after ``dead:``. Other labels are somebody else's.
        control: what control counted itself, by outcome, ``skip:REASON`` and ``control``.
        living, dead: how many pairs that makes, by whether the worker that handed them over is alive.
        ended: the run is over, so all its workers are dead.
    """
    alive = _account({label: number for label, number in workers.items() if not label.startswith(DEAD)})
    buried = _account({label.removeprefix(DEAD): number for label, number in workers.items() if label.startswith(DEAD)})
    in_flight, gone = _left(alive) - living, _left(buried) - dead
    if ended:
        in_flight, gone = 0, gone + in_flight
    return total((alive, buried, _account(control), Ledger(lost=_sum({Lost.WORKER.value: gone}), in_flight=in_flight)))


def _account(numbers: Numbers) -> Ledger:
    """Labels sorted by what they mean; nothing is in flight."""
    return Ledger(
        numbers.get(SEEN, 0),
        _sum({label: number for label, number in numbers.items() if label in _OUTCOMES}),
        _sum({label.removeprefix(SKIP): number for label, number in numbers.items() if label.startswith(SKIP)}),
        _sum({label: number for label, number in numbers.items() if label in _LOST}),
    )


def _left(ledger: Ledger) -> int:
    return ledger.seen - sum(sum(each.values()) for each in (ledger.compared, ledger.skipped, ledger.lost))


def _sum(*several: Numbers) -> Frozen[str, int]:
    labels = dict.fromkeys(label for numbers in several for label in numbers)
    sums = ((label, sum(numbers.get(label, 0) for numbers in several)) for label in labels)
    return Frozen((label, number) for label, number in sums if number)
