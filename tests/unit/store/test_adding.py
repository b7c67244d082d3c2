"""What JSON adds up to: tables, and the laws of adding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.store.adding import merged, summed

MERGED = [
    ({}, {"a": 1}, {"a": 1}),
    ({"a": 1}, {}, {"a": 1}),
    ({"a": 1}, {"a": 2.5}, {"a": 3.5}),
    ({"a": 1, "b": "old"}, {"b": "new"}, {"a": 1, "b": "new"}),
    ({"a": {"x": 1}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 2, "y": 2}}),
    ({"a": True}, {"a": True}, {"a": True}),
    ({"a": [1]}, {"a": [2]}, {"a": [2]}),
    ({"a": 1}, {"a": None}, {"a": None}),
    ({"a": "1"}, {"a": 1}, {"a": 1}),
]


@pytest.mark.parametrize(("old", "new", "expected"), MERGED)
def test_merged(old: dict[str, object], new: dict[str, object], expected: dict[str, object]) -> None:
    assert merged(old, new) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"), [([], [], []), ([1], [2], [3]), ([], [1, 2], [1, 2]), ([1, 2, 3], [1], [2, 2, 3])]
)
def test_summed(old: list[int], new: list[int], expected: list[int]) -> None:
    assert summed(old, new) == expected


CELLS = st.lists(st.integers(0, 2**40))


@given(CELLS, CELLS, CELLS)
def test_the_order_of_adding_does_not_matter(one: list[int], two: list[int], three: list[int]) -> None:
    assert summed(one, two) == summed(two, one)
    assert summed(summed(one, two), three) == summed(one, summed(two, three))
    assert sum(summed(one, two)) == sum(one) + sum(two)
