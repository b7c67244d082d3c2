from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.traffic.replay.pace import Pace, parse_rate, parse_speed
from tests.unit.traffic.replay.given import entry


def due(pace: Pace, *at: float) -> list[float]:
    return [pace.due(replace(entry("GET", "/"), at=each), number) for number, each in enumerate(at)]


def test_as_recorded_and_faster() -> None:
    assert due(Pace(speed=1), 100, 101.5, 110) == [0, 1.5, 10]
    assert due(Pace(speed=4), 100, 102, 110) == [0, 0.5, 2.5]


def test_a_time_that_is_unknown_or_goes_back_is_at_once() -> None:
    assert due(Pace(speed=1), 0, 100, 0, 90, 101) == [0, 0, 0, 0, 1]


def test_a_rate_does_not_ask_when_it_was_recorded() -> None:
    assert due(Pace(rate=50), 5, 3, 0) == [0, 0.02, 0.04]


def test_without_a_pace_everything_is_due() -> None:
    assert due(Pace(), 5, 6) == [0, 0]
    assert (Pace().timed, Pace(rate=1).timed, Pace(speed=1).timed) == (False, True, True)


@pytest.mark.parametrize(("text", "speed"), [("1x", 1), ("0.5x", 0.5), ("10x", 10)])
def test_speeds(text: str, speed: float) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50), ("600/min", 10), ("36/h", 0.01)])
def test_rates(text: str, rate: float) -> None:
    assert parse_rate(text) == pytest.approx(rate)


@pytest.mark.parametrize("text", ["2", "0x", "-1x", "x", "1/s"])
def test_what_is_no_speed_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 1x"):
        parse_speed(text)


@pytest.mark.parametrize("text", ["50", "0/s", "5/d", "1x"])
def test_what_is_no_rate_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match="write 50/s"):
        parse_rate(text)
