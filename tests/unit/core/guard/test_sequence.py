"""The error of the confidence sequence under constant looking, and what its bounds say."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.guard.sequence import above, below, bounds, evidence_above, samples_needed

BAR, ERROR = 0.999, 0.05
LOOK, LAST = 100, 1_000_000


def judged(agreement: float, seed: int, last: int = LAST) -> str:
    """What is said first about a route with this true agreement, looked at every LOOK samples: pass, fail or nothing.

    The evidence for a pass falls only with a bad sample, that for a failure rises only with one, so it is enough to look just
    before and just after each of them.
    """
    chance, at, bad = random.Random(seed), 0, 0
    while True:
        gap = math.ceil(math.log(chance.random()) / math.log(agreement))
        at += gap
        before = min(at - 1, last) // LOOK * LOOK
        if before and above(before - bad, bad, BAR, ERROR):
            return "pass"
        if at > last:
            return "nothing"
        bad += 1
        after = math.ceil(at / LOOK) * LOOK
        if below(after - bad, bad, BAR, 0.01):
            return "fail"


@pytest.mark.parametrize(
    ("agreement", "wanted", "least", "most"),
    [
        (0.9995, "pass", 0.97, 1.0),  # good: passes in the end
        (0.999, "pass", 0.0, 0.05),  # on the bar itself: falsely passed within the error, over ten thousand looks
        (0.998, "fail", 1.0, 1.0),  # bad: fails
        (0.998, "pass", 0.0, 0.0),
        (0.99, "fail", 1.0, 1.0),
    ],
)
def test_ten_thousand_looks_do_not_add_up(agreement, wanted, least, most):
    trials = 100
    share = sum(judged(agreement, seed) == wanted for seed in range(trials)) / trials
    assert least <= share <= most


@pytest.mark.parametrize(
    ("good", "bad", "passes", "fails"),
    [
        (0, 0, False, False),
        (3, 0, False, False),
        (1000, 0, False, False),
        (4000, 0, True, False),  # a fixed sample would take 2,995; looking all the time costs a third more
        (3, 3, False, True),
        (9_980, 20, False, False),
        (99_950, 50, True, False),
        (99_700, 300, False, True),
    ],
)
def test_verdicts_by_hand(good, bad, passes, fails):
    assert (above(good, bad, BAR, ERROR), below(good, bad, BAR, 0.001)) == (passes, fails)


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.floats(0.5, 0.99999), st.floats(0.001, 0.2))
def test_nothing_is_above_and_below_at_once(good, bad, bar, error):
    assert not (above(good, bad, bar, error) and below(good, bad, bar, error))


@given(st.integers(0, 10**5), st.integers(0, 10**3), st.floats(0.5, 0.9999))
def test_a_good_sample_never_speaks_against_and_a_bad_one_never_for(good, bad, bar):
    now = evidence_above(good, bad, bar)
    assert evidence_above(good + 1, bad, bar) >= now - 1e-9
    assert evidence_above(good, bad + 1, bar) <= now + 1e-9


@given(st.integers(0, 10**6), st.integers(0, 10**4))
def test_bounds_enclose_what_was_seen(good, bad):
    low, high = bounds(good, bad, ERROR)
    assert 0 <= low <= high <= 1
    if good + bad:
        assert low <= good / (good + bad) <= high


@pytest.mark.parametrize(("good", "bad"), [(0, 0), (1000, 0), (5000, 1), (20_000, 10)])
def test_the_samples_said_to_be_needed_are_enough_and_not_many_too_many(good, bad):
    more = samples_needed(good, bad, BAR, ERROR)
    share = bad / (good + bad) if bad else 0.0
    grown = bad + round(more * share)
    assert above(good + bad + more - grown, grown, BAR, ERROR)
    fewer = int(more * 0.98)
    grown = bad + round(fewer * share)
    assert not above(good + bad + fewer - grown, grown, BAR, ERROR)


def test_no_number_of_samples_shows_what_is_not_so():
    assert samples_needed(9_980, 20, BAR, ERROR) is None
    assert samples_needed(0, 5, BAR, ERROR) is None


def test_one_bad_window_after_ten_million_good_samples_is_seen_by_itself():
    assert above(10_000_000, 0, BAR, ERROR)
    assert below(990, 10, BAR, 1e-4)
