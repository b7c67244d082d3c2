"""What commands and the API say of differences, as values: from the store's rows to the numbers and causes of each route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from strangler.core.causes import words
from strangler.core.ledger import Ledger
from strangler.core.model import Route, Side
from strangler.core.noise.learn import Proposal, propose
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example
from strangler.store.rows import CauseRow, CountRow, ExampleRow, NoiseRow, VersionRow


class Evidence(Protocol):
    """What is asked of the store here."""

    def versions(self, route: str) -> list[VersionRow]: ...

    def counts(
        self, route: str | None = None, since: float | None = None, rules: str | None = None, version: str | None = None
    ) -> list[CountRow]: ...

    def causes(
        self, route: str | None = None, rules: str | None = None, version: str | None = None, limit: int = 50
    ) -> list[CauseRow]: ...

    def newest_examples(self, causes: Sequence[str]) -> dict[str, str]: ...

    def noise(self, route: str | None = None) -> list[NoiseRow]: ...

    def ledger(self, route: str | None = None) -> Ledger: ...


@dataclass(frozen=True, slots=True)
class CauseLine:
    """A cause, and the id of its newest example ("" if none is kept any more)."""

    row: CauseRow
    example: str


@dataclass(frozen=True, slots=True)
class Report:
    """What is known of one route under its current rules and the latest build of modern.

    Attributes:
        begun: seconds since 1970 of the first comparison under these rules and with this build; None if there was none.
        why_begun: what it began with: ``rules``, ``build`` or "" for the first comparison ever.
        earlier: pairs that were compared under other rules.
        methods: that were compared.
        outcomes: number of pairs by outcome.
        more: causes beyond those in `causes`.
        noise: fields that were seen to differ from themselves, and are no rule yet.
    """

    route: Route
    version: str
    begun: float | None
    why_begun: str
    earlier: int
    methods: tuple[str, ...]
    outcomes: Mapping[str, int]
    causes: tuple[CauseLine, ...]
    more: int
    noise: tuple[Proposal, ...]
    ledger: Ledger

    @property
    def compared(self) -> int:
        return sum(self.outcomes.values())

    @property
    def agreed(self) -> int:
        return self.outcomes.get(Outcome.MATCH, 0) + self.outcomes.get(Outcome.IGNORED, 0)

    @property
    def mismatches(self) -> int:
        return self.outcomes.get(Outcome.MISMATCH, 0)


_ALL = 100_000  # causes are capped long before


def report(store: Evidence, route: Route, *, since: float | None = None, limit: int = 5) -> Report:
    """What the store knows of a route. `since` is in seconds since 1970, `limit` the most causes."""
    versions = store.versions(route.name)
    current = [row for row in versions if row.rules == route.rules]
    version = current[0].version if current else ""
    counts = store.counts(route.name, since, route.rules, version) if current else []
    causes = store.causes(route.name, route.rules, version, _ALL) if current else []
    causes = [row for row in causes if since is None or row.last_seen >= since]
    examples = store.newest_examples([row.id for row in causes[:limit]])
    return Report(
        route=route,
        version=version,
        begun=current[0].first_seen if current else None,
        why_begun=_why_begun(versions, current),
        earlier=sum(row.count for row in versions if row.rules != route.rules),
        methods=tuple(sorted({row.stratum.method for row in counts})),
        outcomes=_by_outcome(counts),
        causes=tuple(CauseLine(row, examples.get(row.id, "")) for row in causes[:limit]),
        more=max(0, len(causes) - limit),
        noise=proposals(store, route),
        ledger=store.ledger(route.name),
    )


def proposals(store: Evidence, route: Route) -> tuple[Proposal, ...]:
    """Noise that was learned on a route, and that none of its rules is about yet."""
    known = {str(one.path) for one in route.noise.fields} | {str(pattern) for pattern in route.compare.ignore}
    found = propose({row.pattern: row.observed for row in store.noise(route.name)})
    return tuple(one for one in found if one.pattern not in known)


def _by_outcome(rows: Iterable[CountRow]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for row in rows:
        found[str(row.outcome)] += row.count
    return found


def _why_begun(versions: list[VersionRow], current: list[VersionRow]) -> str:
    if not current:
        return ""
    if len(current) > 1:
        return "build"
    return "rules" if len(versions) > len(current) else ""


# The same as plain values, for --json. Keys stay as they are: programs read them.


def as_json(one: Report) -> dict[str, Any]:
    """A route's report."""
    return {
        "route": one.route.name,
        "stage": str(one.route.stage),
        "rules": one.route.rules,
        "version": one.version,
        "since": one.begun,
        "compared": one.compared,
        "agreed": one.agreed,
        "agree": one.agreed / one.compared if one.compared else None,
        "outcomes": {str(outcome): one.outcomes.get(outcome, 0) for outcome in Outcome},
        "compared_under_other_rules": one.earlier,
        "causes": [{**cause_as_json(line.row), "example": line.example or None} for line in one.causes],
        "more_causes": one.more,
        "noise": [each._asdict() for each in one.noise],
        "ledger": ledger_as_json(one.ledger),
    }


def cause_as_json(row: CauseRow) -> dict[str, Any]:
    """A cause, without its examples."""
    return {
        "id": row.id,
        "route": row.route,
        "rules": row.rules,
        "version": row.version,
        **pattern_as_json(row.cause),
        "count": row.count,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
        "state": row.state,
    }


def pattern_as_json(cause: Cause) -> dict[str, Any]:
    """What a cause says."""
    return {"pattern": cause.pattern, "kind": str(cause.kind), "transform": cause.transform, "words": words(cause)}


def ledger_as_json(ledger: Ledger) -> dict[str, Any]:
    """A ledger, with whether it closes."""
    return {
        "seen": ledger.seen,
        "compared": dict(ledger.compared),
        "skipped": dict(ledger.skipped),
        "lost": dict(ledger.lost),
        "in_flight": ledger.in_flight,
        "closes": ledger.closes,
        "coverage": ledger.coverage,
    }


def example_as_json(row: ExampleRow) -> dict[str, Any]:
    """A stored mismatch in short."""
    example = row.example
    return {
        "id": row.id,
        "at": example.at,
        "route": example.route,
        "outcome": str(example.outcome),
        "method": example.method,
        "target": example.target,
        "request_id": example.request_id,
        "control": example.stratum.control,
        "version": example.stratum.version,
        "differences": len(example.differences),
        "causes": [pattern_as_json(cause) for cause in example.causes],
        "cause_ids": list(row.causes),
    }


def mismatch_as_json(row: ExampleRow) -> dict[str, Any]:
    """An example with all that is stored of it."""
    example = row.example
    return {
        **example_as_json(row),
        "stage": example.stratum.stage,
        "rules": example.stratum.rules,
        "candidate": other_side(example),
        "request": dict(example.request),
        "answers": {"control": dict(example.control), "candidate": dict(example.candidate)},
        "differences": [dict(one) for one in example.differences],
    }


def other_side(example: Example) -> str:
    """The side that the candidate was."""
    return str(Side.MODERN if example.stratum.control == Side.LEGACY else Side.LEGACY)
