"""Groups: routes that share state flip together, so they must stand together."""

from __future__ import annotations

from collections.abc import Callable

from strangler.config.rules.draft import Draft, Placed, Rule
from strangler.core.model import Route, Stage
from strangler.core.spec.reader import Reader

_DIFFERS: tuple[tuple[str, Callable[[Route, Route], bool]], ...] = (
    ("stage", lambda one, other: one.stage is not other.stage),
    ("weight", lambda one, other: one.weight != other.weight and one.stage is other.stage is Stage.CANARY),
    ("sticky", lambda one, other: one.sticky != other.sticky),
)


def members_stand_together(draft: Draft, reader: Reader) -> None:
    """A user who is on modern for one route of a group and on legacy for the next sees two truths."""
    leaders: dict[str, tuple[Route, Placed]] = {}
    for route, placed in draft.whole():
        if not route.group:
            continue
        leader, leading = leaders.setdefault(route.group, (route, placed))
        for key, differs in _DIFFERS:
            if differs(route, leader) and not (placed.is_broken(key) or leading.is_broken(key)):
                placed.problem(
                    reader, key, f"differs from {leader.name!r}, and both are in the group {route.group!r}: a group flips as one"
                )


RULES: tuple[Rule, ...] = (members_stand_together,)
