"""From a request to a decision: which upstream serves it, who gets the copy, what a failure becomes.

Everything that does not depend on the request is worked out when the table is built, so that deciding is a search in
the segment tree, at most one hash, and a look-up; the decision handed out is one of a few made beforehand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from strangler.core.bucket import bucket
from strangler.core.ladder import OnFailure, Rung, on_failure, rung
from strangler.core.match import Predicate, Tree, predicates, shared
from strangler.core.model import SAFE_METHODS, Config, Match, Missing, Route, Side, Stage, Sticky
from strangler.core.request import Request
from strangler.core.target import Segments, canonical, plain, readings


@dataclass(frozen=True, slots=True)
class Forward:
    """Send it on.

    Attributes:
        route: None when no route matched.
        side: who serves; `upstream` is its name.
        counted: whether it counts in the ledger: the route copies requests at this stage.
        copies_to: upstream that gets the shadow request, or "" (sampling is the engine's draw, by `route.shadow`); of a
            request that is counted, "" says that its method is not copied.
        fallback: upstream that answers instead if this one fails before its first byte, or "".
    """

    route: Route | None
    rung: Rung | None
    side: Side
    upstream: str
    counted: bool = False
    copies_to: str = ""
    fallback: str = ""
    on_failure: OnFailure = OnFailure.BAD_GATEWAY


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer it here. `reason` is a constant that doubles as a metric label.

    Attributes:
        waits: whether it is not refused yet: a cutover holds the writes of its route, and will have it decided again.
    """

    status: int
    reason: str
    waits: bool = False


Decision = Forward | Refuse

HELD = Refuse(503, "held", waits=True)


class Plan:
    """A route with its decisions worked out."""

    __slots__ = (
        "_below",
        "_copied",
        "_moved",
        "_rest",
        "_salt",
        "_sticky",
        "_weight",
        "index",
        "match",
        "methods",
        "predicates",
        "route",
    )

    def __init__(self, route: Route, moved: bool) -> None:
        self.route = route
        self._moved = moved
        self.index: int = route.index
        self.match: Match = route.match
        self.methods = shared(route.match.methods)
        self.predicates: tuple[Predicate, ...] = predicates(route.match)
        self._weight = route.weight if route.stage is Stage.CANARY else None
        self._sticky, self._salt = shared(route.sticky), route.salt
        self._copied = shared(frozenset(route.shadow.methods))
        self._below = _variants(route, moved, below=True)
        self._rest = _variants(route, moved, below=False)

    def hold(self, held: bool) -> None:
        """Have unsafe requests wait, or no more. Safe ones never know."""
        self._below = _variants(self.route, self._moved, below=True, held=held)
        self._rest = _variants(self.route, self._moved, below=False, held=held)

    def decide(self, request: Request, segments: Segments, draw: float) -> Decision:
        """The decision for a request that matched."""
        method = request.method
        variant = (method in SAFE_METHODS) + 2 * (method in self._copied)
        if self._weight is None:
            return self._rest[variant]
        place = stand(self._sticky, self._salt, self.match, request, segments, draw)
        return self._below[variant] if place < self._weight else self._rest[variant]


class Table:
    """All decisions of one configuration. Immutable, but for `hold`: a flip or an edit makes a new one.

    Args:
        config: a valid configuration.
        moved: names of mappings whose data modern owns (after a cutover).
    """

    def __init__(self, config: Config, moved: Iterable[str] = ()) -> None:
        owned = frozenset(moved)
        self.config = config
        self.plans = tuple(Plan(route, bool(owned.intersection(route.data))) for route in config.routes)
        self.tree = Tree(self.plans)
        self.unmatched = Forward(None, None, Side.LEGACY, config.default)
        legacies = {config.default, *(route.legacy for route in config.routes)}
        self._all_one_legacy = len(legacies) == 1 and not any(past_shadow(route) for route in config.routes)
        self._held: frozenset[str] = frozenset()

    def hold(self, names: Collection[str]) -> None:
        """Have unsafe requests of these routes wait from the next one on, and of no others: the decisions made beforehand are
        put in their place, so that a request that goes on costs what it always did."""
        held = frozenset(names)
        for plan in self.plans:
            if (plan.route.name in held) is not (plan.route.name in self._held):
                plan.hold(plan.route.name in held)
        self._held = held

    def decide(self, request: Request, draw: float) -> Decision:
        """Decide one request. `draw` is uniform in [0, 1), fresh for every request."""
        segments = plain(request.path)
        if segments is None:
            path = canonical(request.path)
            if path.ambiguous:
                return self._decide_ambiguous(request, path.ambiguous)
            segments = path.segments
        plan = self.tree.first(request, segments)
        return plan.decide(request, segments, draw) if plan else self.unmatched

    def _decide_ambiguous(self, request: Request, reason: str) -> Decision:
        """Legacy, without a copy, if every route that could match is still at legacy or shadow; else a refusal. A write that
        could be one of those that wait does."""
        if self._held and request.method not in SAFE_METHODS:
            return HELD
        if self._all_one_legacy:
            return self.unmatched
        refusal = Refuse(400, f"ambiguous_path_{reason}")
        ways = readings(request.path)
        if ways is None:
            return refusal
        found = [self.tree.first(request, way) for way in ways]
        upstreams = {plan.route.legacy if plan else self.config.default for plan in found}
        if len(upstreams) > 1 or any(plan and past_shadow(plan.route) for plan in found):
            return refusal
        return Forward(None, None, Side.LEGACY, upstreams.pop())

    def on_error(self) -> Decision:
        """What to do when deciding itself failed (an error of ours): never send a write to the wrong system."""
        return self.unmatched if self._all_one_legacy and not self._held else Refuse(503, "routing_error")


def past_shadow(route: Route) -> bool:
    """Whether clients of this route can already be served by modern."""
    return route.stage.rung > Stage.SHADOW.rung


def stand(sticky: Sticky | None, salt: str, match: Match, request: Request, segments: Segments, draw: float) -> float:
    """Where a request stands in [0, 1) of its route: its user's bucket; without a key 1.0 (legacy), or the draw."""
    key = sticky_key(sticky, match, request, segments) if sticky else None
    if key is not None:
        return bucket(salt, key)
    return draw if sticky is None or sticky.missing is Missing.DRAW else 1.0


def sticky_key(sticky: Sticky, match: Match, request: Request, segments: Segments) -> str | None:
    """The sticky key of a request; None when it carries none (an empty one holds nobody together)."""
    source, name = sticky.by.source, sticky.by.name
    if source == "path":
        return match.path.value(name, segments) or None
    if source == "ip":
        return request.client or None
    values = request.header_values(name) if source == "header" else request.cookie_values(name)
    return next((value for value in values if value), None)


def _variants(route: Route, moved: bool, *, below: bool, held: bool = False) -> tuple[Decision, ...]:
    """The decisions of one side of the weight, at index (method is safe) + 2 × (method is shadowed)."""
    return tuple(
        HELD if held and not safe else _forward(route, moved, safe=safe, below=below, copied=copied)
        for copied in (False, True)
        for safe in (False, True)
    )


def _forward(route: Route, moved: bool, *, safe: bool, below: bool, copied: bool) -> Forward:
    row = rung(route, safe=safe, below=below, moved=moved)
    names = {Side.LEGACY: route.legacy, Side.MODERN: route.modern}
    failure = on_failure(row, route, safe=safe, moved=moved)
    counted = row.copies_to is not None and row.stage in route.shadow.during
    return Forward(
        route,
        row,
        row.served_by,
        names[row.served_by],
        counted=counted,
        copies_to=names[row.copies_to] if row.copies_to and counted and copied else "",
        fallback=route.legacy if failure is OnFailure.FALLBACK else "",
        on_failure=failure,
    )
