"""Evidence that could never come: shadows that never happen, guards that no sample can show."""

from __future__ import annotations

import math
from collections.abc import Set

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import SAFE_METHODS, Guard, Route, Stage
from strangler.core.spec.reader import Reader

MOST_SAMPLES = 10_000_000  # a month at four requests a second, all of them equal


def shadow_happens(draft: Draft, reader: Reader) -> None:
    """At shadow nothing but copies counts; on a canary a guard without them never lets the route climb.

    Writes are not copied unless asked for, so a route of writes may stand beside the reads of its group.
    """
    copied = {route.group for route, _ in draft.whole() if route.group and _takes_a_copied_method(route)}
    for route, placed in draft.whole():
        if route.stage in (Stage.SHADOW, Stage.CANARY) and not placed.is_broken("stage", "shadow", "match.methods"):
            for key, message in _without_copies(route, copied):
                placed.problem(reader, f"shadow.{key}", message, warning=route.stage is Stage.CANARY)


def _without_copies(route: Route, copied: Set[str]) -> list[tuple[str, str]]:
    found = []
    if route.stage not in route.shadow.during:
        found.append(("during", f"the route stands at {route.stage}, but `during` leaves that out: nothing is copied"))
    if route.shadow.sample <= 0:
        found.append(("sample", f"the route stands at {route.stage}, but 0% of it is copied"))
    if not _takes_a_copied_method(route) and route.group not in copied:
        listed = ", ".join(route.shadow.methods)
        found.append(("methods", f"only {listed} are copied, and the route takes none of them"))
    return found


def shadowed_writes_are_isolated(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        methods = route.match.methods
        unsafe = [name for name in route.shadow.methods if name not in SAFE_METHODS and (methods is None or name in methods)]
        if unsafe:
            placed.value_problem(
                reader,
                "shadow.methods",
                f"{', '.join(unsafe)} will be done twice, once on each side: modern must not act on requests "
                "that carry X-Strangler-Shadow",
                warning=True,
            )


def guard_can_be_met(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        for key, message, warning in _unshowable(route.guard):
            placed.value_problem(reader, f"guard.{key}", message, warning=warning)


def steps_ascend(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        steps = route.ladder.steps
        if list(steps) != sorted(steps) or steps[0] <= 0:
            placed.value_problem(reader, "ladder.steps", "must ascend, and start above 0%")


def tolerances_say_how_far(draft: Draft, reader: Reader) -> None:
    for home in (draft.defaults, *(placed.written for placed in draft.routes)):
        for item in home["compare"]["tolerance"] if home.has("compare", "tolerance") else ():
            if item.has("path") and not (item.is_broken() or item.has("abs") or item.has("seconds")):
                reader.problem(item.node, item.path, "does not say how far: add `abs:` or `seconds:`")


def samples_needed(guard: Guard) -> float:
    """How many equal answers, without one mismatch, show the match rate: the n at which match_rate ** n falls to
    1 - confidence (the "rule of three" for 95 %). A sequence that may be looked at all the time needs more."""
    return math.log(1 - guard.confidence) / math.log(guard.match_rate)


def _takes_a_copied_method(route: Route) -> bool:
    return any(route.match.takes(method) for method in route.shadow.methods)


def _unshowable(guard: Guard) -> list[tuple[str, str, bool]]:
    found = []
    if guard.match_rate >= 1:
        found.append(("match_rate", "no number of samples shows 100%: write 99.9%, which 3,000 equal answers show", False))
    if guard.confidence >= 1 or guard.confidence < 0.5:
        found.append(("confidence", "must be from 50% to below 100%", False))
    if guard.match_rate <= 0:
        found.append(("match_rate", "0% asks for nothing", False))
    if not found and samples_needed(guard) > MOST_SAMPLES:
        found.append(("match_rate", f"takes at least {samples_needed(guard):,.0f} equal answers to show", True))
    if guard.coverage >= 1:
        found.append(("coverage", "100% fails for ever with the first request that cannot be compared", True))
    if guard.error_increase <= 0:
        found.append(("error_increase", "0% can never be shown, even by two systems without errors: write 0.1%", False))
    return found


RULES: tuple[Rule, ...] = (
    shadow_happens,
    shadowed_writes_are_isolated,
    guard_can_be_met,
    steps_ascend,
    tolerances_say_how_far,
)
