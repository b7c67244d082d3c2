"""How findings, losses and the workers' counters become a batch for the store. Knows neither a store nor a process."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from strangler.control.gathering.witnessed import JUDGED, Witnessed, judged_cell
from strangler.core.ledger import DEAD
from strangler.core.noise.learn import WHOLE, Field
from strangler.core.outcome import Lost
from strangler.core.records import Batch, Stratum
from strangler.evidence.finding import Finding
from strangler.store.adding import merged

MOST_EXAMPLES = 500  # of one batch: they are kept while the store cannot be written

Arm = tuple[str, str, str, str]
K = TypeVar("K")


def settle(batch: Batch, incarnation: str, finding: Finding) -> None:
    """A pair has been looked at."""
    route = finding.stratum.route
    _add(batch.settled, (incarnation, route), 1)
    if finding.outcome is None:
        _add(batch.skips, (route, finding.skipped), 1)
        return
    _add(batch.outcomes, (route, finding.outcome.value), 1)
    counted = batch.counts.setdefault((int(finding.at // 60), finding.stratum, finding.outcome.value), [0, 0])
    counted[0] += 1
    counted[1] += finding.repeated
    _causes(batch, finding)
    if finding.example is not None and len(batch.examples) < MOST_EXAMPLES:
        batch.examples.append(finding.example)


def learn(batch: Batch, finding: Finding) -> None:
    """Control was asked twice."""
    for pattern, observed in finding.noise.items():
        key = (finding.stratum.route, pattern)
        batch.noise[key] = merged(batch.noise.get(key, {}), observed)


def skip(batch: Batch, incarnation: str, route: str, reason: str) -> None:
    """A pair could not be looked at."""
    _add(batch.settled, (incarnation, route), 1)
    _add(batch.skips, (route, reason), 1)


def lose(batch: Batch, incarnation: str, route: str, number: int = 1) -> None:
    """Pairs are gone, and nobody will know what they were."""
    _add(batch.settled, (incarnation, route), number)
    _add(batch.lost, (route, Lost.CONTROL.value), number)


def fold(batch: Batch) -> None:
    """Count by the hour what was counted by the minute, under its first minute, as the store does with what is old."""
    counts, batch.counts = batch.counts, {}
    for (minute, stratum, outcome), (number, repeated) in counts.items():
        counted = batch.counts.setdefault((minute - minute % 60, stratum, outcome), [0, 0])
        counted[0] += number
        counted[1] += repeated


class Readings:
    """How far the workers' counters have been read: what is new goes into a batch, and how far into its snapshot.

    Args:
        snapshot: of the last batch that was recorded in this run; b"" if none was.
    """

    def __init__(self, snapshot: bytes = b"") -> None:
        told = json.loads(zlib.decompress(snapshot)) if snapshot else {"pairs": [], "arms": [], "again": {}}
        self._pairs: dict[Stratum, list[int]] = {Stratum(*key): cells for key, cells in told["pairs"]}
        self._arms: dict[Arm, list[int]] = {(key[0], key[1], key[2], key[3]): cells for key, cells in told["arms"]}
        self._again: dict[str, int] = told["again"]

    def read(self, batch: Batch, found: Witnessed, now: float) -> None:
        """Bring a batch up to date.

        Args:
            now: seconds since 1970; what is new counts for this minute.
        """
        batch.worker_counts = _of_both(found.counts)
        batch.alive = found.alive
        minute = int(now // 60)
        pairs, arms = list(_new(self._pairs, found.pairs)), list(_new(self._arms, found.arms))
        again = {route: number - self._again.get(route, 0) for route, number in found.again.items()}
        for stratum, cells in pairs:
            _judged(batch, minute, stratum, cells)
        for arm, cells in arms:
            batch.arms[(minute, *arm)] = cells
        for route, number in again.items():
            _asked_again(batch, route, number)
        self._pairs, self._arms, self._again = found.pairs, found.arms, dict(found.again)
        if pairs or arms or any(again.values()):
            batch.snapshot = self._snapshot()

    def _snapshot(self) -> bytes:
        told = {"pairs": list(self._pairs.items()), "arms": list(self._arms.items()), "again": self._again}
        return zlib.compress(json.dumps(told).encode(), 1)


def _of_both(counts: Mapping[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """What was counted, of the living and of the dead each, zeros too: a burial takes from the one what it gives the other."""
    known = {(route, label.removeprefix(DEAD)) for (route, label), number in counts.items() if number}
    return {(route, f"{who}{label}"): counts.get((route, f"{who}{label}"), 0) for route, label in known for who in ("", DEAD)}


def _new(old: Mapping[K, Sequence[int]], found: Mapping[K, list[int]]) -> Iterator[tuple[K, list[int]]]:
    """What was added to each since it was read last, if anything was."""
    for key, cells in found.items():
        before = old.get(key)
        added = [now - then for now, then in zip(cells, before, strict=True)] if before else cells
        if any(added):
            yield key, added


def _judged(batch: Batch, minute: int, stratum: Stratum, cells: list[int]) -> None:
    for outcome in JUDGED:
        first, repeated = cells[judged_cell(outcome, False)], cells[judged_cell(outcome, True)]
        if first + repeated:
            counted = batch.counts.setdefault((minute, stratum, outcome.value), [0, 0])
            counted[0] += first + repeated
            counted[1] += repeated


def _asked_again(batch: Batch, route: str, number: int) -> None:
    """Control gave equal answers when it was asked twice: as much evidence about noise as unequal ones."""
    if number:
        batch.noise[route, WHOLE] = merged(batch.noise.get((route, WHOLE), {}), Field(looked=number).mapping())


def _causes(batch: Batch, finding: Finding) -> None:
    stratum = finding.stratum
    for cause in dict.fromkeys(finding.causes):
        counted = batch.causes.setdefault((stratum.route, stratum.rules, stratum.version, cause), [0, 0.0])
        counted[0] += 1
        counted[1] = max(counted[1], finding.at)


def _add(numbers: dict[K, int], key: K, number: int) -> None:
    numbers[key] = numbers.get(key, 0) + number
