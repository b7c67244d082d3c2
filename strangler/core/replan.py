"""What another configuration would do with the requests that came lately: plan before apply. Changes nothing, knows no store.

Requests are kept without their secrets, so some answers are approximate, and each of those says why: a bucket of a key that is
only known by its token (people still stay together, and raising a weight still only adds), a header that nobody looked at when
the request came. All else is decided as the proxy decides it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from strangler.core.bucket import bucket
from strangler.core.decide import Forward, Table, sticky_key
from strangler.core.frozen import Frozen
from strangler.core.match import PRESENT
from strangler.core.model import Config, Match, Missing, Route
from strangler.core.recent import STEPS, Recent, again, is_token, looked_at, redacted_value
from strangler.core.redact import Redactor
from strangler.core.request import Request
from strangler.core.target import canonical

REFUSED = "refused"  # instead of an upstream
MOST_EXAMPLES = 3
_GOLDEN = 0.6180339887498949  # steps of this fill [0, 1) evenly: draws that are the same each time


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one request.

    Attributes:
        route: "" for none.
        upstream: that serves it, or `REFUSED`.
        copied: the share of such requests that is copied.
        doubts: why this may be otherwise for this one request.
    """

    route: str
    upstream: str
    copied: float = 0.0
    doubts: frozenset[str] = frozenset()


@dataclass(slots=True)
class Change:
    """Requests that went by one route (`before`, "" for none) and would go by another, or the same. All numbers are estimates.

    Attributes:
        requests: that something changes for.
        served: of them, by who served them and who would.
        gains, loses: shadow requests.
        doubtful: requests whose answer is approximate.
        examples: method and target, redacted.
    """

    before: str
    after: str
    requests: float = 0.0
    served: dict[tuple[str, str], float] = field(default_factory=dict)
    gains: float = 0.0
    loses: float = 0.0
    doubtful: float = 0.0
    examples: list[str] = field(default_factory=list)

    def number(self, *pairs: tuple[str, str]) -> float:
        return sum(self.served.get(pair, 0.0) for pair in pairs)

    @property
    def refused(self) -> float:
        """Requests that would be refused, and are not."""
        return sum(number for (old, new), number in self.served.items() if new == REFUSED != old)


@dataclass(slots=True)
class Plan:
    """All of it.

    Attributes:
        drawn: requests that were looked at, and requests: of how many they were drawn.
        first, last: when they came, in seconds since 1970.
        unchanged: requests for which nothing changes.
        changes: the largest first.
        doubts: how many requests each of the reasons makes approximate.
    """

    drawn: int = 0
    requests: float = 0.0
    first: float = 0.0
    last: float = 0.0
    unchanged: float = 0.0
    changes: list[Change] = field(default_factory=list)
    doubts: dict[str, float] = field(default_factory=dict)


def plan(recents: Iterable[Recent], after: Config, before: Config | None = None, redactor: Redactor | None = None) -> Plan:
    """Hold requests against a configuration.

    Args:
        before: what to compare with; without it, how each request was decided when it came.
        redactor: by which the requests were redacted; without it no value of a route's match can be compared with a token.
    """
    found, changes = Plan(), dict[tuple[str, str], Change]()
    new, old = _Judge(after, redactor), _Judge(before, redactor) if before else None
    for number, recent in enumerate(recents):
        draw = number * _GOLDEN % 1.0
        request = again(recent)
        now = new.judge(recent, request, draw)
        was = old.judge(recent, request, draw) if old else _as_it_was(recent)
        _add(found, recent)
        _weigh(found, changes, recent, was, now if old else replace(now, copied=float(now.copied > 0)))
    found.changes = sorted(changes.values(), key=lambda change: -change.requests)
    return found


def _as_it_was(recent: Recent) -> Fate:
    return Fate(recent.route, recent.upstream or REFUSED, float(bool(recent.copies_to)))


def _add(found: Plan, recent: Recent) -> None:
    found.drawn += 1
    found.requests += recent.weight
    found.first = min(found.first or recent.at, recent.at)
    found.last = max(found.last, recent.at)


def _weigh(found: Plan, changes: dict[tuple[str, str], Change], recent: Recent, was: Fate, now: Fate) -> None:
    doubts = was.doubts | now.doubts
    for doubt in doubts:
        found.doubts[doubt] = found.doubts.get(doubt, 0.0) + recent.weight
    if replace(was, doubts=frozenset()) == replace(now, doubts=frozenset()):
        found.unchanged += recent.weight
        return
    change = changes.setdefault((was.route, now.route), Change(was.route, now.route))
    change.requests += recent.weight
    change.doubtful += recent.weight if doubts else 0.0
    served = (was.upstream, now.upstream)
    change.served[served] = change.served.get(served, 0.0) + recent.weight
    more = (now.copied - was.copied) * recent.weight
    change.gains += max(more, 0.0)
    change.loses += max(-more, 0.0)
    example = f"{recent.method} {recent.target}"
    if example not in change.examples and len(change.examples) < MOST_EXAMPLES:
        change.examples.append(example)


# One request.

