"""Where every route stands, how it goes, and what needs a person, as values: from file, store, journal and guard.

The numbers are those that the guard looks at. Any source may be missing; what the others know is said all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from strangler.control import probe
from strangler.control.cutover.plain import record_as_json
from strangler.control.evidence_for import Look, Probe
from strangler.control.gathering.witnessed import SERVED
from strangler.control.older import Older
from strangler.control.plain import judgement_as_json, place_as_json
from strangler.control.tally import BUCKETS
from strangler.core.cutover import NEW, OLD, Record
from strangler.core.errors import DatabaseError
from strangler.core.flip import Flip, Place, climb, place_of
from strangler.core.guard.evidence import Evidence
from strangler.core.guard.judge import judge, step, watch
from strangler.core.guard.verdict import Judgement, Verdict, together
from strangler.core.journal import Entry, holds, since, unsettled
from strangler.core.model import Config, Route, Side, Stage
from strangler.store.store import Store

SAID = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.NOT_ENOUGH: "more data"}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests per second, by who answered."""

    legacy: float = 0.0
    modern: float = 0.0

    @property
    def total(self) -> float:
        return self.legacy + self.modern

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(self.legacy + other.legacy, self.modern + other.modern)


@dataclass(frozen=True, slots=True)
class Standing:
    """One route, now.

    Attributes:
        evidence: what the guard has looked at; None if there is nothing to look at where the route stands.
        traffic: of the last minute or two; None if that is not known.
        step: the next one up; None at the top.
        judgement: of the guard about that step.
        serving: of the guard about what clients get from modern; None where they get nothing from it.
        since: when it came to where it stands, in seconds since 1970; None if the journal does not know.
        open: whether a flip of it is not settled.
        ailing: what is wrong with an upstream of it, if anything.
    """

    route: Route
    evidence: Evidence | None = None
    traffic: Traffic | None = None
    step: Flip | None = None
    judgement: Judgement | None = None
    serving: Judgement | None = None
    hold: Entry | None = None
    since: float | None = None
    open: bool = False
    ailing: str = ""

    @property
    def place(self) -> Place:
        return place_of(self.route)

    @property
    def agreement(self) -> tuple[int, int]:
        """How many agree, of how many, under the current rules; identical requests once per window."""
        strata = self.evidence.agreement if self.evidence is not None else ()
        return sum(stratum.agree for stratum in strata), sum(stratum.total for stratum in strata)

    def percentile(self, side: Side) -> float | None:
        """Seconds that 95 % of a side's answers to the same requests took at most; None if there were none."""
        seen = self.evidence.latency if self.evidence is not None else None
        histogram = (seen.modern if side is Side.MODERN else seen.legacy) if seen is not None else None
        return histogram.percentile if histogram is not None and histogram.total else None


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who serves the file.

    Attributes:
        pid: 0 if nobody of this user does, here.
        current: whether every worker decides by the file as it is.
        problems: what the proxy has against the file as it is.
        silent: why its numbers are not known; "" if they are.
    """

    pid: int = 0
    workers: int = 0
    current: bool = False
    problems: str = ""
    silent: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """What flips as one: a route, or the routes of a group. `name` is what a command takes."""

    name: str
    standings: tuple[Standing, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(dict.fromkeys(standing.place for standing in self.standings))

    @property
    def traffic(self) -> Traffic | None:
        known = [standing.traffic for standing in self.standings if standing.traffic is not None]
        return sum(known, Traffic()) if known else None

    @property
    def agreement(self) -> tuple[int, int]:
        """How many agree, of how many."""
        parts = [standing.agreement for standing in self.standings]
        return sum(agree for agree, _ in parts), sum(compared for _, compared in parts)

    def percentile(self, side: Side) -> float | None:
        """Of the slowest of its routes, in seconds."""
        return max((seconds for each in self.standings if (seconds := each.percentile(side)) is not None), default=None)

    @property
    def verdict(self) -> Verdict | None:
        """On the next step; None if there is none, or the guard could not be asked."""
        judged = [standing.judgement.verdict for standing in self.standings if standing.judgement is not None]
        return together(judged) if judged else None

    @property
    def said(self) -> str:
        """The verdict on the next step in a word or two. What no number of samples would change is no lack of them."""
        if self.verdict is Verdict.NOT_ENOUGH:
            findings = [finding for each in self.standings if each.judgement is not None for finding in each.judgement.unmet]
            if all(finding.more is None for finding in findings):
                return "not known"
        return SAID[self.verdict] if self.verdict is not None else "not known"

    @property
    def step(self) -> Flip | None:
        return self.standings[0].step

    @property
    def hold(self) -> Entry | None:
        return next((standing.hold for standing in self.standings if standing.hold is not None), None)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything, at one moment.

    Attributes:
        now: seconds since 1970.
        trouble: why something is not known, one clause each.
        record: of cutovers: which data modern owns, and what is under way.
    """

    now: float
    proxy: Proxy
    standings: tuple[Standing, ...]
    trouble: tuple[str, ...] = ()
    record: Record = Record()

    @property
    def units(self) -> tuple[Unit, ...]:
        """In the order of the file; a group stands where its first route does."""
        found: dict[str, list[Standing]] = {}
        sizes = Counter(standing.route.group for standing in self.standings)
        for standing in self.standings:
            group = standing.route.group
            name = f"@{group}" if group and sizes[group] > 1 else standing.route.name
            found.setdefault(name, []).append(standing)
        return tuple(Unit(name, tuple(members)) for name, members in found.items())


