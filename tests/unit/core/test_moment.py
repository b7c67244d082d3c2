"""Times as answers write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from strangler.core.exact import Number
from strangler.core.moment import read

NOON = 1_717_243_200  # 2024-06-01T12:00:00Z

READ = [
    # value, seconds since 1970, form
    ("2024-06-01T12:00:00Z", NOON, "T Z"),
    ("2024-06-01T12:00Z", NOON, "T Z"),
    ("2024-06-01 12:00:00", NOON, ""),
    ("2024-06-01T14:00:00+02:00", NOON, "T +"),
    ("2024-06-01T14:00:00+0200", NOON, "T +"),
    ("2024-06-01T14:00:00+02", NOON, "T +"),
    ("2024-06-01T05:30:00.25-06:30", Decimal(NOON) + Decimal("0.25"), "T +"),
    ("2024-06-01", NOON - 43200, "date"),
    ("Sat, 01 Jun 2024 12:00:00 GMT", NOON, "http"),
    ("1 Jun 2024 14:00:00 +0200", NOON, "http"),
    (Number("1717243200"), NOON, "s number"),
    (Number("1717243200.5"), Decimal(NOON) + Decimal("0.5"), "s number"),
    ("1717243200", NOON, "s text"),
    (Number("1717243200000"), NOON, "ms number"),
    (Number("1717243200000000"), NOON, "us number"),
    (Number("1717243200000000000"), NOON, "ns number"),
]


@pytest.mark.parametrize(("value", "instant", "form"), READ)
def test_times_are_read(value, instant, form):
    moment = read(value)
    assert moment is not None
    assert (moment.instant, moment.form) == (instant, form)


@pytest.mark.parametrize(
    "value",
    ["", "2024-13-01", "2024-02-30T00:00:00Z", "2024-06-01T24:00:00Z", "2024-06-01T12:60:00Z", "2024-06-01T12:00:00+2:00",
     "32 Jun 2024 14:00:00 GMT", "0000-01-01", "12:00:00", "4915112345", "x" * 100_000, "٢٠٢٤-06-01", Number("1"),
     Number("17172432000"), Number("-1717243200"), Number("1e9"), 1717243200, 1.5, None, True, [], {}, b"2024-06-01"],
)  # fmt: skip
def test_what_is_no_time_is_not_read(value):
    assert read(value) is None
