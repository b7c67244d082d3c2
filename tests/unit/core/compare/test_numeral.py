"""Numbers by their digits, and times by what they mean."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.compare import instant
from strangler.core.compare.numeral import is_number, plain, same, within

SPELLINGS = [
    ("0", ["-0", "0.0", "0e5", "-0.00E-7", "0e99999999999"]),
    ("1", ["1.0", "1e0", "10e-1", "0.1e1", "0.0001E+4"]),
    ("-1500", ["-1.5e3", "-15e2", "-1500.00"]),
    ("0.05", ["5e-2", "0.050"]),
    ("1e20", ["100000000000000000000", "10e19"]),
    ("1e999999999", ["10e999999998", "0.1e1000000000"]),
    ("123456789012345678901", ["123456789012345678901.0"]),
]


@pytest.mark.parametrize(("number", "spellings"), SPELLINGS)
def test_spellings_of_one_number(number, spellings):
    assert {plain(spelling) for spelling in spellings} == {plain(number)}


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_are_the_same_as_decimals_are(one: Decimal, other: Decimal):
    assert (plain(str(one)) == plain(str(other))) == (one == other)


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,22})(\.[0-9]{1,22})?([eE][+-]?[0-9]{1,2})?", fullmatch=True))
def test_the_plain_spelling_is_the_same_number_and_stays(text: str):
    assert plain(plain(text)) == plain(text)
    assert Decimal(plain(text)) == Decimal(text)


@pytest.mark.parametrize("text", ["", "x", "01", "1.", ".5", "+1", "1e", "NaN", "Infinity", "٣", " 1", "0x1", "1_000", "-"])
def test_what_is_no_number(text):
    assert not is_number(text)
    assert not same(text, text)


@pytest.mark.parametrize(
    ("control", "candidate", "distance", "expected"),
    [
        ("0.1", "0.2", 0.1, True),
        ("0.1", "0.2000000000000000000000000001", 0.1, False),
        ("9223372036854775809", "9223372036854775810", 0.5, False),
        ("1e999999999999999999", "1", 1, False),
        ("1e9999999999999999999999", "1", 1, False),
        ("1e-9999999999999999999999", "0", 1, False),
        ("1e-999999999", "0", 0.1, True),
        ("x", "1", 1, False),
    ],
)
def test_distances(control, candidate, distance, expected):
    assert within(control, candidate, distance) is expected
    assert within(candidate, control, distance) is expected


TIMES = [
    ("1970-01-01T00:00:01Z", "1"),
    ("1970-01-01T01:00:01+01:00", "1"),
    ("1970-01-01 00:00:01", "1"),
    ("1970-01-01T00:00:01.250Z", "1.250"),
    ("1970-01-01T00:00:01,5+0000", "1.5"),
    ("1970-01-01T00:00:01.123456789Z", "1.123456789"),
    ("1970-01-02", "86400"),
    ("1970-01-01T00:01", "60"),
    ("1970-01-01T00:00:01 +00", "1"),
    ("Thu, 01 Jan 1970 00:00:01 GMT", "1"),
    ("1704103200", "1704103200"),
    ("1704103200.5", "1704103200.5"),
    ("1704103200000", "1704103200"),
    *((text, None) for text in ("", "x", "1970-13-01", "1970-01-01T25:00:00Z", "1e10", "1e-99999999999999999999", "9" * 60, "-",
                                "Thu, 01 Foo 1970 00:00:01 GMT", "Thu, 99 Jan 1970 00:00:01 GMT", "9999999999999999",
                                "0001-01-01T00:00:00+23:59:59", "٢٠٢٤-01-01")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), TIMES)
def test_times(text, expected):
    assert instant.seconds(text) == (None if expected is None else Decimal(expected))


@given(st.text(max_size=40) | st.from_regex(r"[0-9T:.+Z -]{0,30}", fullmatch=True))
def test_no_text_is_too_odd_for_a_time(text: str):
    assert instant.seconds(text) is None or instant.within(text, text, 0)
