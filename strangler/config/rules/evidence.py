"""Evidence that could never come: shadows that never happen, guards that no sample can show."""

from __future__ import annotations

import math

from strangler.config.rules.draft import Draft, Rule
from strangler.core.model import SAFE_METHODS, Guard, Route, Stage
from strangler.core.spec.reader import Reader

MOST_SAMPLES = 10_000_000  # a month at four requests a second, all of them equal


def shadow_happens(draft: Draft, reader: Reader) -> None:
    """Writes are not copied unless asked for, so a route of writes may stand at shadow beside the reads of its group."""
    copied = {route.group for route, _ in draft.whole() if route.group and _takes_a_copied_method(route)}
    for route, placed in draft.whole():
        if route.stage is not Stage.SHADOW:
            continue
        if Stage.SHADOW not in route.shadow.during:
            placed.problem(
                reader, "shadow.during", "the route stands at shadow, but `during` leaves shadow out: nothing is copied"
            )
        if route.shadow.sample <= 0:
            placed.problem(reader, "shadow.sample", "the route stands at shadow, but 0% of it is copied")
        if not _takes_a_copied_method(route) and route.group not in copied:
            listed = ", ".join(route.shadow.methods)
            placed.problem(reader, "shadow.methods", f"only {listed} are copied, and the route takes none of them")


def shadowed_writes_are_isolated(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        methods = route.match.methods
        unsafe = [name for name in route.shadow.methods if name not in SAFE_METHODS and (methods is None or name in methods)]
        if unsafe and "shadow" in placed.written:
            placed.problem(
                reader,
                "shadow.methods",
                f"{', '.join(unsafe)} will be done twice, once on each side: modern must not act on requests "
                "that carry X-Strangler-Shadow",
                warning=True,
            )


def guard_can_be_met(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        for key, message, warning in _unshowable(route.guard):
            if "guard" in placed.written or "guard" not in draft.defaults or route.index == 0:
                placed.problem(reader, f"guard.{key}", message, warning=warning)


def steps_ascend(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        steps = route.ladder.steps
        if list(steps) != sorted(steps) or (steps and steps[0] <= 0):
            placed.problem(reader, "ladder.steps", "must ascend, and start above 0%")


def tolerances_say_how_far(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        for tolerance in route.compare.tolerance:
            if tolerance and tolerance.abs is None and tolerance.seconds is None:
                placed.problem(reader, "compare.tolerance", f"{tolerance.path} says not how far: add `abs:` or `seconds:`")


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
    return found


RULES: tuple[Rule, ...] = (
    shadow_happens,
    shadowed_writes_are_isolated,
    guard_can_be_met,
    steps_ascend,
    tolerances_say_how_far,
)