def standings(
    config: Config,
    routes: Sequence[Route],
    entries: Sequence[Entry],
    ailing: Mapping[str, str],
    now: float,
    ask: Probe = probe.well,
    older: Older | None = None,
) -> tuple[Standing, ...]:
    """Look at these routes. What the store cannot tell is not known then; that is said in the words of the guard.

    Args:
        entries: of the journal; ailing: upstreams that are not used now, and why.
        now: seconds since 1970.
        ask: whether an upstream answers its health check.
        older: for whoever looks again and again.
    """
    held, open_, flows = holds(entries), {entry.route for entry in unsettled(entries)}, traffic(config, routes, now)
    with Look(config, now, ask, older) as look:
        return tuple(
            replace(
                _judged(route, look),
                traffic=flows.get(route.name),
                hold=held.get(route.name),
                since=since(entries, route.name),
                open=route.name in open_,
                ailing=_ailing(route, ailing),
            )
            for route in routes
        )


def _judged(route: Route, look: Look) -> Standing:
    """With what the guard says of it."""
    up = next_step(route)
    if up is None:
        return Standing(route)
    kind = step(up.before.stage, up.before.weight, up.after.stage, up.after.weight)
    evidence = look.evidence(route, kind)
    judgement = judge(kind, evidence, route.guard)
    serving = watch(evidence, route.guard) if up.before.stage in (Stage.CANARY, Stage.MODERN) else None
    return Standing(route, evidence, None, up, judgement, serving)


