"""From two answers to causes, and causes in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.causes import causes_of, transform_of, words
from strangler.core.causes.cause import MORE, MOST
from strangler.core.compare.compare import compare
from strangler.core.compare.rules import NO_RULES
from strangler.core.compare.view import Comparison, View
from strangler.core.difference import Difference, Kind
from strangler.core.document import Content, Document
from strangler.core.exact import Number, parse
from strangler.core.records import Cause


def view(body: str, status: int = 200, **headers: str) -> View:
    return View(status, tuple(headers.items()), Document(Content.JSON, parse(body.encode())))


def causes(control: View, candidate: View) -> list[tuple[str, str, str]]:
    found = causes_of(compare(control, candidate, NO_RULES), control.document, candidate.document)
    return [(cause.pattern, cause.kind.value, cause.transform) for cause in found]


CASES = [
    # control, candidate, causes
    ('{"a":1}', '{"a":1}', []),
    ('{"total":12.5}', '{"total":"1250"}', [("$.total", "type", "number_to_string+times_100")]),
    ('{"a":null,"b":[],"c":1}', '{"c":1}', [("$.a", "missing", "null_missing"), ("$.b", "missing", "empty_missing")]),
    ('{"c":1}', '{"c":1,"a":null}', [("$.a", "extra", "null_missing")]),
    ('{"c":1,"d":2}', '{"c":1}', [("$.d", "missing", "")]),
    # once per pair, however many items
    ('[{"p":1.5},{"p":2.5},{"p":3.5}]', '[{"p":"1.5"},{"p":"2.5"},{"p":"3.5"}]', [("$[*].p", "type", "number_to_string")]),
    # a weak sample is believed where a better one shows the same transform, and only there
    ('[{"p":12.5},{"p":1}]', '[{"p":1250},{"p":100}]', [("$[*].p", "value", "times_100")]),
    ('[{"p":1},{"p":2}]', '[{"p":100},{"p":200}]', [("$[*].p", "value", "")]),
    ('{"p":12.5,"q":1}', '{"p":1250,"q":100}', [("$.p", "value", "times_100"), ("$.q", "value", "")]),
    # where two are at work, one of them may have nothing to do
    ('[{"p":12.5},{"p":13.579}]', '[{"p":"12.5"},{"p":"13.58"}]', [("$[*].p", "type", "number_to_string+rounded")]),
    ('[{"p":"a"},{"p":"B "}]', '[{"p":"A"},{"p":"b"}]', [("$[*].p", "value", "whitespace+case")]),
    # lists
    ('{"l":["a","b","c"]}', '{"l":["c","a","b"]}', [("$.l", "order", "reordered")]),
    # renames
    ('{"customer_id":7,"x":1}', '{"customerId":7,"x":1}',
     [("$.customer_id", "missing", "renamed_key"), ("$.customerId", "extra", "renamed_key")]),
    ('{"customer_id":7}', '{"customerId":"7"}',
     [("$.customer_id", "missing", "renamed_key+number_to_string"), ("$.customerId", "extra", "renamed_key+number_to_string")]),
    ('{"surname":"Orr"}', '{"family":"Orr"}', [("$.surname", "missing", "renamed_key"), ("$.family", "extra", "renamed_key")]),
    ('{"a_b":{"c_d":1}}', '{"aB":{"cD":1}}', [("$.a_b", "missing", "renamed_key"), ("$.aB", "extra", "renamed_key")]),
    ('{"a":true}', '{"b":true}', [("$.a", "missing", ""), ("$.b", "extra", "")]),
    ('{"a":null}', '{"b":null}', [("$.a", "missing", "null_missing"), ("$.b", "extra", "null_missing")]),
    ('{"a":"Miller","b":"Miller"}', '{"c":"Miller","d":"Miller"}',
     [("$.a", "missing", ""), ("$.b", "missing", ""), ("$.c", "extra", ""), ("$.d", "extra", "")]),
    ('{"a":5,"b":70}', '{"c":5,"d":70}',
     [("$.a", "missing", ""), ("$.b", "missing", ""), ("$.c", "extra", ""), ("$.d", "extra", "")]),
    ('{"customer_id":7}', '{"customerId":8}', [("$.customer_id", "missing", ""), ("$.customerId", "extra", "")]),
    # an envelope
    ('{"a":1,"b":2}', '{"data":{"a":1,"b":2}}',
     [("$.a", "missing", "wrapped"), ("$.b", "missing", "wrapped"), ("$.data", "extra", "wrapped")]),
    ('{"data":[1]}', "[1]", [("$", "type", "unwrapped")]),
]  # fmt: skip


@pytest.mark.parametrize(("control", "candidate", "expected"), CASES, ids=range(len(CASES)))
def test_causes(control, candidate, expected):
    assert causes(view(control), view(candidate)) == expected


def test_the_status_comes_first_and_headers_last():
    control = view('{"a":1}', 200, location="http://legacy/a/1")
    candidate = view('{"a":2}', 404, location="http://modern/a/1")
    assert causes(control, candidate) == [("status", "status", ""), ("$.a", "value", ""), ("location", "header", "url_host")]


def test_many_causes_are_capped():
    control = view("{" + ",".join(f'"f{chr(97 + at // 26)}{chr(97 + at % 26)}":1' for at in range(100)) + "}")
    found = causes_of(compare(control, view("{}"), NO_RULES), control.document, view("{}").document)
    assert len(found) == MOST + 1
    assert found[-1] == MORE


def test_what_is_nested_deep_is_nothing_special():
    one, other = Number("1"), Number("2")
    for _ in range(5_000):
        one, other = {"x": one}, {"x": other}
    control, candidate = (View(200, (), Document(Content.JSON, {"a": value})) for value in (one, other))
    assert causes(control, candidate) == [("$.a" + ".x" * 59 + "..*", "value", "")]
    assert causes(control, View(200, (), Document(Content.JSON, {"b": one}))) == [
        ("$.a", "missing", "renamed_key"),
        ("$.b", "extra", "renamed_key"),
    ]


def test_one_difference_alone():
    empty = Document(Content.JSON, {})
    assert transform_of(Difference(("a",), Kind.VALUE, "A", "a"), empty, empty) == "case"
    gone, come = Difference(("a_b",), Kind.MISSING, "x"), Difference(("aB",), Kind.EXTRA, None, "x")
    assert transform_of(gone, empty, empty) == ""
    assert transform_of(gone, empty, empty, come) == "renamed_key"


WORDS = [
    (Cause("$.total", Kind.TYPE, "number_to_string"), "$.total: number became a string"),
    (Cause("$.total", Kind.TYPE, "number_to_string+times_100"), "$.total: number became a string, and is 100 times as large"),
    (Cause("$.items", Kind.LENGTH), "$.items: length of the list"),
    (Cause("$.items", Kind.ORDER, "reordered"), "$.items: same items in another order"),
    (Cause("cache-control", Kind.HEADER), "header cache-control: differs"),
    (Cause("status", Kind.STATUS), "status differs"),
    (Cause("$.a", Kind.MISSING), "$.a: missing"),
    (Cause("$.a", Kind.EXTRA, "null_missing"), "$.a: null on one side, missing on the other"),
    (Cause("$.a", Kind.VALUE, "of_tomorrow"), "$.a: of_tomorrow"),
    (MORE, "and more"),
]


@pytest.mark.parametrize(("cause", "clause"), WORDS)
def test_causes_in_words(cause, clause):
    assert words(cause) == clause


def test_every_difference_has_a_cause_whose_pattern_is_its_own():
    made = (Difference(("l",), Kind.LENGTH, 1, 2), Difference(("l", 1), Kind.EXTRA, None, "x"))
    document = Document(Content.JSON, {"l": ["a"]})
    assert causes_of(Comparison(made), document, document) == (Cause("$.l[*]", Kind.EXTRA), Cause("$.l", Kind.LENGTH))


def test_what_comes_after_a_thousand_differences_is_taken_for_the_same():
    control = view('{"l":[' + ",".join(f'{{"p":{at}}}' for at in range(1500)) + '],"z":1}')
    candidate = view('{"l":[' + ",".join(f'{{"p":"{at}"}}' for at in range(1500)) + '],"z":2}')
    assert causes(control, candidate) == [("$.l[*].p", "type", "number_to_string"), ("$.z", "value", "")]


LEAVES = st.one_of(
    st.none() | st.booleans() | st.text(max_size=20),
    st.from_regex(r"-?(0|[1-9]\d{0,30})(\.\d{1,20})?([eE][+-]?\d{1,5})?", fullmatch=True).map(Number),
    st.sampled_from(
        ["0001-01-01T00:00:00", "9999-12-31T23:59:59-14:00", "99/99/9999", "1717243200", "[1]", "{", "/a/", "//", "\ud800"]
    ),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a_b", "aB", "price", "17"]), inner),
    max_leaves=9,
)


@given(VALUES, VALUES)
def test_whatever_differs_has_causes_with_words(one, other):
    control, candidate = (View(200, (), Document(Content.JSON, value)) for value in (one, other))
    comparison = compare(control, candidate, NO_RULES)
    found = causes_of(comparison, control.document, candidate.document)
    assert bool(found) == bool(comparison.differences)
    assert all(words(cause) for cause in found)
    assert {str(one.kind) for one in comparison.differences} == {str(cause.kind) for cause in found}
