"""Flips as values: which routes change, from where to where, and where a route goes by itself. No file, no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from strangler.core.errors import Refusal, UsageError
from strangler.core.model import Config, Route, Stage
from strangler.core.spec.reader import nearest
from strangler.core.units import Share, format_percent


@dataclass(frozen=True, slots=True)
class Place:
    """Where a route stands: a stage, and on a canary the weight, which counts nowhere else."""

    stage: Stage
    weight: Share = Share(0.0)

    @property
    def height(self) -> tuple[int, float]:
        """For comparing places: what is higher has more clients on modern, or fewer ways back."""
        return self.stage.rung, self.weight if self.stage is Stage.CANARY else 0.0

    def __str__(self) -> str:
        return f"{self.stage} {format_percent(self.weight)}" if self.stage is Stage.CANARY else str(self.stage)


@dataclass(frozen=True, slots=True)
class Flip:
    """One route's change of place."""

    route: str
    before: Place
    after: Place

    @property
    def up(self) -> bool:
        return self.after.height > self.before.height

    def __str__(self) -> str:
        return f"{self.route}: {self.before} → {self.after}"


def place_of(route: Route) -> Place:
    """Where a route stands now."""
    return Place(route.stage, route.weight if route.stage is Stage.CANARY else Share(0.0))


def members(config: Config, name: str) -> tuple[Route, ...]:
    """The routes that flip together under `name`: a route, or ``@group``.

    Raises UsageError if there is none, or if the route belongs to a group: that flips as one or not at all.
    """
    if name.startswith("@"):
        found = tuple(route for route in config.routes if route.group == name[1:])
        if found:
            return found
        groups = sorted({f"@{route.group}" for route in config.routes if route.group})
        raise UsageError(f"there is no group {name}{nearest(name, groups)}")
    route = next((route for route in config.routes if route.name == name), None)
    if route is None:
        if any(route.group == name for route in config.routes):
            raise UsageError(f"there is no route {name!r}; did you mean the group @{name}?")
        raise UsageError(f"there is no route {name!r}{nearest(name, [route.name for route in config.routes])}")
    if route.group and sum(other.group == route.group for other in config.routes) > 1:
        raise UsageError(f"{name} belongs to the group {route.group!r}, which flips as one: say @{route.group}")
    return (route,)


def plan(routes: Sequence[Route], after: Place) -> tuple[Flip, ...]:
    """The flips that take `routes` to a place; those who stand there already are left out."""
    return tuple(Flip(route.name, place_of(route), after) for route in routes if place_of(route) != after)


def asked(routes: Sequence[Route], stage: Stage, weight: Share | None) -> Place:
    """The place that a command names. A canary without a weight is one at the first step, or where it stands already.

    Raises UsageError if a weight is given for another stage.
    """
    if stage is not Stage.CANARY:
        if weight is not None:
            raise UsageError(f"--weight belongs to a canary: stage {stage} has none")
        return Place(stage)
    if weight is not None:
        return Place(stage, weight)
    now = place_of(routes[0])
    return now if now.stage is stage else Place(stage, routes[0].ladder.steps[0])


def climb(route: Route) -> Place | None:
    """The next place up on the ladder; None at modern, since a person retires a route."""
    now, steps = place_of(route), route.ladder.steps
    if now.stage is Stage.LEGACY:
        return Place(Stage.SHADOW)
    if now.stage is Stage.SHADOW:
        return Place(Stage.CANARY, steps[0])
    if now.stage is Stage.CANARY:
        higher = next((step for step in steps if step > now.weight), None)
        return Place(Stage.CANARY, higher) if higher is not None else Place(Stage.MODERN)
    return None


def descend(route: Route, to: Stage | None = None) -> Place:
    """Where a rollback takes a route: to `to`, else to where legacy serves everybody and modern is only compared; from shadow
    to legacy.

    Raises Refusal if it stands there already, or below.
    """
    now = place_of(route)
    after = Place(to) if to else Place(Stage.LEGACY if now.stage.rung <= Stage.SHADOW.rung else Stage.SHADOW)
    if after.height >= now.height:
        raise Refusal(f"{route.name} stands at {now}: there is nothing to roll back" + (f" to {to}" if to else ""))
    return after
