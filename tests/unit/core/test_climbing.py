"""What the automatic ladder decides, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.core.climbing import Move, Unit, ascent, descent, patience, units, weakest
from strangler.core.flip import Place
from strangler.core.guard.verdict import Finding, Judgement, Verdict
from strangler.core.model import Config, Ladder, Match, Route, Stage
from strangler.core.template import parse_template
from strangler.core.units import Share

HOUR = 3600.0
ROUTE = Route(
    0, "shop", Match(parse_template("/shop/{id}"), frozenset({"GET"})), ladder=Ladder(auto=True, steps=(Share(0.05), Share(1.0)))
)


def unit(stage: str = "shadow", weight: float = 0.0, auto: bool = True, **other) -> Unit:
    route = replace(ROUTE, stage=Stage(stage), weight=Share(weight), ladder=replace(ROUTE.ladder, auto=auto))
    return Unit("shop", (route,), **other)


def says(verdict: str) -> Judgement:
    return Judgement((Finding("parity", Verdict.PASS, "fine"), Finding("recent", Verdict(verdict), "the words")))


STATES = {"": {}, "held": {"held": "held by ops"}, "pending": {"pending": True}, "just arrived": {"since": 10 * HOUR}}


@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@pytest.mark.parametrize(
    ("stage", "auto", "move"),
    [
        ("legacy", True, None),
        ("shadow", True, None),
        ("canary", True, Move.DESCEND),
        ("modern", True, Move.DESCEND),
        ("retired", True, Move.CALL),
        ("shadow", False, None),
        ("canary", False, Move.CALL),
        ("modern", False, Move.CALL),
    ],
)
def test_what_fails_its_clients_goes_down_in_every_state(stage, auto, move, state):
    found = descent(unit(stage, 0.05, auto, **state), says("fail"))
    assert (found.move if found else None) is move
    assert found is None or "recent: the words" in found.why


@pytest.mark.parametrize("verdict", ["pass", "not enough data"])
@pytest.mark.parametrize("stage", list(Stage))
def test_without_a_failure_nothing_goes_down(stage, verdict):
    assert descent(unit(stage), says(verdict)) is None
    assert descent(unit(stage), Judgement(())) is None


def test_where_modern_owns_the_data_a_person_is_called():
    found = descent(unit("modern", moved=True), says("fail"))
    assert (found.move, found.told) == (Move.CALL, True)
    assert found.why.startswith("modern owns its data")


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        (unit(), None),
        (unit("canary", 0.05), None),
        (unit(auto=False), "climbs only by hand"),
        (unit(held="held by ops: `strangler resume shop`"), "held by ops: `strangler resume shop`"),
        (unit(pending=True), "a flip is under way"),
        (unit(since=9.5 * HOUR), "stays for about 30 min more"),
        (unit("modern"), "has climbed as far as it does by itself"),
        (unit("retired"), "has climbed as far as it does by itself"),
        (Unit("@g", (*unit().routes, *unit("canary", 0.05).routes)), "its members stand at different places"),
        (Unit("@g", (*unit().routes, *unit(auto=False).routes)), "climbs only by hand"),
    ],
)
def test_when_the_guard_is_asked(standing, why):
    found = patience(standing, 10 * HOUR)
    assert (found.why if found else None) == why
    assert found is None or found.move is Move.STAY


@pytest.mark.parametrize(
    ("stage", "weight", "to"),
    [
        ("legacy", 0, Place(Stage.SHADOW)),
        ("shadow", 0, Place(Stage.CANARY, Share(0.05))),
        ("canary", 0.05, Place(Stage.CANARY, Share(1.0))),
        ("canary", 0.3, Place(Stage.CANARY, Share(1.0))),
        ("canary", 1.0, Place(Stage.MODERN)),
    ],
)
def test_rung_by_rung(stage, weight, to):
    found = ascent(unit(stage, weight), says("pass"))
    assert (found.move, found.to) == (Move.CLIMB, to)


@pytest.mark.parametrize(("verdict", "told"), [("fail", True), ("not enough data", False)])
def test_only_a_pass_moves_anything(verdict, told):
    found = ascent(unit(), says(verdict))
    assert (found.move, found.told, found.why) == (Move.STAY, told, "recent: the words")


def test_an_empty_judgement_is_no_pass():
    assert ascent(unit(), Judgement(())).move is Move.STAY


@pytest.mark.parametrize(("methods", "move"), [(frozenset({"GET"}), Move.CLIMB), (None, Move.CALL)])
def test_writes_that_own_data_are_a_persons_business(methods, move):
    standing = unit("canary", 1.0)
    route = replace(standing.routes[0], data=("orders",), match=replace(ROUTE.match, methods=methods))
    assert ascent(replace(standing, routes=(route,)), says("pass")).move is move


def test_groups_move_as_one():
    routes = [replace(ROUTE, name=name, group=group) for name, group in [("a", "g"), ("b", ""), ("c", "g"), ("d", "alone")]]
    found = units(Config({}, routes=tuple(routes)))
    assert [(each.name, [route.name for route in each.routes]) for each in found] == [
        ("@g", ["a", "c"]),
        ("b", ["b"]),
        ("d", ["d"]),
    ]


def test_the_lowest_next_step_and_the_longest_stay_of_a_group_count():
    other = replace(ROUTE, name="b", ladder=Ladder(True, (Share(0.01),), 2 * HOUR))
    group = Unit("@g", tuple(replace(route, stage=Stage.SHADOW) for route in (ROUTE, other)))
    assert (group.next, group.dwell) == (Place(Stage.CANARY, Share(0.01)), 2 * HOUR)


@pytest.mark.parametrize(
    ("verdicts", "all"),
    [
        (("pass", "pass"), "pass"),
        (("pass", "not enough data"), "not enough data"),
        (("not enough data", "fail"), "fail"),
        (("pass", "fail"), "fail"),
    ],
)
def test_a_group_is_as_good_as_its_weakest_member(verdicts, all):
    found = weakest({name: says(verdict) for name, verdict in zip("ab", verdicts, strict=True)})
    assert found.verdict == all
    assert {finding.words for finding in found.findings} == {"a: fine", "a: the words", "b: fine", "b: the words"}


def test_a_member_of_which_nothing_is_known_is_no_pass():
    assert weakest({"a": says("pass"), "b": Judgement(())}).verdict is not Verdict.PASS
