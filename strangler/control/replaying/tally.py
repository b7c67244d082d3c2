"""What became of every entry of a recording, while it is replayed: entries = compared + put aside + not reached.

Counts are of everything; of causes the first few thousand are told apart, and of each one example is kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b

from strangler.core.causes.cause import MORE
from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example
from strangler.evidence.comparator import FAILED
from strangler.evidence.finding import Finding
from strangler.traffic.replay.plan import Aside

MOST_CAUSES = 1000  # of one route
MOST_EXAMPLES = 300
AGREE = (Outcome.MATCH, Outcome.IGNORED)


@dataclass(slots=True)
class CauseTally:
    """How many pairs share a cause, and one of them."""

    number: int = 0
    example: str = ""


@dataclass(slots=True)
class RouteTally:
    """What was compared on one route.

    Attributes:
        failures: of the candidate, by label.
        allowed: rules that cleared differences, and of how many pairs.
        recorded, live: seconds, of pairs of which both are known.
    """

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    causes: dict[Cause, CauseTally] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    allowed: Counter[str] = field(default_factory=Counter)
    recorded: array[float] = field(default_factory=lambda: array("d"))
    live: array[float] = field(default_factory=lambda: array("d"))

    @property
    def compared(self) -> int:
        return self.outcomes.total()

    @property
    def agreed(self) -> int:
        return sum(self.outcomes[each] for each in AGREE)


@dataclass(slots=True)
class Tally:
    """Of one run.

    Attributes:
        entries: that were read.
        aside: by label of `reasons.ASIDE`, or of `outcome.SKIPS` for what showed when it was compared; details beside it.
        not_reached: read, but not asked to the end, since the run ended before.
        late: requests that were sent more than a second after they were due.
    """

    entries: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    details: dict[str, Counter[str]] = field(default_factory=dict)
    routes: dict[str, RouteTally] = field(default_factory=dict)
    examples: dict[str, Example] = field(default_factory=dict)
    versions: Counter[str] = field(default_factory=Counter)
    not_reached: int = 0
    late: int = 0

    @property
    def compared(self) -> int:
        return sum(each.compared for each in self.routes.values())

    @property
    def agreed(self) -> int:
        return sum(each.agreed for each in self.routes.values())

    @property
    def closes(self) -> bool:
        """Whether every entry is accounted for, once."""
        return self.entries == self.compared + self.aside.total() + self.not_reached

    def put_aside(self, aside: Aside) -> None:
        """An entry is not compared."""
        self.aside[aside.reason] += 1
        if aside.detail:
            self.details.setdefault(aside.reason, Counter())[aside.detail] += 1

    def leave_out(self, number: int) -> None:
        """Entries that could not be read."""
        if number:
            self.entries += number
            self.aside["unreadable"] += number

    def wants(self, route: str, cause: Cause) -> bool:
        """Whether an example of a cause is still wanted."""
        known = self._route(route).causes.get(cause)
        return len(self.examples) < MOST_EXAMPLES and (known is None or not known.example)

    def add(self, route: str, finding: Finding, times: tuple[float, float] | None, failure: str) -> None:
        """A pair was compared, or could not be.

        Args:
            times: seconds that the recorded and the live answer took; None if one is not known.
            failure: label of the candidate's.
        """
        if finding.outcome is None:
            self.put_aside(Aside(finding.skipped or "control_failed", finding.detail))
            return
        tally = self._route(route)
        tally.outcomes[finding.outcome] += 1
        tally.allowed.update(rule for rule, _ in finding.ignored)
        causes: Iterable[Cause] = finding.causes
        if finding.outcome is Outcome.CANDIDATE_FAILED:
            tally.failures[failure or "unreadable"] += 1
            causes = [failed(failure)]
        for cause in causes:
            self._count(tally, cause, self._keep(route, cause, finding))
        if times is not None:
            tally.recorded.append(times[0])
            tally.live.append(times[1])

    def _keep(self, route: str, cause: Cause, finding: Finding) -> str:
        if finding.example is None or not self.wants(route, cause):
            return ""
        id = id_of(route, finding.request, str(finding.at), cause.pattern)
        self.examples[id] = finding.example
        return id

    def _count(self, tally: RouteTally, cause: Cause, example: str) -> None:
        if cause not in tally.causes and len(tally.causes) >= MOST_CAUSES:
            cause = MORE
        counted = tally.causes.setdefault(cause, CauseTally())
        counted.number += 1
        counted.example = counted.example or example

    def _route(self, name: str) -> RouteTally:
        return self.routes.setdefault(name, RouteTally())


def failed(label: str) -> Cause:
    """What stands for the failures of one kind."""
    return Cause(FAILED, Kind.STATUS, label)


def id_of(*parts: str) -> str:
    """Eight digits by which something is found again in the same report."""
    return blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
