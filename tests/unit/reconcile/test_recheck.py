"""What becomes of a row that differed: every way it can move, with the verdict it must have. Pure; time is passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.comparing.recheck import Outcome, Patience, Seen, Waiting, Watch, judge

PATIENCE = Patience(settle=1.0, in_flight=5.0, stuck=60.0, moves=3, pause=0.0)
A, B, C = b"a", b"b", b"c"
YOUNG, OLD, DEAD = Waiting(0.5), Waiting(61.0), Waiting(0.5, dead=True)


def follow(looks: list[tuple[float, Seen]], *, captured: bool) -> Outcome | None:
    """The first verdict that a row's looks lead to, each at its moment; None if it is still watched."""
    watch = Watch(0.0, 0.0)
    for moment, seen in looks:
        verdict = judge(watch, seen, moment, PATIENCE, captured=captured)
        if isinstance(verdict, Outcome):
            return verdict
        watch = verdict
    return None


DIFFERS = Seen(A, B, B)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0.0, Seen(A, B, A))], Outcome.SAME),  # applied between the two readings
        ([(0.0, Seen(A, A, A, DEAD))], Outcome.SAME),  # a dead letter that somebody has made good
        ([(0.0, DIFFERS)], None),  # one look is never drift
        ([(0.0, DIFFERS), (0.1, DIFFERS)], Outcome.DRIFT),
        ([(0.0, Seen(A, None, None)), (0.1, Seen(A, None, None))], Outcome.DRIFT),  # missing
        ([(0.0, Seen(None, B, B)), (0.1, Seen(None, B, B))], Outcome.DRIFT),  # extra
        ([(0.0, DIFFERS), (0.1, Seen(C, B, B))], None),  # the source moved
        ([(0.0, DIFFERS), (0.1, Seen(A, B, C)), (0.2, Seen(A, C, C))], None),  # the target moved within a look
        ([(0.0, DIFFERS), (0.1, Seen(A, C, C)), (0.2, Seen(A, C, C))], Outcome.DRIFT),
        ([(0.0, Seen(A, B, B, YOUNG)), (0.1, DIFFERS)], None),  # what waited a moment ago is no evidence
        ([(0.0, Seen(A, B, B, YOUNG)), (0.1, DIFFERS), (0.2, DIFFERS)], Outcome.DRIFT),
        ([(0.0, Seen(A, B, B, YOUNG)), (5.1, Seen(A, B, B, YOUNG))], Outcome.IN_FLIGHT),
        ([(0.0, Seen(A, B, B, DEAD))], Outcome.STUCK),
        ([(0.0, Seen(A, B, B, OLD))], Outcome.STUCK),
        ([(0.0, Seen(A, B, B, unmapped=True))], Outcome.UNMAPPED),
        ([(number / 10, Seen(b"%d" % number, B, B)) for number in range(5)], Outcome.UNDECIDED),
        ([(number / 10, Seen(b"%d" % number, B, B)) for number in range(4)], None),
    ],
)
def test_a_captured_row_is_judged_by_what_waits_for_it(looks, expected):
    assert follow(looks, captured=True) is expected


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0.0, DIFFERS), (0.9, DIFFERS)], None),
        ([(0.0, DIFFERS), (1.0, DIFFERS)], Outcome.DRIFT),
        ([(0.0, DIFFERS), (0.9, Seen(C, B, B)), (1.1, Seen(C, B, B))], None),  # it has stood still for 0.2 s only
        ([(0.0, DIFFERS), (0.9, Seen(C, B, B)), (2.0, Seen(C, B, B))], Outcome.DRIFT),
        ([(0.0, DIFFERS), (0.5, DIFFERS), (1.0, DIFFERS)], Outcome.DRIFT),
        ([(0.0, DIFFERS), (0.5, Seen(A, B, A))], Outcome.SAME),
    ],
)
def test_without_capture_a_row_must_stand_still_on_both_sides(looks, expected):
    assert follow(looks, captured=False) is expected


values = st.sampled_from([None, A, B, C])
waits = st.sampled_from([None, YOUNG, OLD, DEAD])
sights = st.builds(Seen, values, values, values, waits)


@given(st.lists(st.tuples(st.floats(0, 1), sights), max_size=40), st.booleans())
def test_drift_is_only_ever_said_of_a_row_that_stood_still_and_nothing_waited_for(steps, captured):
    watch, now, last = Watch(0.0, 0.0), 0.0, None
    for step, seen in steps:
        now += step
        verdict = judge(watch, seen, now, PATIENCE, captured=captured)
        if verdict is Outcome.DRIFT:
            assert last is not None
            assert seen.waiting is last.waiting is None
            assert seen.held == last.held != seen.after == seen.before == last.after == last.before
        assert (verdict is Outcome.SAME) == (seen.held == seen.after)
        if isinstance(verdict, Outcome):
            break
        watch, last = verdict, seen


@given(st.lists(sights.filter(lambda seen: seen.held != seen.after), min_size=1))
def test_no_row_is_watched_for_ever(cycle):
    verdict = Watch(0.0, 0.0)
    for number in range(200):
        verdict = judge(verdict, cycle[number % len(cycle)], number * 0.2, PATIENCE, captured=True)
        if isinstance(verdict, Outcome):
            break
    assert isinstance(verdict, Outcome)
