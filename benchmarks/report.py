"""What was measured, as a table for people and as JSON for machines. Pure.

Every figure is a median of rounds. A ratio is the median of the ratios within each round, because a machine that drifts
makes the figures of different rounds differ more than those of two proxies in one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

from benchmarks.load import Load

_LEAST_ACHIEVED = 0.98  # of the rate; below it the open loop was not open


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a load generator.

    Attributes:
        cpu: seconds of CPU of the proxy's processes.
        elsewhere: cores that others on this machine kept busy in the meantime.
    """

    load: Load
    cpu: float
    elsewhere: float

    @property
    def cpu_per_10k(self) -> float:
        return self.cpu / self.load.requests * 10_000


@dataclass(slots=True)
class Result:
    """All rounds of one contender, in order, and its resident memory after them."""

    closed: list[Round] = field(default_factory=list)
    opened: list[Round] = field(default_factory=list)
    resident_mib: float = 0.0

    @property
    def rounds(self) -> list[Round]:
        return self.closed + self.opened

    @property
    def capacity(self) -> float:
        """Requests per second."""
        return median(one.load.rate for one in self.closed)


Results = dict[str, Result]
Ratios = list[float]


def ratios(results: Results, name: str, to: str, of: Callable[[Round], float]) -> Ratios:
    """Round by round, one contender against another; empty if either was not measured."""
    if name not in results or to not in results:
        return []
    pairs = zip(results[name].closed, results[to].closed, strict=True)
    return [of(one) / of(other) for one, other in pairs if of(other)]


def rate(one: Round) -> float:
    return one.load.rate


def closed_table(results: Results, peers: Sequence[str]) -> str:
    """Throughput, with each contender's ratio to each peer."""
    head = ["closed loop", "requests/s", "(min–max)", "p50 ms", "p99 ms", "errors", "CPU s/10k", "of a core", "RSS MiB"]
    return table([head + [f"× {peer}" for peer in peers], *(_closed_row(results, name, peers) for name in results)])


def open_table(results: Results, share: float) -> str:
    """Latency at a share of each one's own capacity."""
    head = [f"open loop, {share:.0%}", "requests/s", "p50 ms", "p99 ms", "(min–max)", "errors", "CPU s/10k"]
    return table([head, *(_open_row(name, result.opened) for name, result in results.items() if result.opened)])


def costs(results: Results, baseline: str) -> list[str]:
    """What each variant of the baseline costs against it, one line each."""
    lines = []
    for name in results:
        found = ratios(results, name, baseline, rate)
        if found and name.startswith(f"{baseline}-"):
            less = [1 - ratio for ratio in found]
            more = median(ratios(results, name, baseline, lambda one: one.cpu_per_10k)) - 1
            lines.append(
                f"{name} against {baseline}: {median(less):.1%} fewer requests/s"
                f" ({min(less):.1%} to {max(less):.1%}), {more:+.1%} CPU per request"
            )
    return lines


def disturbance(results: Results) -> str:
    """How calm the machine was, in one line."""
    taken = [one.elsewhere for result in results.values() for one in result.rounds]
    return f"others kept {median(taken):.2f} cores busy (median; {min(taken):.2f}–{max(taken):.2f} by round)"


def as_json(results: Results) -> dict[str, object]:
    """Every round of every contender."""
    return {name: asdict(result) for name, result in results.items()}


def _closed_row(results: Results, name: str, peers: Sequence[str]) -> list[str]:
    rounds = results[name].closed
    rates = [one.load.rate for one in rounds]
    row = [
        name,
        f"{median(rates):,.0f}",
        f"({min(rates):,.0f}–{max(rates):,.0f})",
        *_milliseconds(rounds),
        str(sum(one.load.errors for one in rounds)),
    ]
    if any(one.cpu for one in rounds):
        share = median(one.cpu / one.load.seconds for one in rounds)
        row += [f"{median(one.cpu_per_10k for one in rounds):.3f}", f"{share:.0%}", f"{results[name].resident_mib:.0f}"]
    else:
        row += ["", "", ""]
    return row + [_span(ratios(results, name, peer, rate)) for peer in peers]


def _open_row(name: str, rounds: Sequence[Round]) -> list[str]:
    high = [one.load.p99 * 1000 for one in rounds]
    late = min(one.load.achieved for one in rounds)
    cpu = median(one.cpu_per_10k for one in rounds)
    return [
        name,
        f"{median(one.load.rate for one in rounds):,.0f}" + (f" ({late:.0%} of it)" if late < _LEAST_ACHIEVED else ""),
        *_milliseconds(rounds),
        f"({min(high):.2f}–{max(high):.2f})",
        str(sum(one.load.errors for one in rounds)),
        f"{cpu:.3f}" if cpu else "",
    ]


def _milliseconds(rounds: Iterable[Round]) -> tuple[str, str]:
    loads = [one.load for one in rounds]
    return f"{median(load.p50 for load in loads) * 1000:.2f}", f"{median(load.p99 for load in loads) * 1000:.2f}"


def _span(found: Ratios) -> str:
    return f"{median(found):.2f} ({min(found):.2f}–{max(found):.2f})" if found else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns; the first cell of each is a name."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "  ".join([row[0].ljust(len(name)), *figures]).rstrip()
