"""What a worker remembers of a route between its requests."""

from __future__ import annotations

from strangler.core.model import Match, Route
from strangler.core.template import parse_template
from strangler.proxy.shadowing import AT_ONCE, FEW, MOST_KNOWN, WINDOW, Lane, sent_in_a_turn

ROUTE = Route(0, "r", Match(parse_template("/{all...}")))


def test_equal_requests_are_known_again_within_the_window():
    lane = Lane()
    assert [lane.repeats(method, target, 10.0) for method, target in [("GET", b"/a"), ("GET", b"/a?b"), ("HEAD", b"/a")]] == [
        False
    ] * 3
    assert lane.repeats("GET", b"/a", WINDOW - 1)
    assert not lane.repeats("GET", b"/a", WINDOW)


def test_a_failure_of_what_was_answered_before_is_new_once() -> None:
    lane = Lane()
    asked = [False, True, True, False]
    assert [lane.repeats("GET", b"/a", 10.0, "", failed) for failed in asked] == [False, False, True, True]


def test_where_nothing_more_can_be_remembered_all_is_said_to_be_repeated():
    lane = Lane()
    assert not any(lane.repeats("GET", b"/%d" % number, 0.0) for number in range(MOST_KNOWN))
    assert lane.repeats("GET", b"/new", 0.0)
    assert lane.repeats("GET", b"/7", 0.0)
    assert not lane.repeats("GET", b"/new", WINDOW)


def test_the_build_is_named_by_a_header_of_modern():
    lane = Lane()
    lane.use(ROUTE, "header:X-Build")
    assert lane.version_of(((b"x-build", b" 7 "), (b"X-Build", b"8"))) == "7"
    assert lane.version_of(()) == lane.version_of([(b"Build", b"7")]) == ""
    assert lane.rules == ROUTE.rules
    lane.use(ROUTE, "")
    assert lane.version_of([(b"x-build", b"7")]) == ""


def test_a_new_build_of_modern_is_told_everything_anew() -> None:
    lane = Lane()
    assert [lane.repeats("GET", b"/a", 10.0, version) for version in ("1", "1", "2", "2", "1")] == [
        False,
        True,
        False,
        True,
        True,
    ]


def test_a_turn_of_the_loop_sends_a_part_of_what_waits_and_all_of_it_in_the_end() -> None:
    assert [sent_in_a_turn(waiting) for waiting in (0, 1, FEW, 10, 40, 10_000)] == [0, 1, FEW, FEW, 10, AT_ONCE]
    waiting, turns = 1000, 0
    while waiting:
        waiting, turns = waiting - sent_in_a_turn(waiting), turns + 1
    assert turns < 40
