"""Routes that can never match, because routes above them take every request they could."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from strangler.core.match import PRESENT, Predicate, Tree, predicates
from strangler.core.model import Match, Route

Conditions = frozenset[Predicate]

MOST_CONDITIONS = 6  # of one route that are looked at: each triples what there is to look up


@dataclass(frozen=True, slots=True)
class _Spot:
    """All routes with one host and one template, by their conditions: thousands may differ in a header only."""

    index: int
    match: Match
    routes: dict[Conditions, list[Route]] = field(default_factory=dict)
    methods: None = None
    predicates: tuple[Predicate, ...] = ()


def hidden_by(routes: Sequence[Route]) -> dict[int, tuple[int, ...]]:
    """For each route that can never match, by index, the routes above it that together take its requests.

    Exact for hosts, literals, parameters, methods and equal conditions. Two regexes are compared as text, and a path
    that only several templates together cover is not found: what is reported is true, what is not may still be dead.
    """
    spots: dict[tuple[str, str], _Spot] = {}
    for route in routes:
        spot = spots.setdefault((route.match.host, route.match.path.text), _Spot(route.index, route.match))
        spot.routes.setdefault(frozenset(predicates(route.match)), []).append(route)
    tree = Tree(list(spots.values()))
    found = {}
    for route in routes:
        hiding = _hiding(route, tree)
        if hiding:
            found[route.index] = hiding
    return found


def _hiding(route: Route, tree: Tree[_Spot]) -> tuple[int, ...]:
    """Routes above `route` whose methods together are all of its methods; empty if some request is left to it."""
    left, used = route.match.methods, []
    for other in sorted(_taking(route, tree), key=lambda other: other.index):
        if other.match.methods is None:
            return (other.index,)
        if left is not None and left & other.match.methods:
            left -= other.match.methods
            used.append(other.index)
            if not left:
                return tuple(used)
    return ()


def _taking(route: Route, tree: Tree[_Spot]) -> Iterator[Route]:
    """Routes above `route` that take each of its requests whose method they take."""
    weaker = list(_weaker(predicates(route.match)))
    for spot in tree.covering(route.match.host, route.match.path):
        for conditions in weaker:
            for other in spot.routes.get(conditions, ()):
                if other.index >= route.index:
                    break
                yield other


def _weaker(conditions: tuple[Predicate, ...]) -> set[Conditions]:
    """The sets of conditions that a request meets if it meets `conditions`: each as it is, as "is there", or left out."""
    choices = [{None, Predicate(one.source, one.name, PRESENT), one} for one in conditions[:MOST_CONDITIONS]]
    return {frozenset(one for one in chosen if one) for chosen in product(*choices)}
