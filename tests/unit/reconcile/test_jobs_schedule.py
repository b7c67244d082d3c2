"""Cron lines mean what cron takes them for. Times are UTC; 2024-01-01 was a Monday."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.jobs.schedule import Cron
from strangler.core.errors import UsageError


def at(words: str) -> float:
    return datetime.strptime(words, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("line", "after", "expected"),
    [
        ("0 3 * * *", "2024-01-01 00:00", "2024-01-01 03:00"),
        ("0 3 * * *", "2024-01-01 03:00", "2024-01-02 03:00"),
        ("*/15 * * * *", "2024-01-01 00:16", "2024-01-01 00:30"),
        ("0 4 * * 0", "2024-01-01 00:00", "2024-01-07 04:00"),  # Sunday, not Monday
        ("0 4 * * 7", "2024-01-01 00:00", "2024-01-07 04:00"),
        ("0 4 * * 1", "2024-01-01 05:00", "2024-01-08 04:00"),
        ("0 4 * * sun", "2024-01-01 00:00", "2024-01-07 04:00"),
        ("0 4 * * 1-5", "2024-01-05 05:00", "2024-01-08 04:00"),
        ("0 4 * * 5-7", "2024-01-01 00:00", "2024-01-05 04:00"),
        ("0 4 * * fri-sun", "2024-01-06 05:00", "2024-01-07 04:00"),
        ("0 4 * * */2", "2024-01-01 00:00", "2024-01-02 04:00"),  # Sunday, Tuesday, Thursday, Saturday
        ("0 4 * * 0,6", "2024-01-01 00:00", "2024-01-06 04:00"),
        ("0 4 15 * 3", "2024-01-01 00:00", "2024-01-03 04:00"),  # either day
        ("0 4 15 * 3", "2024-01-10 05:00", "2024-01-15 04:00"),
        ("0 0 29 2 *", "2024-03-01 00:00", "2028-02-29 00:00"),
        ("30 2 * * *", "2024-03-31 00:00", "2024-03-31 02:30"),  # a half hour that many clocks skip
    ],
)
def test_the_next_turn(line, after, expected):
    assert Cron(line).after(at(after)) == at(expected)


@pytest.mark.parametrize(
    "line", ["99 3 * * *", "0 24 * * *", "0 3 31 2 *", "0 3 * * 8", "0 3 * * 5-2", "0 3 * *", "a b c d e", ""]
)
def test_a_line_that_means_nothing_is_refused(line):
    with pytest.raises(UsageError) as raised:
        Cron(line)
    assert line in str(raised.value)


def test_what_was_missed_is_made_up_for_once():
    nightly = Cron("0 3 * * *")
    assert nightly.is_due(at("2024-01-01 03:00"), at("2024-01-09 12:00"))
    assert not nightly.is_due(at("2024-01-09 12:00"), at("2024-01-09 23:59"))
    assert not nightly.is_due(at("2024-01-09 03:00"), at("2024-01-09 03:00"))


@given(st.integers(0, 2**32), st.sampled_from(["0 3 * * *", "*/7 * * * *", "0 4 * * 0", "5 5 1,15 * 2"]))
def test_a_turn_is_after_the_last_and_none_lies_between(moment, line):
    cron = Cron(line)
    turn = cron.after(moment)
    assert turn > moment
    assert cron.after(turn - 1) == turn
    assert cron.after((moment + turn) // 2) == turn
