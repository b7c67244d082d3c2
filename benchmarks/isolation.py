"""What a client notices of a candidate: runs without copies against runs with them, and against each other. Pure.

Two runs of the same thing differ too. So each round has three: twice without copies (A and A'), by two processes, and once
with them (B). What copying costs is the distance of B from A, beside the distance of A' from A.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.load import Load

Of = Callable[[Load], float]


def p50(load: Load) -> float:
    return load.p50


def p99(load: Load) -> float:
    return load.p99


@dataclass(frozen=True, slots=True)
class Trio:
    """One round: twice without copies, once with them."""

    without: Load
    again: Load
    copying: Load


@dataclass(slots=True)
class Isolation:
    """All rounds with one kind of candidate.

    Attributes:
        connections: ``one`` or ``many``.
        unfinished: rounds in which a load generator did not come to its end: answers did not come, or far too late.
    """

    proxy: str
    candidate: str
    connections: str
    trios: list[Trio] = field(default_factory=list)
    unfinished: int = 0

    def noise(self, of: Of) -> float:
        """How far apart two runs without copies are, in seconds: the median of the rounds."""
        return median(abs(of(trio.again) - of(trio.without)) for trio in self.trios)

    def distance(self, of: Of) -> float:
        """How far apart a run with copies and one without are."""
        return median(abs(of(trio.copying) - of(trio.without)) for trio in self.trios)

    def cost(self, of: Of) -> float:
        """How much later answers come with copies, against both runs without: may be below zero."""
        return median(of(trio.copying) - (of(trio.without) + of(trio.again)) / 2 for trio in self.trios)

    def ratio(self, of: Of) -> float | None:
        """Distance in noises: about 1 if copies are not noticed. None if the noise is too small to be measured."""
        noise = self.noise(of)
        return self.distance(of) / noise if noise else None

    @property
    def errors(self) -> int:
        return sum(trio.copying.errors for trio in self.trios)


def order(number: int) -> Sequence[str]:
    """In which order a round runs: each of the three is first, second and last equally often."""
    names = ("without", "again", "copying")
    return names[number % 3 :] + names[: number % 3]


def table(results: Sequence[Isolation]) -> list[list[str]]:
    """Rows for people, with a head; milliseconds."""
    head = ["candidate", "proxy", "connections"]
    head += [f"{name} {what}" for name in ("p50", "p99") for what in ("without", "with", "cost", "|B-A|", "|A'-A|", "ratio")]
    return [[*head, "errors", "unfinished"], *(_row(one) for one in results)]


def _row(one: Isolation) -> list[str]:
    row = [one.candidate, one.proxy, one.connections]
    if not one.trios:
        return [*row, *["–"] * 13, str(one.unfinished)]
    for of in (p50, p99):
        figures = (median(of(trio.without) for trio in one.trios), median(of(trio.copying) for trio in one.trios))
        row += [f"{1000 * seconds:.3f}" for seconds in figures] + [f"{1000 * one.cost(of):+.3f}"]
        row += [f"{1000 * one.distance(of):.3f}", f"{1000 * one.noise(of):.3f}"]
        ratio = one.ratio(of)
        row.append(f"{ratio:.2f}" if ratio is not None else "–")
    return [*row, str(one.errors), str(one.unfinished)]


def as_json(results: Sequence[Isolation]) -> list[dict[str, object]]:
    """Every figure, for machines. Seconds."""
    return [{**_as_json(one), **(_figures(one) if one.trios else {})} for one in results]


def _as_json(one: Isolation) -> dict[str, object]:
    rounds = [[[load.p50, load.p99] for load in (trio.without, trio.again, trio.copying)] for trio in one.trios]
    told = {"candidate": one.candidate, "proxy": one.proxy, "connections": one.connections}
    return {**told, "rounds": rounds, "errors": one.errors, "unfinished": one.unfinished}


def _figures(one: Isolation) -> dict[str, object]:
    return {
        f"{name}_{what}": getattr(one, what)(of)
        for name, of in (("p50", p50), ("p99", p99))
        for what in ("noise", "distance", "cost", "ratio")
    }


def growth(sizes: Sequence[float]) -> float:
    """How much larger the last of some sizes is than the one after warming up (the second): 0 if memory is flat."""
    return sizes[-1] - sizes[min(1, len(sizes) - 1)]
