"""How long a key waits, how often it may fail, and how many are taken at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.relaying.patience import Fate, Patience, backoff, batch_of_orphans, defer, fail, idle_pause, resize

PATIENCE = Patience(attempts=5, pause=0.5, longest_pause=8.0, parent=60.0)


@pytest.mark.parametrize(
    ("attempts", "draw", "pause"),
    [
        (1, 0.0, 0.25),  # half of 0.5
        (1, 1.0, 0.5),
        (2, 1.0, 1.0),
        (4, 0.0, 2.0),  # half of 0.5 * 2 ** 3
        (5, 1.0, 8.0),  # 0.5 * 2 ** 4, the longest
        (60, 1.0, 8.0),
        (5000, 0.0, 4.0),
    ],
)
def test_each_attempt_waits_twice_as_long_as_the_one_before_it(attempts, draw, pause):
    assert backoff(PATIENCE, attempts, draw) == pause


def test_the_last_attempt_makes_a_dead_letter_with_its_error():
    assert fail(PATIENCE, 4, "no", 0.5).state == "waiting"
    assert fail(PATIENCE, 5, "no", 0.5) == Fate("dead", 0.0, "no (given up after 5 attempts)")


@pytest.mark.parametrize(
    ("waited", "fate"),
    [
        (0.0, Fate("deferred", 0.05, "no parent", counts=False)),
        (1.0, Fate("deferred", 1.0, "no parent", counts=False)),
        (59.9, Fate("deferred", 5.0, "no parent", counts=False)),
        (60.0, Fate("dead", 0.0, "no parent (waited 60 s for it)", counts=False)),
    ],
)
def test_a_missing_parent_is_waited_for_as_long_again_as_it_was_and_not_for_ever(waited, fate):
    assert defer(PATIENCE, waited, "no parent", 1.0) == fate


def test_what_dead_relays_left_behind_is_taken_in_ever_smaller_batches():
    assert [batch_of_orphans(500, deaths) for deaths in (1, 2, 3, 4, 1000)] == [62, 7, 1, 1, 1]


@given(st.integers(1, 5000), st.floats(0, 1e6), st.integers(1, 5000))
def test_a_batch_is_never_few_never_too_large_and_never_more_than_doubled(size, took, largest):
    found = resize(size, took, aim=0.25, largest=largest)
    assert min(100, largest) <= found <= min(largest, max(100, 2 * size))


def test_a_batch_grows_and_shrinks_towards_the_time_it_should_take():
    assert resize(100, 0.25, aim=0.25, largest=1000) == 100
    assert resize(100, 0.125, aim=0.25, largest=1000) == 200
    assert resize(100, 0.0, aim=0.25, largest=1000) == 200
    assert resize(400, 10.0, aim=0.25, largest=1000) == 200
    assert resize(900, 0.01, aim=0.25, largest=1000) == 1000


def test_looking_for_work_becomes_rarer_while_there_is_none():
    pauses, last = [], 0.0
    for _ in range(8):
        last = idle_pause(last)
        pauses.append(last)
    assert pauses == [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.0, 1.0]
