"""Routes that can never match, because routes above them take every request they could."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.match import Predicate, Tree, predicates
from strangler.core.model import Match, Route


@dataclass(frozen=True, slots=True)
class _Standing:
    index: int
    match: Match
    methods: frozenset[str] | None
    predicates: tuple[Predicate, ...]


def hidden_by(routes: Sequence[Route]) -> dict[int, tuple[int, ...]]:
    """For each route that can never match, by index, the routes above it that together take its requests.

    Exact for hosts, literals, parameters, methods and equal conditions. Two regexes are compared as text, and a path
    that only several templates together cover is not found: what is reported is true, what is not may still be dead.
    """
    standing = [_Standing(route.index, route.match, route.match.methods, predicates(route.match)) for route in routes]
    tree = Tree(standing)
    found = {}
    for entry in standing:
        hiding = _hiding(entry, tree)
        if hiding:
            found[entry.index] = hiding
    return found


def _hiding(entry: _Standing, tree: Tree[_Standing]) -> tuple[int, ...]:
    """Routes above `entry` whose methods together are all of its methods; empty if some request is left to it."""
    above = sorted(
        (
            other
            for other in tree.covering(entry.match.host, entry.match.path)
            if other.index < entry.index and all(predicate.implied_by(entry.predicates) for predicate in other.predicates)
        ),
        key=lambda other: other.index,
    )
    left, used = entry.match.methods, []
    for other in above:
        if other.match.methods is None:
            return (other.index,)
        if left is not None and left & other.match.methods:
            left -= other.match.methods
            used.append(other.index)
            if not left:
                return tuple(used)
    return ()
