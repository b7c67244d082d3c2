"""What is left to say of a route that is retired: the proof that legacy's part of it may be switched off, in one record.

Made from what is kept for good: the journal, the counts of comparisons, and what legacy served last. Whoever reads it in a year
has nothing else, so it says what is missing as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from strangler.core.flip import Place, place_of
from strangler.core.journal import Entry, Kind, Recorded, history, unsettled
from strangler.core.model import Route, Stage


@dataclass(frozen=True, slots=True)
class Agreed:
    """Comparisons of one stratum: how many there were, and how many agreed."""

    method: str
    status_class: str
    compared: int
    agreed: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What was compared last: by which rules, with which build of modern ("" if it is not known), and how it came out.

    Attributes:
        first, last: comparison, to the minute or the hour, in seconds since 1970.
        current: whether these are the rules of the file as it is now.
    """

    first: float
    last: float
    version: str
    rules: str
    strata: tuple[Agreed, ...]
    current: bool = True

    @property
    def compared(self) -> int:
        return sum(stratum.compared for stratum in self.strata)

    @property
    def agreed(self) -> int:
        return sum(stratum.agreed for stratum in self.strata)


@dataclass(frozen=True, slots=True)
class Decommission:
    """The record of one route.

    Attributes:
        place: where it stands; a record of one that is not retired yet says what is missing.
        retired_at: seconds since 1970; None if the journal does not know.
        last_legacy_hit: when legacy answered a request of the route last; None if that is not known.
        entries: its journal, oldest first.
        open_drift: what is known to differ in its data, in words; None if nobody has looked.
        missing: what keeps this from being a proof, in words.
    """

    route: str
    legacy: str
    modern: str
    data: tuple[str, ...]
    place: Place
    retired_at: float | None
    last_legacy_hit: float | None
    proof: Proof | None
    entries: tuple[Recorded, ...]
    open_drift: tuple[str, ...] | None
    missing: tuple[str, ...]


def record(
    route: Route,
    entries: Iterable[Entry],
    last_legacy_hit: float | None,
    last_proof: Proof | None,
    open_drift: tuple[str, ...] | None,
) -> Decommission:
    """The record of a route, from the journal and from what was found elsewhere."""
    mine = [entry for entry in entries if entry.route == route.name]
    flips = history(mine)
    times = [_at(flip) for flip in flips if flip.state is Kind.LIVE and flip.entry.after.stage is Stage.RETIRED]
    retired_at = max(times, default=None) if route.stage is Stage.RETIRED else None
    drift = open_drift if route.data else ()
    missing = _missing(route, mine, retired_at, last_legacy_hit, last_proof, drift)
    return Decommission(
        route.name, route.legacy, route.modern, route.data, place_of(route),
        retired_at, last_legacy_hit, last_proof, flips, drift, tuple(missing),
    )  # fmt: skip


def _missing(
    route: Route,
    mine: list[Entry],
    retired_at: float | None,
    hit: float | None,
    proof: Proof | None,
    drift: tuple[str, ...] | None,
) -> Iterator[str]:
    if route.stage is not Stage.RETIRED:
        yield f"it is not retired: it stands at {place_of(route)}"
    elif retired_at is None:
        yield "the journal does not know when it was retired"
    elif hit is not None and hit > retired_at:
        yield "legacy has answered a request of it since"
    if hit is None:
        yield "when legacy answered last was not recorded"
    if proof is None:
        yield "its answers were never compared"
    elif not proof.current:
        yield "its rules have changed since they were compared last"
    if drift is None:
        yield f"whether {', '.join(route.data)} drift is not known: `strangler data reconcile` says"
    elif drift:
        yield f"its data drift: {'; '.join(drift)}"
    if unsettled(mine):
        yield "a flip of it is not settled"


def _at(flip: Recorded) -> float:
    return flip.entry.at if flip.settled_at is None else flip.settled_at


# In words.


def answer(found: Decommission) -> str:
    """The first line: what it is, and whether anything is missing."""
    if found.place.stage is not Stage.RETIRED:
        return f"not retired: stands at {found.place}"
    when = f" since {moment(found.retired_at)}" if found.retired_at is not None else ""
    return f"retired{when}"


def facts(found: Decommission) -> list[tuple[str, str]]:
    """What there is to say, as pairs of a name and words."""
    hit = "not recorded" if found.last_legacy_hit is None else moment(found.last_legacy_hit)
    drift = "not known" if found.open_drift is None else "; ".join(found.open_drift) or "none"
    return [
        ("upstreams", f"{found.legacy} → {found.modern}"),
        ("last answer of legacy", hit),
        *_proven(found.proof),
        ("data", ", ".join(found.data) or "the route names no mappings"),
        *([("open drift", drift)] if found.data else []),
    ]


def _proven(proof: Proof | None) -> list[tuple[str, str]]:
    if proof is None:
        return [("last proof", "its answers were never compared")]
    build = f"build {proof.version} of modern" if proof.version else "build of modern not known"
    strata = [f"{each.method} {each.status_class}: {each.agreed:,} of {each.compared:,}" for each in proof.strata]
    return [
        ("last proof", f"{proof.agreed:,} of {proof.compared:,} answers agreed, {moment(proof.first)} to {moment(proof.last)}"),
        ("by method and status", "; ".join(strata)),
        ("compared with", f"{build}, rules {proof.rules}{'' if proof.current else ' (not those of the file now)'}"),
    ]


def told(flip: Recorded) -> str:
    """One line of the journal."""
    entry = flip.entry
    said = [f"{moment(entry.at)}  {entry.before} → {entry.after}", f"by {entry.actor}"]
    if entry.verdict:
        said.append(f"guard: {entry.verdict}")
    said += [word for word, true in (("forced", entry.forced), (flip.state, flip.state is not Kind.LIVE)) if true]
    return ", ".join(said) + (f": {entry.reason}" if entry.reason else "")


def moment(at: float) -> str:
    """A point in time, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


# As JSON.


def as_json(found: Decommission) -> dict[str, Any]:
    """The record as JSON-able values."""
    return {
        "route": found.route,
        "stage": found.place.stage,
        "legacy": found.legacy,
        "modern": found.modern,
        "retired_at": found.retired_at,
        "last_legacy_hit": found.last_legacy_hit,
        "proof": _proof_as_json(found.proof) if found.proof else None,
        "data": list(found.data),
        "open_drift": None if found.open_drift is None else list(found.open_drift),
        "journal": [_flip_as_json(flip) for flip in found.entries],
        "missing": list(found.missing),
    }


def _proof_as_json(proof: Proof) -> dict[str, Any]:
    strata = [
        {"method": each.method, "status_class": each.status_class, "compared": each.compared, "agreed": each.agreed}
        for each in proof.strata
    ]
    return {
        "first": proof.first, "last": proof.last, "version": proof.version or None, "rules": proof.rules,
        "current": proof.current, "compared": proof.compared, "agreed": proof.agreed, "strata": strata,
    }  # fmt: skip


def _flip_as_json(flip: Recorded) -> Mapping[str, Any]:
    entry = flip.entry
    return {
        "flip": entry.flip, "at": entry.at, "settled_at": flip.settled_at, "state": flip.state, "actor": entry.actor,
        "from": str(entry.before), "to": str(entry.after), "reason": entry.reason, "forced": entry.forced,
        "verdict": entry.verdict or None, "evidence": [dict(finding) for finding in entry.evidence],
    }  # fmt: skip
