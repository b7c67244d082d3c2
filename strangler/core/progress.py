"""How far the migration is: routes and traffic by stage, over time, and whether each milestone will be met.

Stages over time come from the journal, traffic from what workers counted, today's places from the file. A forecast goes on at the
pace that the journal shows, as a span and not as a day, and there is none where the journal shows too little.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from math import sqrt
from typing import Any

from strangler.core.flip import Place, place_of
from strangler.core.journal import Entry, Kind, Recorded, history
from strangler.core.model import Config, Milestone, Route, Stage

DAY = 86_400.0
HOUR = 3_600.0
RECENT = DAY  # what counts as traffic now
LEAST_CLIMBS = 4  # of which a pace is made; fewer may be anything
LEAST_DAYS = 2.0  # that they must be spread over, up to now
FARTHEST = 10 * 365 * DAY  # a forecast beyond this says only that the pace is too slow
NO_ROUTE = ""  # stands for a stage where no route matched

_STEPS = (HOUR, 6 * HOUR, DAY, 7 * DAY, 28 * DAY)
_MOST_STEPS = 92  # a quarter of a year by the day


class Outlook(StrEnum):
    """Whether a milestone will be met."""

    DONE = "done"
    ON_TIME = "on time"
    OPEN = "open"
    LATE = "late"
    UNKNOWN = "cannot be told"


@dataclass(frozen=True, slots=True)
class Served:
    """Requests of one route at one stage that one upstream answered, in the step that begins at `at` (seconds since 1970)."""

    at: float
    route: str
    stage: str
    upstream: str
    requests: int


@dataclass(frozen=True, slots=True)
class Standing:
    """One route now.

    Attributes:
        since: seconds since 1970; None if the journal does not know.
        requests, by_modern: requests of the last day, and those of them that modern answered.
    """

    route: str
    group: str
    place: Place
    since: float | None
    requests: int
    by_modern: int


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests by the stage of their route (`NO_ROUTE` for none), and how many of them modern answered."""

    by_stage: Mapping[str, int]
    by_modern: int

    @property
    def requests(self) -> int:
        return sum(self.by_stage.values())


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way: from `at` for `seconds`. `routes` by the stage they had at its end."""

    at: float
    seconds: float
    routes: Mapping[Stage, int]
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Goal:
    """A milestone, and how it stands.

    Attributes:
        routes: their places, by name.
        done: how many are retired.
        climbed: how much of the way all of them together have gone, 0 to 1.
        outlook, words: whether it will be met, and why.
        earliest, latest: of the forecast, in seconds since 1970; None if there is none.
    """

    name: str
    due: date | None
    routes: Mapping[str, Place]
    done: int
    climbed: float
    outlook: Outlook
    words: str
    earliest: float | None = None
    latest: float | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """All of it, at `now` (seconds since 1970).

    Attributes:
        began: when the journal or the traffic begins; None if there is neither.
        recent: traffic of the last day.
        retired: names of retired routes, the newest first.
    """

    now: float
    began: float | None
    standings: tuple[Standing, ...]
    recent: Traffic
    steps: tuple[Step, ...]
    goals: tuple[Goal, ...]
    retired: tuple[str, ...]

    @property
    def routes(self) -> Mapping[Stage, int]:
        return _by_stage(standing.place.stage for standing in self.standings)


def progress(config: Config, entries: Iterable[Entry], served: Sequence[Served], now: float) -> Progress:
    """How far it is. `served` in steps of an hour or less, in any order."""
    flips = sorted((each for each in history(entries) if each.state is Kind.LIVE), key=_at)
    modern = {route.name: route.modern for route in config.routes}
    known = [*(one.at for one in served), *(_at(flip) for flip in flips)]
    began = min(known, default=None)
    standings = _standings(config, flips, [one for one in served if one.at > now - RECENT])
    retired = [standing for standing in standings if standing.place.stage is Stage.RETIRED]
    return Progress(
        now,
        began,
        standings,
        _traffic((one for one in served if one.at > now - RECENT), modern),
        _steps(_ways(config, flips, now), served, modern, began, now) if began is not None else (),
        tuple(_goal(milestone, config, flips, now) for milestone in config.milestones),
        tuple(standing.route for standing in sorted(retired, key=lambda standing: -(standing.since or 0))),
    )


def _standings(config: Config, flips: Sequence[Recorded], recent: Iterable[Served]) -> tuple[Standing, ...]:
    last = {flip.entry.route: flip for flip in flips}
    parts: dict[str, list[Served]] = defaultdict(list)
    for one in recent:
        parts[one.route].append(one)
    return tuple(_standing(route, last.get(route.name), parts[route.name]) for route in config.routes)


def _standing(route: Route, last: Recorded | None, recent: Iterable[Served]) -> Standing:
    place, traffic = place_of(route), _traffic(recent, {route.name: route.modern})
    since = _at(last) if last and last.entry.after == place else None
    return Standing(route.name, route.group, place, since, traffic.requests, traffic.by_modern)


def _at(flip: Recorded) -> float:
    return flip.entry.at if flip.settled_at is None else flip.settled_at


# Traffic.


def _traffic(served: Iterable[Served], modern: Mapping[str, str]) -> Traffic:
    """`modern`: the upstream that is modern to a route. Of a route that is gone nobody knows, so its requests are legacy's."""
    by_stage: Counter[str] = Counter()
    by_modern = 0
    for one in served:
        by_stage[one.stage] += one.requests
        by_modern += one.requests if modern.get(one.route) == one.upstream else 0
    return Traffic(dict(by_stage), by_modern)


