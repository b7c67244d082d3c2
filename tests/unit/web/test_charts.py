"""Shapes of charts: what stands on what, where a line has gaps, and which round share is at the bottom."""

from __future__ import annotations

from math import inf

import pytest

from strangler.control.history import Step
from strangler.web.pages import charts


def test_modern_stands_at_the_bottom_and_legacy_on_it_as_high_as_their_parts_of_the_busiest_step() -> None:
    found = charts.shares([Step(0, legacy=30, modern=10), Step(60, legacy=20), Step(120)], lambda step: f"at {step.at}")
    assert [(one.name, one.x, one.y, one.height, one.title) for one in found] == [
        ("modern", 0.0, 75.0, 25.0, "at 0"),
        ("legacy", 0.0, 0.0, 75.0, "at 0"),
        ("legacy", pytest.approx(100 / 3), 50.0, 50.0, "at 60"),
    ]
    assert charts.shares([], str) == []


@pytest.mark.parametrize(
    ("agreed", "floor"),
    [([1000], 0.99), ([991], 0.99), ([990], 0.95), ([960, 1000], 0.95), ([901], 0.9), ([500], 0.0), ([0], 0.0)],
)
def test_the_bottom_is_a_round_share_below_the_worst_step(agreed: list[int], floor: float) -> None:
    assert charts.floor_of([Step(0), *(Step(60, agreed=each, compared=1000) for each in agreed)]) == floor


def test_a_line_has_gaps_where_nothing_was_and_a_value_alone_is_a_dash() -> None:
    steps = [Step(0, 9, 10), Step(60, 10, 10), Step(120), Step(180, 19, 20)]
    line = charts.agreement(steps, 0.9)
    assert line.parts == ("12.50,100.00 37.50,0.00", "77.50,50.00 97.50,50.00")


def test_the_top_of_durations_leaves_room_and_what_took_for_ever_is_a_gap() -> None:
    lines, top = charts.durations([Step(0, p95_legacy=0.1, p95_modern=0.2), Step(60, p95_legacy=inf, p95_modern=0.1)])
    assert top == pytest.approx(0.22)
    assert [line.name for line in lines] == ["legacy", "modern"]
    assert [len(line.parts) for line in lines] == [1, 1]
    assert lines[0].parts[0].startswith("5.00,54.55 45.00,54.55")
    assert charts.durations([Step(0)]) == ([], 0.0)