Known = frozenset[str]  # names of what was looked at, with its value


class _Judge:
    """Decides by one configuration. Sticky keys are weighed here, not by the table, which takes the place for its draw."""

    def __init__(self, config: Config, redactor: Redactor | None) -> None:
        self._config = config
        self._redactor = redactor
        self._valued = _valued(config)
        self._tables: dict[Known, Table] = {}
        self._strict = self._table(None)

    def judge(self, recent: Recent, request: Request, draw: float) -> Fate:
        """What becomes of a request."""
        doubts = self._doubts(recent, request)
        first = self._strict.decide(request, 1.0)
        if not isinstance(first, Forward):
            return Fate("", REFUSED, 0.0, doubts)
        if first.route is None:
            return Fate("", first.upstream, 0.0, doubts)
        route = self._config.routes[first.route.index]
        place, doubt = _place(route, recent, request, draw)
        decision = self._strict.decide(request, place)
        assert isinstance(decision, Forward)
        splits = doubt and first.upstream != _lowest(self._strict, request)
        copied = route.shadow.sample if decision.copies_to else 0.0
        return Fate(route.name, decision.upstream, copied, doubts | {doubt} if splits else doubts)

    def _doubts(self, recent: Recent, request: Request) -> frozenset[str]:
        """What is not known of the request, if it could make another route win."""
        found = {"a secret in the path is known by its token only"} if is_token(request.path) else set()
        known = frozenset(name for name in self._valued if self._is_known(recent.seen, name))
        unknown = self._valued.keys() - known
        if unknown and self._winner(self._open(known), request) != self._winner(self._strict, request):
            found |= {
                f"{name} was not recorded" if name not in recent.seen else f"{name} is not known by value" for name in unknown
            }
        return frozenset(found)

    def _is_known(self, seen: Mapping[str, str | None], name: str) -> bool:
        if name not in seen:
            return False
        value = seen[name]
        return not self._valued[name] or not (value == PRESENT or (self._redactor is None and is_token(value)))

    def _open(self, known: Known) -> Table:
        """The table in which conditions on what is not known hold."""
        if known not in self._tables:
            self._tables[known] = self._table(known)
        return self._tables[known]

    @staticmethod
    def _winner(table: Table, request: Request) -> int | None:
        decision = table.decide(request, 1.0)
        return decision.route.index if isinstance(decision, Forward) and decision.route else None

    def _table(self, known: Known | None) -> Table:
        routes = (
            replace(route, sticky=None, match=_comparable(route.match, self._redactor, known)) for route in self._config.routes
        )
        return Table(replace(self._config, routes=tuple(routes)))


def _lowest(table: Table, request: Request) -> str:
    """Who serves those at the very beginning of [0, 1)."""
    decision = table.decide(request, 0.0)
    return decision.upstream if isinstance(decision, Forward) else REFUSED


def _valued(config: Config) -> dict[str, bool]:
    """What conditions look at, as `Looks` names it, and whether its value counts."""
    found: dict[str, bool] = {}
    for route in config.routes:
        for source, conditions in (("header", route.match.headers), ("cookie", route.match.cookies)):
            for name, wanted in conditions.items():
                found[f"{source}:{name}"] = found.get(f"{source}:{name}", False) or wanted != PRESENT
    return found


def _comparable(match: Match, redactor: Redactor | None, known: Known | None) -> Match:
    """The match with the values that it asks for as they are kept, and only the conditions on what is known."""

    def conditions(source: str, wanted: Mapping[str, str]) -> Mapping[str, str]:
        kept = {name: value for name, value in wanted.items() if known is None or f"{source}:{name}" in known}
        return Frozen({name: _kept(source, name, value, redactor) for name, value in kept.items()})

    query = Frozen({name: _kept("query", name, value, redactor) for name, value in match.query.items()})
    return replace(match, headers=conditions("header", match.headers), cookies=conditions("cookie", match.cookies), query=query)


def _kept(source: str, name: str, value: str, redactor: Redactor | None) -> str:
    if redactor is None or value == PRESENT:
        return value
    redactor.begin()
    kept = redacted_value(source, name, value, redactor)
    return next(Request("GET", "/", f"{name}={kept}").query_values(name)) if source == "query" else kept


def _place(route: Route, recent: Recent, request: Request, draw: float) -> tuple[float, str]:
    """Where a request stands in [0, 1) of its route, and why that may be otherwise, or ""."""
    sticky = route.sticky
    if sticky is None:
        return draw, ""
    place, name = recent.place, looked_at(sticky)
    if place is not None and (place.by, place.salt) == (str(sticky.by), route.salt):
        return place.at + 0.5 / STEPS, ""
    if name and name not in recent.seen:
        return draw, f"{name} was not recorded"
    key = sticky_key(sticky, route.match, request, canonical(request.path).segments)
    if key is None:
        return (draw if sticky.missing is Missing.DRAW else 1.0), ""
    doubt = f"{name or sticky.by} is known by its token only" if is_token(key) or key == PRESENT else ""
    return bucket(route.salt, key), doubt
