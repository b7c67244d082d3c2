"""What holds of any two answers: nothing differs from itself, no side is special, and rules only remove."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from strangler.core.compare.compare import compare
from strangler.core.compare.rules import NO_RULES, Rules
from strangler.core.compare.view import Comparison, View
from strangler.core.document import Content, Document, Element
from strangler.core.exact import Number
from tests.unit.core.compare.given import rules

NAMES = st.sampled_from(["a", "b", "id", "k"])
NUMBERS = st.sampled_from(["0", "-0", "1", "1.0", "2", "10", "1e1", "0.1", "1e400", "-7"]).map(Number)
LEAVES = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "a", "A", "a/", " a", "1", "2024-01-01T00:00:00Z", "null"])
VALUES = st.recursive(
    LEAVES, lambda inside: st.lists(inside, max_size=5) | st.dictionaries(NAMES, inside, max_size=4), max_leaves=25
)
ATTRIBUTES = st.dictionaries(NAMES, st.sampled_from(["x", "y"]), max_size=2)
TEXTS = st.sampled_from([" ", "t", "u ", "\n"])
ELEMENTS = st.recursive(
    st.builds(Element, NAMES, ATTRIBUTES),
    lambda inside: st.builds(Element, NAMES, ATTRIBUTES, st.lists(inside | TEXTS, max_size=5).map(tuple)),
    max_leaves=15,
)
DOCUMENTS = st.one_of(
    st.builds(Document, st.just(Content.JSON), VALUES),
    st.builds(Document, st.sampled_from([Content.XML, Content.HTML]), ELEMENTS),
    st.builds(Document, st.just(Content.FORM), st.lists(st.tuples(NAMES, st.sampled_from(["", "1", "2"])), max_size=6)),
    st.builds(Document, st.just(Content.TEXT), st.text("ab\n ", max_size=12)),
    st.builds(Document, st.just(Content.BYTES), st.binary(max_size=3), st.sampled_from(["", "not JSON"])),
    st.just(Document(Content.NONE)),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "location", "set-cookie", "x"]),
        st.sampled_from(["a=1", "a=2; path=/", "b=1; Path=/; x", "text/html", 'a/b; c="d;"', ""]),
    ),
    max_size=4,
).map(tuple)
VIEWS = st.builds(View, st.sampled_from([200, 404]), HEADERS, DOCUMENTS)

PATTERNS = st.sampled_from(
    ["$", "$.a", "$.b", "$..id", "$[*]", "$.a[*]", "$.*.a", "$..*", "$[0]", "$['#text']", "$..a", "$.a['@k']"]
)
RULES = [
    'compare: {headers: [content-type, set-cookie, x], ignore: ["$.a", "$[*].id", "$..[\'@a\']"]}',
    'compare: {unordered: [$..a, "$[*]"]}',
    "compare: {unordered: [{path: $..a, key: id}, {path: $, key: a}]}",
    "compare: {treat_equal: [null_missing, empty_null, number_string, case, trailing_slash, whitespace]}",
    'compare: {tolerance: [{path: "$..*", abs: 1, seconds: 2}]}',
    'compare: {unordered: ["$", "$..*"], treat_equal: [case, null_missing], ignore: ["$..id"]}',
    'noise: {fields: [{path: "$..a", kind: value}, {path: "$..*", kind: token}, {path: "$", kind: order}]}',
]
RULED = st.sampled_from([NO_RULES, *map(rules, RULES)])
FIXED = st.sampled_from([NO_RULES, *(rules(keys) for keys in RULES if "unordered" not in keys)])


def key(value: Any) -> Any:
    """A value that can be counted, and is another one for another type."""
    return type(value).__name__, repr(value)


def counted(comparison: Comparison, swapped: bool = False) -> tuple[Counter[Any], Counter[Any]]:
    def told(difference: Any) -> Any:
        found = difference.swapped() if swapped else difference
        return found.path, found.kind, key(found.control), key(found.candidate)

    ignored = Counter((told(difference), rule) for difference, rule in comparison.ignored)
    return Counter(map(told, comparison.differences)), ignored


@given(VIEWS, RULED)
def test_nothing_differs_from_itself(one: View, ruled: Rules):
    assert compare(one, one, ruled) == Comparison()


@given(VIEWS, VIEWS, RULED)
def test_no_side_is_special(one: View, other: View, ruled: Rules):
    assert counted(compare(one, other, ruled)) == counted(compare(other, one, ruled), swapped=True)


@given(VALUES, VALUES, RULED)
def test_no_side_is_special_for_json(one: Any, other: Any, ruled: Rules):
    views = [View(200, (), Document(Content.JSON, value)) for value in (one, other)]
    assert counted(compare(*views, ruled)) == counted(compare(*reversed(views), ruled), swapped=True)


@given(st.lists(VALUES, max_size=8), st.lists(VALUES, max_size=8))
def test_no_side_is_special_for_lists(one: list[Any], other: list[Any]):
    views = [View(200, (), Document(Content.JSON, value)) for value in (one, other)]
    assert counted(compare(*views, NO_RULES)) == counted(compare(*reversed(views), NO_RULES), swapped=True)


FEW = st.sampled_from(["a", "b", "c"])
REPEATING = st.lists(FEW, max_size=9) | st.lists(st.fixed_dictionaries({"k": FEW, "v": FEW}), max_size=7)


@example(list("ac"), list("bca"))
@example(list("cba"), list("bc"))
@example(list("aba"), list("bab"))
@given(REPEATING, REPEATING)
def test_no_side_is_special_where_many_alignments_are_as_good(one: list[Any], other: list[Any]):
    views = [View(200, (), Document(Content.JSON, value)) for value in (one, other)]
    assert counted(compare(*views, NO_RULES)) == counted(compare(*reversed(views), NO_RULES), swapped=True)


@given(DOCUMENTS, DOCUMENTS, FIXED)
def test_rules_only_say_what_does_not_count(one: Document, other: Document, ruled: Rules):
    views = [View(200, (), document) for document in (one, other)]
    without, ruling = counted(compare(*views, NO_RULES))[0], compare(*views, ruled)
    differences, ignored = counted(ruling)
    allowed = Counter({told: 0 for told, _ in ignored})
    for (told, _), times in ignored.items():
        allowed[told] += times
    assert differences + allowed == without


@given(st.lists(VALUES, max_size=8).flatmap(lambda items: st.tuples(st.just(items), st.permutations(items))))
def test_an_unordered_list_has_no_order(lists: tuple[list[Any], list[Any]]):
    views = [View(200, (), Document(Content.JSON, {"a": value})) for value in lists]
    assert compare(*views, rules("compare: {unordered: [$.a]}")).differences == ()


@given(VALUES, VALUES)
def test_what_differs_is_found(one: Any, other: Any):
    """No difference means that the values are equal, but for the spelling of numbers."""
    views = [View(200, (), Document(Content.JSON, value)) for value in (one, other)]
    found = compare(*views, NO_RULES).differences
    assert bool(found) == (spelt(one) != spelt(other))


def spelt(value: Any) -> Any:
    """A value in which equal numbers are equal, and nothing else is that was not."""
    if isinstance(value, dict):
        return {name: spelt(member) for name, member in value.items()}
    if isinstance(value, list):
        return [spelt(item) for item in value]
    return (Number, float(value)) if isinstance(value, Number) else (type(value), value)
