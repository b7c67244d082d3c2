"""What the automatic ladder does with a route, or a group as one: stay, climb, go down, or call a person. No clock, no store.

Down comes first: a route at which modern fails its clients goes down at once, whatever else there is to say about it: a hold
stops climbing and never a rollback, and so does a flip under way. Up only ever goes from rung to rung, after the time that the
file asks for, and only on a pass. Without data nothing moves, either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from strangler.core.flip import Place, climb, place_of
from strangler.core.guard.verdict import Finding, Judgement, Verdict, about
from strangler.core.model import Config, Route, Stage

_NOTHING = (Finding("guard", Verdict.NOT_ENOUGH, "nothing is known of it"),)


class Move(StrEnum):
    """What to do."""

    STAY = "stay"
    CLIMB = "climb"
    DESCEND = "descend"
    CALL = "call"  # a person, since the ladder may not do what has to be done


@dataclass(frozen=True, slots=True)
class Unit:
    """What flips as one.

    Attributes:
        name: of the route, or ``@group``.
        since: when it came to where it stands, as far as is known, in seconds since 1970.
        held: why nothing climbs here until somebody resumes; "" if it may.
        pending: whether a flip of it is under way.
        moved: whether modern owns the data of it, so that the way back is a cutover.
    """

    name: str
    routes: tuple[Route, ...]
    since: float = 0.0
    held: str = ""
    pending: bool = False
    moved: bool = False

    @property
    def auto(self) -> bool:
        return all(route.ladder.auto for route in self.routes)

    @property
    def place(self) -> Place:
        """Where it stands; the highest of its members if somebody has parted them."""
        return max((place_of(route) for route in self.routes), key=lambda place: place.height)

    @property
    def relied_on(self) -> bool:
        """Whether modern answers clients here, so that it can fail them."""
        return any(route.stage in (Stage.CANARY, Stage.MODERN, Stage.RETIRED) for route in self.routes)

    @property
    def next(self) -> Place | None:
        """The next place up that all of them have; None if a person has to say, or if they stand apart."""
        if len({place_of(route) for route in self.routes}) > 1:
            return None
        higher = [climb(route) for route in self.routes]
        return min((place for place in higher if place), key=lambda place: place.height, default=None)

    @property
    def dwell(self) -> float:
        """Seconds that it stays at least."""
        return max(route.ladder.dwell for route in self.routes)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with a unit, and why, in words for people.

    Attributes:
        to: where to climb.
        verdict: of what was judged; None if nothing was.
        told: whether the words are worth a person's time. Whoever tells them tells them once.
    """

    move: Move
    why: str
    to: Place | None = None
    verdict: Verdict | None = None
    told: bool = False


def units(config: Config) -> tuple[Unit, ...]:
    """All routes, by what flips as one, in the file's order."""
    found: dict[str, list[Route]] = {}
    for route in config.routes:
        found.setdefault(f"@{route.group}" if route.group else route.name, []).append(route)
    return tuple(Unit(name if len(some) > 1 else some[0].name, tuple(some)) for name, some in found.items())


def weakest(judgements: Mapping[str, Judgement]) -> Judgement:
    """The judgement on routes that flip as one: everything has to pass everywhere, and each says whose words they are."""
    if len(judgements) == 1:
        return next(iter(judgements.values()))
    return Judgement(
        tuple(
            replace(finding, words=f"{route}: {finding.words}")
            for route, judgement in judgements.items()
            for finding in judgement.findings or _NOTHING
        )
    )


def descent(unit: Unit, watched: Judgement) -> Decision | None:
    """What to do where modern fails clients; None where there is no reason to go down.

    Args:
        watched: of `guard.judge.watch`, the weakest of all members.
    """
    if not unit.relied_on or watched.verdict is not Verdict.FAIL:
        return None
    why = words(watched, Verdict.FAIL)
    if not unit.auto:
        return Decision(Move.CALL, f"would be rolled back, but climbs only by hand: {why}", None, Verdict.FAIL, True)
    if unit.moved or unit.place.stage is Stage.RETIRED:
        what = "modern owns its data" if unit.moved else "legacy is never called here any more"
        return Decision(Move.CALL, f"{what}, so nothing goes down by itself: {why}", None, Verdict.FAIL, True)
    return Decision(Move.DESCEND, why, None, Verdict.FAIL, True)


def patience(unit: Unit, now: float) -> Decision | None:
    """Why it stays for now, whatever the guard would say of its next step; None if the guard should be asked.

    Args:
        now: seconds since 1970.
    """
    if not unit.auto:
        return Decision(Move.STAY, "climbs only by hand")
    if unit.held:
        return Decision(Move.STAY, unit.held)
    if unit.pending:
        return Decision(Move.STAY, "a flip is under way")
    if unit.next is None:
        apart = unit.place.stage is not Stage.MODERN and unit.place.stage is not Stage.RETIRED
        return Decision(
            Move.STAY, "its members stand at different places" if apart else "has climbed as far as it does by itself"
        )
    left = unit.since + unit.dwell - now
    return Decision(Move.STAY, f"stays for {about(left / 3600)} more") if left > 0 else None


def ascent(unit: Unit, judged: Judgement) -> Decision:
    """What to do where the time has come.

    Args:
        judged: the step to `unit.next`, the weakest of all members.
    """
    verdict = judged.verdict
    if verdict is not Verdict.PASS:
        return Decision(Move.STAY, words(judged, verdict), None, verdict, told=verdict is Verdict.FAIL)
    if unit.next is not None and unit.next.stage is Stage.MODERN and _writes(unit.routes) and not unit.moved:
        why = "its writes move the ownership of data, which is a cutover, and a person's business"
        return Decision(Move.CALL, why, None, verdict, True)
    return Decision(Move.CLIMB, f"dwelt {about(unit.dwell / 3600)}, and every condition is met", unit.next, verdict, True)


def words(judged: Judgement, verdict: Verdict) -> str:
    """What stands in the way, in one line."""
    found = [finding for finding in judged.findings if finding.verdict is verdict]
    return "; ".join(f"{finding.condition}: {finding.words}" for finding in found) or "nothing is known of it"


def _writes(routes: Sequence[Route]) -> bool:
    return any(route.data and route.match.takes_unsafe for route in routes)
