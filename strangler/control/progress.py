"""Progress and the records of retired routes, out of the store and the journal, for whoever shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from strangler.control import data_document
from strangler.control.flipping.spool import Spool
from strangler.control.gathering.witnessed import SERVED
from strangler.control.journal import Journal
from strangler.control.tally import BUCKETS
from strangler.core import progress as core
from strangler.core import retire
from strangler.core.data_status import known
from strangler.core.guard.evidence import DataState
from strangler.core.journal import Entry
from strangler.core.model import Config, Route
from strangler.core.outcome import Outcome
from strangler.core.progress import Progress, Served
from strangler.core.retire import Agreed, Decommission, Proof
from strangler.store.store import Store

_HOUR = 3600.0
_MINUTE = 60.0
_AGREED = (Outcome.MATCH, Outcome.IGNORED)


def entries(config: Config, path: Path) -> list[Entry]:
    """The journal of the configuration at `path`. Raises DatabaseError."""
    return Journal(Spool(path.resolve()), config.store, config.folder).entries()


def progress(config: Config, store: Store, journal: Iterable[Entry], now: float) -> Progress:
    """How far it is, at `now` (seconds since 1970). Raises DatabaseError."""
    return core.progress(config, journal, served(store), now)


def served(store: Store) -> list[Served]:
    """Who answered how many requests of which route at which stage, by the hour; those that nobody was asked are left out."""
    rows = ((row, row.side.removeprefix(SERVED)) for row in store.sums(SERVED, BUCKETS, _HOUR))
    return [Served(row.at, row.route, row.stage, upstream, row.total) for row, upstream in rows if upstream and row.total]


def decommission(config: Config, route: Route, store: Store, journal: Sequence[Entry], now: float) -> Decommission:
    """The record of a route. Raises DatabaseError."""
    return retire.record(route, journal, last_hit(route, store), last_proof(route, store), open_drift(config, route, now))


def open_drift(config: Config, route: Route, now: float) -> tuple[str, ...] | None:
    """What is known to differ in the route's data, in words; None if that is not known of all of it."""
    status = data_document.read(config)
    found = [known(status, mapping, now, oldest=route.guard.compared_within) for mapping in route.data]
    if any(each.state is DataState.UNKNOWN for each in found):
        return None
    return tuple(f"{each.mapping}: {each.why}" for each in found if each.state is DataState.DRIFT)


def last_hit(route: Route, store: Store) -> float | None:
    """The end of the minute (of the hour, if it is more than two days ago) in which legacy last answered a client's request."""
    side = SERVED + route.legacy
    hits = [row for row in store.arms(route.name) if row.side == side and any(row.cells[:BUCKETS])]
    return max((row.minute + 1 for row in hits), default=0) * _MINUTE or None


def last_proof(route: Route, store: Store) -> Proof | None:
    """What was compared last: the rules and the build that were."""
    known = store.versions(route.name)
    if not known:
        return None
    last = known[0]
    compared: Counter[tuple[str, str]] = Counter()
    agreed: Counter[tuple[str, str]] = Counter()
    for row in store.counts(route.name, rules=last.rules, version=last.version):
        stratum = row.stratum.method, row.stratum.status_class
        compared[stratum] += row.count
        agreed[stratum] += row.count if row.outcome in _AGREED else 0
    strata = tuple(Agreed(*stratum, compared[stratum], agreed[stratum]) for stratum in sorted(compared))
    return Proof(last.first_seen, last.last_seen, last.version, last.rules, strata, last.rules == route.rules)
