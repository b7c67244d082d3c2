"""What stays checked of a value that is accepted as noise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.exact import Number, parse
from strangler.core.noise import KINDS, has_shape

ONE = "6f1c9a52-0c1e-4d6e-9c5b-0a4b7d1f2e3a"
TWO = "0e8d1b77-9a53-4f7e-8b1c-5d2c3f4a6b90"

ALIKE = {
    "clock": [
        ("2024-06-01T12:00:00Z", "2024-06-01T12:00:03Z"),
        ("2024-06-01T12:00:00.1Z", "2024-06-01T11:00:03Z"),
        ("2024-06-01T14:00:00+02:00", "2024-06-01T12:00:01+00:00"),
        (Number("1717243200"), Number("1717243209")),
        ("Sat, 01 Jun 2024 12:00:00 GMT", "Sat, 01 Jun 2024 12:00:01 GMT"),
    ],
    "uuid": [(ONE, TWO), (ONE.upper(), TWO.upper()), (ONE.replace("-", ""), TWO.replace("-", "")), (f"{{{ONE}}}", f"{{{TWO}}}")],
    "token": [
        ("9f86d081884c7d65", "60303ae22b998861"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "czZCaGRSa3F0M19zMTIzNA=="),
        ("Zm9vYmFyYmF6cXV4eA", "Zm9-YmFyYm_6cXV4eA"),
        ("aaaa.bbbb.cccc", "dddd.eeee.ffff"),
        ("12345678", "1234567f"),
    ],
    "counter": [(Number("1"), Number("2")), ("7", "12"), (Number("0"), Number("10")), (Number("-3"), Number("-2"))],
    "order": [(["a", "b"], ["b", "a"]), ([{"x": Number("1"), "y": None}, True], [True, {"y": None, "x": Number("1")}])],
    "value": [("a", "b"), (Number("1"), Number("2.5")), (True, False), ([None], ["x"])],
}
UNLIKE = {
    "clock": [
        ("2024-06-01T12:00:00Z", "2024-06-03T12:00:00Z"),
        ("2024-06-01T12:00:00Z", "2024-06-01T12:00:00"),
        ("2024-06-01T12:00:00Z", "2024-06-01 12:00:00Z"),
        ("2024-06-01T12:00:00Z", "2024-06-01"),
        ("2024-06-01T12:00:00Z", Number("1717243200")),
        (Number("1717243200"), Number("1717243200000")),
        (Number("1717243200"), "1717243200"),
        ("2024-06-01T12:00:00Z", ""),
        ("2024-06-01T12:00:00Z", None),
    ],
    "uuid": [(ONE, TWO.upper()), (ONE, TWO.replace("-", "")), (ONE, f"{{{TWO}}}"), (ONE, ""), (ONE, None), (ONE, TWO[:-1])],
    "token": [
        ("9f86d081884c7d65", "9f86d081"),
        ("9f86d081884c7d65", "60303AE22B998861"),
        ("9f86d081884c7d659f86d081884c7d65", "12345678123456781234567812345678"),
        ("9f86d081884c7d65", "zx86d081884c7dkk"),
        ("9f86d081884c7d65", "not a token xxxx"),
        ("aaaa.bbbb.cccc", "aaaa.bbbb_cccc"),
        ("9f86d081884c7d65", Number("9860810884070651")),
        ("abc", ""),
    ],
    "counter": [(Number("1"), Number("1.0")), (Number("1"), "1"), (Number("1"), Number("-1")), ("1", "01"), ("1", "x")],
    "order": [(["a", "b"], ["b"]), (["a", "a", "b"], ["a", "b", "b"]), ([Number("1")], ["1"]), ([], {})],
    "value": [("a", ""), ("1", Number("1")), ("a", None), ([], [None])],
    "other": [("a", "b")],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "one", "other"), [(kind, *pair) for kind, pairs in ALIKE.items() for pair in pairs])
def test_of_one_shape(kind, one, other):
    assert has_shape(kind, one, other)
    assert has_shape(kind, other, one)


@pytest.mark.parametrize(("kind", "one", "other"), [(kind, *pair) for kind, pairs in UNLIKE.items() for pair in pairs])
def test_not_of_one_shape(kind, one, other):
    assert not has_shape(kind, one, other)
    assert not has_shape(kind, other, one)


def test_items_that_are_nested_deep_are_items_like_others():
    deep = ["x"]
    for _ in range(20_000):
        deep = [deep]
    assert has_shape("order", [deep, "a"], ["a", deep])
    assert not has_shape("order", [deep, "a"], ["a", [deep]])


def test_a_number_of_thousands_of_digits_is_no_counter():
    assert not has_shape("counter", parse(b"1" * 5000), parse(b"2" * 5000))


VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers().map(lambda n: Number(str(n))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(KINDS)), VALUES, VALUES)
def test_shape_does_not_depend_on_the_side(kind, one, other):
    assert has_shape(kind, one, other) == has_shape(kind, other, one)
