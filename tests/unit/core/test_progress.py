"""Progress: stages over time out of the journal, traffic by stage, and forecasts only where there is a pace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strangler.core.flip import Place
from strangler.core.journal import Entry, Kind
from strangler.core.model import Stage
from strangler.core.progress import DAY, HOUR, Goal, Outlook, Served, as_json, progress
from strangler.core.units import Share
from tests.unit.given import config

NOW = 20_000 * DAY + 6 * HOUR  # 2024-10-04, six in the morning
ROUTES = """
routes:
  - {name: a, match: {path: /a, methods: [GET]}, group: g, stage: modern}
  - {name: b, match: {path: /b, methods: [GET]}, group: g, stage: modern}
  - {name: c, match: {path: /c, methods: [GET]}, stage: canary, weight: 5%, sticky: {by: ip}}
  - {name: d, match: {path: /d}}
"""


def flip(route: str, before: str, after: str, days_ago: float, state: Kind = Kind.LIVE) -> Iterator[Entry]:
    """An intention, and what became of it."""
    places = Place(Stage(before)), Place(Stage(after), Share(0.05) if after == "canary" else Share(0.0))
    for kind in (Kind.INTENDED, state):
        yield Entry(
            f"{route}-{after}-{days_ago}-{kind}",
            kind,
            f"{route}-{after}-{days_ago}",
            NOW - days_ago * DAY,
            "anna",
            route,
            *places,
        )


def goal(routes: str, keys: str = "", *flips: Iterator[Entry]) -> Goal:
    file = config(f"{routes}\nmilestones: [{{name: Out, routes: ['@g'] {keys}}}]")
    return progress(file, [entry for each in flips for entry in each], [], NOW).goals[0]


def group(stage: str, quiet: str = "0s") -> str:
    keys = f"group: g, stage: {stage}, guard: {{quiet: {quiet}}}"
    return f"routes: [{', '.join(f'{{name: {name}, match: {{path: /{name}, methods: [GET]}}, {keys}}}' for name in 'ab')}]"


def test_stages_over_time_are_those_of_the_journal():
    entries = [*flip("a", "legacy", "shadow", 3), *flip("a", "shadow", "modern", 1), *flip("c", "shadow", "canary", 2)]
    steps = progress(config(ROUTES), entries, [], NOW).steps
    assert steps[0].at == NOW - 3 * DAY
    by_day = {round((NOW - step.at) / DAY, 2): dict(step.routes) for step in steps}
    assert by_day[3] == {Stage.LEGACY: 1, Stage.SHADOW: 2, Stage.MODERN: 1}
    assert by_day[2] == {Stage.LEGACY: 1, Stage.SHADOW: 1, Stage.CANARY: 1, Stage.MODERN: 1}
    assert by_day[0] == {Stage.LEGACY: 1, Stage.CANARY: 1, Stage.MODERN: 2}


def test_what_came_to_nothing_is_no_step():
    found = progress(config(ROUTES), list(flip("d", "legacy", "shadow", 2, Kind.ABANDONED)), [], NOW)
    assert (found.began, found.steps, found.standings[3].since) == (None, (), None)


def test_where_the_file_has_moved_on_it_is_so_now_and_since_when_is_not_known():
    found = progress(config(ROUTES), list(flip("a", "legacy", "shadow", 2)), [], NOW)
    assert found.standings[0].since is None
    assert [step.routes[Stage.MODERN] for step in (found.steps[-3], found.steps[-1])] == [1, 2]


def test_traffic_is_told_by_stage_and_by_who_answered():
    served = [
        Served(NOW - HOUR, "c", "canary", "legacy", 95),
        Served(NOW - HOUR, "c", "canary", "modern", 5),
        Served(NOW - HOUR, "", "", "legacy", 20),
        Served(NOW - HOUR, "gone", "modern", "modern", 7),
        Served(NOW - 3 * DAY, "a", "modern", "modern", 1000),
    ]
    found = progress(config(ROUTES), [], served, NOW)
    assert (found.recent.by_stage, found.recent.by_modern) == ({"canary": 100, "": 20, "modern": 7}, 5)
    assert [(one.route, one.requests, one.by_modern) for one in found.standings if one.requests] == [("c", 100, 5)]
    assert sum(step.traffic.requests for step in found.steps) == 1127
    assert as_json(found)["traffic"]["no_route"] == 20


@pytest.mark.parametrize(
    ("days", "seconds"), [(0.1, HOUR), (3, HOUR), (4, 6 * HOUR), (60, DAY), (200, 7 * DAY), (2000, 28 * DAY)]
)
def test_steps_are_as_long_as_the_way_needs(days, seconds):
    steps = progress(config(ROUTES), [], [Served(NOW - days * DAY, "a", "modern", "modern", 1)], NOW).steps
    assert {step.seconds for step in steps} == {seconds}
    assert steps[0].at <= NOW - days * DAY < steps[0].at + seconds
    assert steps[-1].at <= NOW < steps[-1].at + seconds


CLIMBS = [
    ("a", "legacy", "shadow", 20),
    ("a", "shadow", "canary", 15),
    ("b", "legacy", "shadow", 10),
    ("b", "shadow", "canary", 5),
]


def test_the_forecast_goes_on_at_the_pace_of_the_journal():
    """Four up in 20 days, two left: ten days, give or take the half of the pace."""
    found = goal(group("canary, weight: 5%, sticky: {by: ip}"), "", *(flip(*one) for one in CLIMBS))
    assert found.earliest is not None
    assert found.latest is not None
    assert [round((at - NOW) / DAY, 2) for at in (found.earliest, found.latest)] == [6.67, 20.0]
    assert "4 up in 20 days" in found.words


@pytest.mark.parametrize(
    ("due", "outlook"),
    [
        ("2024-10-05", Outlook.LATE),
        ("2024-10-20", Outlook.OPEN),
        ("2024-10-25", Outlook.ON_TIME),
        ("2024-10-04", Outlook.LATE),
        ("2024-10-03", Outlook.LATE),
    ],
)
def test_a_milestone_is_held_against_its_date(due, outlook):
    found = goal(group("canary, weight: 5%, sticky: {by: ip}"), f", due: {due}", *(flip(*one) for one in CLIMBS))
    assert found.outlook is outlook
    assert ("was due 1 day ago" in found.words) == (due == "2024-10-03")


@pytest.mark.parametrize(
    ("climbs", "why"),
    [
        ([], "the journal has 0 of the 4 climbs"),
        (CLIMBS[:3], "the journal has 3 of the 4 climbs"),
        ([(*one[:3], 1) for one in CLIMBS], "less than 2 days"),
        ([*CLIMBS, ("a", "canary", "legacy", 4), ("b", "canary", "legacy", 3)], "went down as often as up"),
        ([(*one[:3], 9000) for one in CLIMBS], "more than ten years"),
    ],
)
def test_a_forecast_is_not_made_up(climbs, why):
    found = goal(group("canary, weight: 5%, sticky: {by: ip}"), ", due: 2030-01-01", *(flip(*one) for one in climbs))
    assert (found.outlook, found.earliest, found.latest) == (Outlook.UNKNOWN, None, None)
    assert why in found.words


def test_legacy_must_be_quiet_before_a_route_retires():
    found = goal(
        group("modern", "30d"), ", due: 2024-10-30", flip("a", "canary", "modern", 20), flip("b", "canary", "modern", 10)
    )
    assert found.latest == NOW + 20 * DAY
    assert (found.outlook, found.climbed) == (Outlook.ON_TIME, 0.75)


def test_what_is_retired_is_done_whatever_its_date():
    found = goal(group("retired"), ", due: 2020-01-01")
    assert (found.outlook, found.done, found.climbed, found.words) == (Outlook.DONE, 2, 1.0, "all retired")


def test_retired_routes_are_told_the_newest_first():
    found = progress(config(group("retired")), [*flip("a", "modern", "retired", 2), *flip("b", "modern", "retired", 1)], [], NOW)
    assert found.retired == ("b", "a")


def test_an_empty_file_has_nothing_to_tell():
    found = progress(config("routes: []"), [], [], NOW)
    assert (found.routes, found.steps, found.goals, found.recent.requests) == ({}, (), (), 0)