def traffic(config: Config, routes: Sequence[Route], now: float) -> dict[str, Traffic]:
    """What the workers have said they served since the minute before this one began; empty if nobody serves, as far as the
    store knows. `now` in seconds since 1970."""
    first = (now // 60 - 1) * 60
    try:
        with closing(Store.open(config.store, config.folder, read_only=True)) as store:
            runs, rows = store.runs(1), store.sums(SERVED, BUCKETS, 60, first, [route.name for route in routes])
    except DatabaseError:
        return {}
    if not runs or runs[0].ended is not None or runs[0].started >= now:
        return {}
    seconds = max(now - max(first, runs[0].started), 1.0)
    served: dict[str, Counter[str]] = {route.name: Counter() for route in routes}
    for row in rows:
        if row.route in served:
            served[row.route][row.side.removeprefix(SERVED)] += row.total
    return {route.name: split(route, served[route.name], seconds) for route in routes}


def split(route: Route, served: Mapping[str, int], seconds: float) -> Traffic:
    """Requests by upstream in so many seconds, as what each side gets per second."""
    modern = served.get(route.modern, 0)
    return Traffic((sum(served.values()) - modern) / seconds, modern / seconds)


def next_step(route: Route) -> Flip | None:
    """The next one up, by the ladder; from modern, retirement."""
    now = place_of(route)
    after = climb(route) or (Place(Stage.RETIRED) if now.stage is Stage.MODERN else None)
    return Flip(route.name, now, after) if after is not None else None


def _ailing(route: Route, ailing: Mapping[str, str]) -> str:
    """Of the upstreams that the route sends anything to, where it stands."""
    used = {
        Stage.LEGACY: [route.legacy],
        Stage.RETIRED: [route.modern],
    }.get(route.stage, [route.modern, route.legacy])
    return "; ".join(f"{name} {ailing[name]}" for name in dict.fromkeys(used) if name in ailing)


@dataclass(frozen=True, slots=True)
class Attention:
    """What a person should look at. `rank` 0 is the worst; `command` is what to run."""

    rank: int
    unit: str
    words: str
    command: str = ""


def attention(units: Iterable[Unit], record: Record | None = None) -> list[Attention]:
    """What needs a person first, worst first; also a cutover that is under way, if its record is given."""
    found = [one for unit in units for one in _attention(unit)]
    return sorted([*(_of_cutovers(record) if record is not None else ()), *found], key=lambda one: one.rank)


def _of_cutovers(record: Record) -> Iterator[Attention]:
    move = record.move
    if move is not None and record.decided:
        words = f"a cutover to the {move.to} side is decided and not finished: its writes wait until both databases say so"
        yield Attention(0, move.name, words, "strangler data owner")
    elif move is not None:
        yield Attention(0, move.name, f"a cutover to the {move.to} side is under way, by {move.actor}: its writes wait")


def owner_of(route: Route, record: Record) -> str | None:
    """The side that owns what a route writes or reads; None if it names no data, "both" if that is parted."""
    if not route.data:
        return None
    sides = {NEW if name in record.moved else OLD for name in route.data}
    return sides.pop() if len(sides) == 1 else "both"


def _attention(unit: Unit) -> Iterator[Attention]:
    stage, name = max((standing.place.stage for standing in unit.standings), key=lambda stage: stage.rung), unit.name
    served = stage in (Stage.CANARY, Stage.MODERN)
    for words in dict.fromkeys(standing.ailing for standing in unit.standings if standing.ailing):
        yield Attention(0 if served else 2, name, words, f"strangler rollback {name}" if served else f"strangler status {name}")
    failing = _failing(unit)
    if failing and served:
        yield Attention(1, name, f"clients get modern, and the guard fails: {failing}", f"strangler rollback {name}")
    elif failing and stage is Stage.SHADOW:
        yield Attention(3, name, f"the guard fails: {failing}", f"strangler status {name}")
    if any(standing.open for standing in unit.standings):
        yield Attention(2, name, "a flip is under way, or was cut off", f"strangler journal {name}")
    if unit.hold is not None:
        why = f": {unit.hold.reason}" if unit.hold.reason else ""
        yield Attention(4, name, f"held by {unit.hold.actor}{why}", f"strangler resume {name}")


def _failing(unit: Unit) -> str:
    """The first condition that fails, in words; a step that only lacks data is nobody's emergency."""
    judged = [each.serving or each.judgement for each in unit.standings]
    findings = [finding for judgement in judged if judgement is not None for finding in judgement.unmet]
    failing = [finding for finding in findings if finding.verdict is Verdict.FAIL]
    return f"{failing[0].condition}: {failing[0].words}" if failing else ""


# The same as plain values, for --json. Keys stay as they are: programs read them.


def as_json(overview: Overview) -> dict[str, Any]:
    """Everything."""
    proxy = overview.proxy
    notes = attention(overview.units, overview.record)
    return {
        "now": overview.now,
        "proxy": {
            "pid": proxy.pid or None,
            "workers": proxy.workers or None,
            "serves_the_file": proxy.current,
            "problems": proxy.problems.splitlines(),
            "silent": proxy.silent or None,
        },
        "trouble": list(overview.trouble),
        "attention": [{"name": one.unit, "words": one.words, "command": one.command or None} for one in notes],
        "cutover": record_as_json(overview.record)["open"],
        "routes": [
            {**_standing_as_json(standing), "owner": owner_of(standing.route, overview.record)} for standing in overview.standings
        ],
    }


def _standing_as_json(one: Standing) -> dict[str, Any]:
    traffic, (agree, compared) = one.traffic, one.agreement
    return {
        "route": one.route.name,
        "group": one.route.group or None,
        **place_as_json(one.place),
        "since": one.since,
        "traffic": {"legacy": traffic.legacy, "modern": traffic.modern} if traffic is not None else None,
        "agree": agree / compared if compared else None,
        "compared": compared,
        "version": (one.evidence.version or None) if one.evidence is not None else None,
        "p95": {str(side): one.percentile(side) for side in Side},
        "next": place_as_json(one.step.after) if one.step is not None else None,
        **(judgement_as_json(one.judgement) if one.judgement is not None else {"verdict": None, "findings": []}),
        "hold": {"actor": one.hold.actor, "reason": one.hold.reason, "at": one.hold.at} if one.hold is not None else None,
        "open": one.open,
        "ailing": one.ailing or None,
    }
