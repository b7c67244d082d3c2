"""From the store, the configuration and modern's health to what the guard looks at. Only reads; whatever fails, fails closed.

Counts are those under the route's current rules. Samples are of one build of modern, the newest that answers, since it was
first compared; what the candidate failed has no build, and counts against the one that was there. Times in the store are
minutes, and hours for what is older than two days: windows are wider by that, never narrower.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from strangler.control import data_document, probe, sums
from strangler.control.gathering.recorder import RECORDED
from strangler.control.gathering.witness import OTHER
from strangler.control.gathering.witnessed import SERVED
from strangler.control.older import Older
from strangler.core.data_status import DataStatus, known
from strangler.core.errors import DatabaseError
from strangler.core.flip import Flip
from strangler.core.guard.evidence import Agreement, Covered, Evidence, Recent
from strangler.core.guard.judge import Step, judge, step
from strangler.core.guard.verdict import Judgement
from strangler.core.journal import unsettled
from strangler.core.model import Config, Route, Upstream
from strangler.core.outcome import Outcome
from strangler.store.rows import ArmRow, CountRow, VersionRow
from strangler.store.store import Store

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
WINDOWS = (15, 60)  # minutes that are recent: the first in which there are
ENOUGH = 30  # samples, else the last
ANSWERING = 2 * MINUTE  # a build that was compared so shortly before the last comparison still answers
ALIVE = 1  # minutes since evidence was written last, beside the current one
FINE = 2 * DAY  # what is older is counted by the hour

_AGREE, _DIFFER = (Outcome.MATCH, Outcome.IGNORED), (Outcome.MISMATCH, Outcome.CANDIDATE_FAILED)

Probe = Callable[[Upstream], bool | None]


def judgements(
    config: Config, flips: Sequence[Flip], now: float | None = None, ask: Probe = probe.well
) -> Mapping[str, Judgement]:
    """What the guard says of each flip, by route. Does not raise for a store that cannot be read: then it says so.

    Args:
        now: seconds since 1970; the present if it is not given.
        ask: whether an upstream answers its health check.
    """
    routes = {route.name: route for route in config.routes}
    kinds = {
        flip.route: step(flip.before.stage, flip.before.weight, flip.after.stage, flip.after.weight)
        for flip in flips
        if flip.route in routes
    }
    with Look(config, time.time() if now is None else now, ask) as look:
        return {name: judge(kind, look.evidence(routes[name], kind), routes[name].guard) for name, kind in kinds.items()}


class Look:
    """One look at what is known now, at as many routes as you like. A context: it holds the store open.

    Args:
        older: for whoever looks again and again.
    """

    def __init__(self, config: Config, now: float, ask: Probe = probe.well, older: Older | None = None) -> None:
        self._config, self._now, self._ask = config, now, ask
        self._older = Older() if older is None else older
        self._health: dict[str, bool | None] = {}
        self._store: Store | None = None
        self._data: DataStatus | None = None
        self._why = ""

    def __enter__(self) -> Look:
        self._data = data_document.read(self._config)
        try:
            self._store = Store.open(self._config.store, self._config.folder, read_only=True)
        except DatabaseError as error:
            self._why = str(error)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._store is not None:
            self._store.close()

    def evidence(self, route: Route, kind: Step = Step.UP) -> Evidence:
        """What is known of a route, as far as this kind of step needs it."""
        if kind is Step.SHADOW:
            return Evidence(route.name, healthy=self._healthy(route.modern))
        if self._store is None:
            return _unreadable(route, self._why)
        try:
            return _Known(self._store, self._config, route, self._now, self._older, self._data).evidence(kind)
        except DatabaseError as error:
            return _unreadable(route, str(error))

    def _healthy(self, name: str) -> bool | None:
        if name not in self._health:
            self._health[name] = self._ask(self._config.upstreams[name])
        return self._health[name]


def _unreadable(route: Route, why: str) -> Evidence:
    return Evidence(route.name, unreadable=f"what was compared cannot be read: {why}")


@dataclass(frozen=True, slots=True)
class _Build:
    """The build of modern that counts.

    Attributes:
        first: when it was first compared under the rules.
        others: builds that still answer beside it.
    """

    name: str
    first: float
    others: tuple[str, ...] = ()


class _Known:
    """What the store knows of one route."""

    def __init__(self, store: Store, config: Config, route: Route, now: float, older: Older, data: DataStatus | None) -> None:
        self._store, self._config, self._route, self._now, self._older = store, config, route, now, older
        self._data = data
        self._rules = route.rules
        self._seen = [row for row in store.versions(route.name) if row.rules == self._rules]
        self._began = min((row.first_seen for row in self._seen), default=now)  # of comparing under these rules
        self._build = _newest(self._seen, self._began)

    def evidence(self, kind: Step) -> Evidence:
        build, route = self._build, self._route
        rows = self._counts(build.first)
        always = self._older.arms(self._store, route.name, min(build.first, self._now - WINDOWS[-1] * MINUTE), self._now)
        arms = [row for row in always if row.minute >= build.first // MINUTE]
        last = max((row.last_seen for row in self._seen), default=None)
        retiring = kind in (Step.RETIRE, Step.LEAP)
        return Evidence(
            route.name,
            version=build.name,
            others=build.others,
            names_version=bool(self._config.upstreams[route.modern].version),
            agreement=_agreement(self._of_build(rows)),
            recent=self._recent(arms, always),
            failures=sums.failures(row for row in arms if row.version in self._versions),
            latency=sums.latency(row for row in arms if row.version == build.name or not build.name),
            coverage=_coverage(rows, arms),
            age=None if last is None else max(self._now - last - MINUTE, 0.0),
            comparing=self._comparing(),
            per_hour=self._per_hour(),
            data=tuple(known(self._data, mapping, self._now, oldest=route.guard.compared_within) for mapping in route.data),
            legacy_quiet=self._quiet() if retiring else None,
            journal_complete=retiring and not unsettled(self._store.journal(route.name)),
        )

    @property
    def _versions(self) -> tuple[str, ...]:
        """Under which pairs are found that this build answered, or did not."""
        return (self._build.name, "") if self._build.name else ("", OTHER)

    def _of_build(self, rows: Iterable[CountRow]) -> Iterable[CountRow]:
        for row in rows:
            version = row.stratum.version
            if version == self._build.name or (version in self._versions and (not self._build.name or row.outcome in _DIFFER)):
                yield row

    def _counts(self, since: float) -> list[CountRow]:
        return self._store.counts(self._route.name, since, self._rules)

    def _recent(self, arms: Sequence[ArmRow], always: Sequence[ArmRow]) -> Recent:
        """Clients that modern fails are failed under any rules, and also where nothing is compared."""
        for minutes in WINDOWS:
            since = max(self._now - minutes * MINUTE, self._began)
            rows = self._counts(since)
            agreement = _agreement(rows)
            if sum(stratum.total for stratum in agreement) >= ENOUGH:
                break
        lately = [row for row in arms if row.minute >= since // MINUTE]
        relied = [row for row in always if row.minute >= (self._now - minutes * MINUTE) // MINUTE]
        return Recent(
            minutes,
            agreement,
            sums.failures(lately),
            sums.latency(lately),
            _coverage(rows, lately),
            sums.served_by_modern(relied, always, self._route),
        )

    def _per_hour(self) -> float:
        rows = self._counts(max(self._now - HOUR, self._began))
        hours = max(min(self._now - self._began, HOUR), MINUTE) / HOUR
        return sum(row.count - row.repeated for row in rows) / hours

    def _comparing(self) -> bool:
        """Whether evidence was written just now."""
        recorded = self._store.arms("", self._now - ALIVE * MINUTE)
        return any(row.side == RECORDED for row in recorded)

    def _quiet(self) -> float | None:
        """Since when legacy has not served this route, as far back as anybody looked."""
        side = f"{SERVED}{self._route.legacy}"
        hits = [row.minute for row in self._store.arms(self._route.name) if row.side == side and any(row.cells)]
        looked = [row.minute for row in self._store.arms("") if row.side == RECORDED]
        if hits:
            return max(self._now - self._end(max(hits)), 0.0)
        return max(self._now - self._end(min(looked)), 0.0) if looked else None

    def _end(self, minute: int) -> float:
        """When what counts under this minute was over at the latest."""
        return minute * MINUTE + (HOUR if self._now - minute * MINUTE > FINE else MINUTE)


def _newest(seen: Iterable[VersionRow], began: float) -> _Build:
    """The newest build of those that answer; where none is named, whatever was compared."""
    named = [row for row in seen if row.version not in ("", OTHER)]
    last = max((row.last_seen for row in named), default=0.0)
    answering = sorted((row for row in named if row.last_seen >= last - ANSWERING), key=_youth, reverse=True)
    if not answering:
        return _Build("", began)
    return _Build(answering[0].version, answering[0].first_seen, tuple(sorted(row.version for row in answering[1:])))


def _youth(row: VersionRow) -> tuple[float, float, str]:
    return row.first_seen, row.last_seen, row.version


def _agreement(rows: Iterable[CountRow]) -> tuple[Agreement, ...]:
    """By stratum; equal requests once in each window."""
    agree, differ = (Counter[tuple[str, str]]() for _ in range(2))
    for row in rows:
        counter = agree if row.outcome in _AGREE else differ
        counter[row.stratum.method, row.stratum.status_class] += row.count - row.repeated
    keys = sorted(agree.keys() | differ.keys())
    return tuple(Agreement(*key, agree[key], differ[key]) for key in keys if agree[key] + differ[key])


def _coverage(rows: Iterable[CountRow], arms: Iterable[ArmRow]) -> tuple[Covered, ...]:
    compared = Counter[str]()
    for row in rows:
        compared[row.stratum.method] += row.count
    meant = sums.comparable(arms)
    return tuple(Covered(method, min(compared[method], number), number) for method, number in sorted(meant.items()))