# Over time.

Way = tuple[list[float], list[Stage]]  # when a route changed its stage, and to which; the first one had no beginning


def _steps(
    ways: Sequence[Way], served: Iterable[Served], modern: Mapping[str, str], began: float, now: float
) -> tuple[Step, ...]:
    seconds = next((step for step in _STEPS if (now - began) / step < _MOST_STEPS), _STEPS[-1])
    first = began - began % seconds
    parts: dict[int, list[Served]] = defaultdict(list)
    for one in served:
        parts[int((one.at - first) // seconds)].append(one)
    return tuple(
        Step(
            first + number * seconds,
            seconds,
            _by_stage(_stage_at(way, min(first + (number + 1) * seconds, now)) for way in ways),
            _traffic(parts[number], modern),
        )
        for number in range(int((now - first) // seconds) + 1)
    )


def _ways(config: Config, flips: Iterable[Recorded], now: float) -> list[Way]:
    mine: dict[str, list[Recorded]] = defaultdict(list)
    for flip in flips:
        mine[flip.entry.route].append(flip)
    return [_way(route, mine[route.name], now) for route in config.routes]


def _way(route: Route, flips: Sequence[Recorded], now: float) -> Way:
    """Where the file says something else than the journal, it is so now, and nobody knows since when."""
    if not flips:
        return [], [route.stage]
    times, stages = [_at(flip) for flip in flips], [flips[0].entry.before.stage, *(flip.entry.after.stage for flip in flips)]
    if stages[-1] is not route.stage:
        times, stages = [*times, now], [*stages, route.stage]
    return times, stages


def _stage_at(way: Way, at: float) -> Stage:
    return way[1][bisect_right(way[0], at)]


def _by_stage(stages: Iterable[Stage]) -> Mapping[Stage, int]:
    counted = Counter(stages)
    return {stage: counted[stage] for stage in Stage if counted[stage]}


# Milestones.


@dataclass(frozen=True, slots=True)
class _Pace:
    """What the journal shows: so many rungs up in all, with so many climbs, in so many seconds."""

    rungs: int
    climbs: int
    seconds: float


def _goal(milestone: Milestone, config: Config, flips: Sequence[Recorded], now: float) -> Goal:
    routes = _members(milestone, config)
    done = sum(route.stage is Stage.RETIRED for route in routes)
    climbed = sum(route.stage.rung for route in routes) / (len(routes) * Stage.RETIRED.rung) if routes else 0.0
    span, why = _forecast(routes, [flip for flip in flips if flip.entry.route in {route.name for route in routes}], now)
    outlook, words = _outlook(milestone.due, done == len(routes), span, now)
    return Goal(
        milestone.name,
        milestone.due,
        {route.name: place_of(route) for route in routes},
        done,
        climbed,
        outlook,
        "; ".join(part for part in (words, why if outlook is not Outlook.DONE else "") if part),
        *(span or (None, None)),
    )


def _members(milestone: Milestone, config: Config) -> list[Route]:
    named = set(milestone.routes)
    return [route for route in config.routes if route.name in named or (route.group and f"@{route.group}" in named)]


def _forecast(routes: Sequence[Route], flips: Sequence[Recorded], now: float) -> tuple[tuple[float, float] | None, str]:
    """From when to when all routes will be retired, if that can be told, and why it is so, or cannot."""
    waiting = [route for route in routes if route.stage is not Stage.RETIRED]
    left = sum(max(Stage.MODERN.rung - route.stage.rung, 0) for route in waiting)
    quiet = max((route.guard.quiet for route in waiting), default=0.0)
    if not left:
        since = {flip.entry.route: _at(flip) for flip in flips}
        end = max((since.get(route.name, now) + route.guard.quiet for route in waiting), default=now)
        return (max(end, now), max(end, now)), "only the quiet period of legacy, and then a person, stands before retirement"
    pace = _pace(flips, now)
    if why := _too_little(pace):
        return None, why
    spread = 1 / sqrt(pace.climbs)  # events that come by themselves: their number is known to about its root
    likely = left * pace.seconds / pace.rungs
    if likely / (1 - spread) > FARTHEST:
        return None, f"at the pace of the journal ({_paced(pace)}) it takes more than ten years"
    words = f"{left} more to climb at the pace of the journal ({_paced(pace)}), and {quiet / DAY:g} days of quiet before retiring"
    return (now + likely / (1 + spread) + quiet, now + likely / (1 - spread) + quiet), words


def _pace(flips: Sequence[Recorded], now: float) -> _Pace:
    changes = [_climb(flip.entry) for flip in flips]
    begin = min((_at(flip) for flip in flips), default=now)
    return _Pace(sum(changes), sum(change > 0 for change in changes), now - begin)


def _climb(entry: Entry) -> int:
    before, after = (min(place.stage.rung, Stage.MODERN.rung) for place in (entry.before, entry.after))
    return after - before


def _too_little(pace: _Pace) -> str:
    if pace.climbs < LEAST_CLIMBS:
        return f"the journal has {pace.climbs} of the {LEAST_CLIMBS} climbs between stages that make a pace"
    if pace.seconds < LEAST_DAYS * DAY:
        return f"its climbs are of less than {LEAST_DAYS:g} days, which makes no pace"
    return "" if pace.rungs > 0 else "its routes went down as often as up"


def _paced(pace: _Pace) -> str:
    return f"{pace.rungs} up in {pace.seconds / DAY:.0f} days, rollbacks taken off"


def _outlook(due: date | None, done: bool, span: tuple[float, float] | None, now: float) -> tuple[Outlook, str]:
    if done:
        return Outlook.DONE, "all retired"
    end = None if due is None else datetime.combine(due, datetime.min.time(), UTC).timestamp() + DAY
    if end is not None and now >= end:
        return Outlook.LATE, f"was due {_days(now - end + DAY)} ago"
    if span is None:
        return Outlook.UNKNOWN, ""
    when = f"retired {_span(*span)}"
    if end is None:
        return Outlook.OPEN, f"{when}; no date is set"
    if span[0] > end:
        return Outlook.LATE, f"{when}, {_days(span[0] - end + DAY)} late at least"
    if span[1] <= end:
        return Outlook.ON_TIME, when
    return Outlook.OPEN, f"{when}: before or after it is due"


def _span(earliest: float, latest: float) -> str:
    first, last = day(earliest), day(latest)
    return f"{first} at the earliest" if first == last else f"between {first} and {last}"


def _days(seconds: float) -> str:
    days = timedelta(seconds=seconds).days
    return f"{days} day{'s' * (days != 1)}"


def day(at: float) -> str:
    """The day of a time in seconds since 1970, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


# As JSON.


def as_json(found: Progress) -> dict[str, Any]:
    """What ``strangler progress --json`` prints, and the API answers."""
    return {
        "now": found.now,
        "began": found.began,
        "routes": {str(stage): found.routes.get(stage, 0) for stage in Stage},
        "traffic": _traffic_as_json(found.recent),
        "standings": [_standing_as_json(standing) for standing in found.standings],
        "steps": [
            {
                "at": step.at,
                "seconds": step.seconds,
                "routes": {str(stage): step.routes.get(stage, 0) for stage in Stage},
                "traffic": _traffic_as_json(step.traffic),
            }
            for step in found.steps
        ],
        "milestones": [_goal_as_json(goal) for goal in found.goals],
        "retired": list(found.retired),
    }


def _traffic_as_json(traffic: Traffic) -> dict[str, Any]:
    by_stage = {str(stage): traffic.by_stage.get(stage, 0) for stage in Stage}
    return {
        "requests": traffic.requests,
        **by_stage,
        "no_route": traffic.by_stage.get(NO_ROUTE, 0),
        "by_modern": traffic.by_modern,
    }


def _standing_as_json(standing: Standing) -> dict[str, Any]:
    return {
        "route": standing.route,
        "group": standing.group or None,
        "stage": standing.place.stage,
        "weight": standing.place.weight if standing.place.stage is Stage.CANARY else None,
        "since": standing.since,
        "requests": standing.requests,
        "by_modern": standing.by_modern,
    }


def _goal_as_json(goal: Goal) -> dict[str, Any]:
    return {
        "name": goal.name,
        "due": goal.due.isoformat() if goal.due else None,
        "routes": {name: str(place) for name, place in goal.routes.items()},
        "done": goal.done,
        "climbed": goal.climbed,
        "outlook": goal.outlook,
        "words": goal.words,
        "earliest": goal.earliest,
        "latest": goal.latest,
    }
