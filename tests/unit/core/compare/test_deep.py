"""Documents that are nested deeper than Python calls: nothing raises, and the difference at the bottom is found."""

from __future__ import annotations

from typing import Any

import pytest

from strangler.core.compare.compare import compare
from strangler.core.compare.prints import Prints
from strangler.core.document import Content, Element
from strangler.core.exact import Number
from tests.unit.core.compare.given import rules, view

DEPTH = 10_000
KEYS = 'compare: {unordered: ["$[0]", "$..a"], treat_equal: [case], ignore: [$..b]}'


def lists(bottom: Any) -> Any:
    for _ in range(DEPTH):
        bottom = [bottom]
    return bottom


def members(bottom: Any) -> Any:
    for _ in range(DEPTH):
        bottom = {"a": bottom, "c": Number("1")}
    return bottom


def both(bottom: Any) -> Any:
    for _ in range(DEPTH // 2):
        bottom = [Number("0"), {"a": bottom}]
    return bottom


def elements(bottom: Any) -> Any:
    for _ in range(DEPTH):
        bottom = Element("a", {}, (bottom,))
    return bottom


@pytest.mark.parametrize("keys", ["", KEYS])
@pytest.mark.parametrize(
    ("content", "nest"), [(Content.JSON, lists), (Content.JSON, members), (Content.JSON, both), (Content.XML, elements)]
)
def test_deep_documents(content, nest, keys):
    same = compare(view(nest("x"), content), view(nest("x"), content), rules(keys))
    assert (len(same.differences), len(same.ignored)) == (0, 0)
    (difference,) = compare(view(nest("x"), content), view(nest("y"), content), rules(keys)).differences
    assert (difference.control, difference.candidate) == ("x", "y")
    assert DEPTH <= len(difference.path) <= DEPTH * 3 // 2 + 1


def test_a_difference_on_every_level_is_cut_short_before_its_paths_fill_the_memory():
    found = compare(view(members("x")), view(_renumbered(members("x"))), rules())
    assert found.truncated
    assert sum(len(difference.path) for difference in found.differences) < 3_000_000


def _renumbered(value: Any) -> Any:
    node = value
    while isinstance(node, dict):
        node["c"] = Number("2")
        node = node["a"]
    return value


def test_what_only_one_side_has_may_be_deep():
    found = compare(view([lists("x"), Number("1")]), view([Number("1")]), rules())
    assert [difference.path for difference in found.differences] == [(), (0,)]
    assert len(compare(view([lists("x")]), view([lists("y"), Number("1")]), rules()).differences) == 2


def test_a_print_of_something_deep():
    prints = Prints()
    assert prints.of(lists("x")) != prints.of(lists("y"))
