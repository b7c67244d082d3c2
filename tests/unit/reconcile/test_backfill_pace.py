"""How large chunks are and what holds a backfill back: arithmetic, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.backfilling.sizing import FIRST, LEAST, MOST, Sizing
from reconcile.backfilling.throttle import Throttle


@pytest.mark.parametrize(
    ("rows", "seconds", "next_rows"),
    [
        (1000, 0.5, 1000),  # exactly the target
        (1000, 1.0, 500),  # twice as slow
        (1000, 0.4, 1250),
        (1000, 0.01, 2000),  # 50,000 would fit, but it at most doubles
        (1000, 60.0, LEAST),
        (0, 9.0, FIRST),
    ],
)
def test_the_second_chunk_takes_half_a_second(rows, seconds, next_rows):
    assert Sizing().after(rows, seconds).rows == next_rows


def test_one_slow_chunk_weighs_a_quarter():
    sizing = Sizing().after(1000, 0.5).after(1000, 5.0)
    assert (sizing.speed, sizing.rows) == (0.75 * 2000 + 0.25 * 200, 775)


def test_a_chosen_size_stays_and_speed_is_still_told():
    sizing = Sizing(7, fixed=True).after(7, 7.0)
    assert (sizing.rows, sizing.speed) == (7, 1.0)


@given(st.lists(st.tuples(st.integers(0, MOST), st.floats(0, 1e6))))
def test_a_chunk_is_never_outside_its_bounds(chunks):
    sizing = Sizing()
    for rows, seconds in chunks:
        sizing = sizing.after(rows, seconds)
        assert LEAST <= sizing.rows <= MOST


@given(st.floats(1_000, 30_000))
def test_a_steady_database_is_given_half_a_second_of_work(speed):
    sizing = Sizing()
    for _ in range(20):
        sizing = sizing.after(sizing.rows, sizing.rows / speed)
    assert sizing.rows == pytest.approx(speed / 2, abs=1)


@pytest.mark.parametrize(
    ("limit", "rows", "seconds", "rest"),
    [(0, 1000, 0.1, 0), (100, 1000, 4.0, 6.0), (100, 1000, 10.0, 0), (100, 1000, 12.0, 0), (100, 0, 0.0, 0)],
)
def test_a_limit_is_kept_by_waiting(limit, rows, seconds, rest):
    assert Throttle(limit).rest(rows, seconds) == rest
