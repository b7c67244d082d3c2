"""Patterns against concrete paths, and that they do not cost more the more there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.compare.patterns import Patterns, matches
from strangler.core.jsonpath import Pattern, Step, parse_pattern

CASES = [
    # pattern, paths that it names, paths that it does not
    ("$", [()], [("a",), (0,)]),
    ("$.a", [("a",)], [(), ("b",), ("a", "a"), (0,)]),
    ("$.a[0]", [("a", 0)], [("a", 1), ("a", "0")]),
    ("$.items[*].id", [("items", 0, "id"), ("items", 7, "id"), ("items", "x", "id")], [("items", "id"), ("items", 0)]),
    ("$.*", [("a",), (3,)], [(), ("a", "b")]),
    ("$..id", [("id",), ("a", "id"), ("a", 3, "b", "id"), ("id", "id")], [(), ("id", "a")]),
    ("$.a..b", [("a", "b"), ("a", 0, "b"), ("a", "b", "b")], [("b",), ("c", "a", "b"), ("a",)]),
    ("$..a.b", [("a", "b"), ("a", "a", "b")], [("a", "c", "b")]),
    ("$..*", [("a",), (0, "b")], [()]),
    ("$['odd name'][1]", [("odd name", 1)], [("odd name", 0)]),
    ("$..['odd name']", [("x", "odd name")], [("x",)]),
]


@pytest.mark.parametrize(("pattern", "named", "others"), CASES, ids=[case[0] for case in CASES])
def test_patterns(pattern, named, others):
    parsed = parse_pattern(pattern)
    assert [path for path in named + others if matches(parsed, path)] == named


STEPS = st.builds(Step, st.sampled_from(["a", "b", 0, 1, None]), st.booleans())
ANY_PATTERNS = st.lists(STEPS, max_size=5).map(lambda steps: Pattern("", tuple(steps)))
PATHS = st.lists(st.sampled_from(["a", "b", "c", 0, 1, 2]), max_size=6).map(tuple)


def named_by(steps: tuple[Step, ...], path: tuple[str | int, ...]) -> bool:
    """What a pattern means, said in the simplest way."""
    if not steps:
        return not path
    first, rest = steps[0], steps[1:]
    starts = range(len(path)) if first.deep else range(min(1, len(path)))
    return any(first.key in (None, path[at]) and named_by(rest, path[at + 1 :]) for at in starts)


@given(st.lists(ANY_PATTERNS, max_size=6), PATHS)
def test_all_patterns_together_name_what_each_does(patterns, path):
    found = Patterns(patterns, lambda matched: matched).at(path).here
    assert found == tuple(index for index, pattern in enumerate(patterns) if named_by(pattern.steps, path))


def test_a_large_document_meets_few_states():
    patterns = [parse_pattern(text) for n in range(10) for text in (f"$..f{n}", f"$.items[*].m{n}.x")]
    found = Patterns(patterns, len)
    states = {found.at(("items", index, f"m{index % 12}", name)) for index in range(2000) for name in ("x", "y", "f3")}
    assert len(states) <= 12  # of 6,000 places


def test_below_the_last_match_nothing_is_looked_at():
    found = Patterns([parse_pattern("$.a.b")], len)
    assert (found.root.live, found.at(("a",)).live, found.at(("a", "b")).live, found.at(("c",)).live) == (
        True,
        True,
        False,
        False,
    )
    assert found.at(("c", "d")) is found.at(("x",))
