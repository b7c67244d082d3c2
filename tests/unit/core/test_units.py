"""Durations, sizes and percentages: what is read, what is refused and how, and the way back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.units import (
    Share,
    format_duration,
    format_percent,
    parse_duration,
    parse_percent,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("5s", 5), ("5 s", 5), ("10m", 600), ("1.5h", 5400), ("14d", 1_209_600), ("0s", 0), ("0.5ms", 0.0005)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [("512B", 512), ("64KB", 64_000), ("1MiB", 1_048_576), ("1.5KiB", 1536), ("2 GiB", 2**31), ("1TB", 10**12), ("0B", 0)],
)
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize(("text", "share"), [("0%", 0), ("12.5%", 0.125), ("100%", 1), ("99.9 %", 0.999), ("0.001%", 0.00001)])
def test_percentages(text, share):
    assert parse_percent(text) == share


REFUSED = [
    (parse_duration, "30", "30 has no unit: write 30s, or whatever is meant (250ms, 5s, 10m, 1h or 14d)"),
    (parse_duration, "5 sec", "'5 sec' is not a duration: write 250ms, 5s, 10m, 1h or 14d"),
    (parse_duration, "-5s", "'-5s' is not a duration"),
    (parse_duration, "5S", "'5S' is not a duration"),
    (parse_duration, "1h30m", "'1h30m' is not a duration"),
    (parse_duration, "1:30", "'1:30' is not a duration"),
    (parse_duration, "٣s", "'٣s' is not a duration"),
    (parse_duration, "5\ts", "is not a duration"),
    (parse_duration, "inf", "'inf' is not a duration"),
    (parse_duration, "", "'' is not a duration"),
    (parse_duration, "1000000d", "'1000000d' is longer than a hundred years"),
    (parse_size, "1024", "1024 has no unit: write 1024KiB, or whatever is meant (512B, 64KB, 1MiB or 2GiB)"),
    (parse_size, "1M", "'1M' is not a size: write 512B, 64KB, 1MiB or 2GiB"),
    (parse_size, "1mb", "'1mb' is not a size"),
    (parse_size, "0.3B", "'0.3B' is not a whole number of bytes"),
    (parse_size, "999999999999TB", "'999999999999TB' is more than any disk holds"),
    (parse_percent, "5", "5 has no unit: write 5%, or whatever is meant (5%, 12.5% or 100%)"),
    (parse_percent, "0.05", "0.05 has no unit: write 0.05%, or whatever is meant"),
    (parse_percent, "101%", "'101%' is more than 100%"),
    (parse_percent, "100.000000001%", "'100.000000001%' is more than 100%"),
    (parse_percent, "-1%", "'-1%' is not a percentage"),
    (parse_percent, "5%%", "'5%%' is not a percentage"),
]


@pytest.mark.parametrize(("parse", "text", "message"), REFUSED)
def test_refusals_say_what_to_write(parse, text, message):
    with pytest.raises(ValueError) as refused:
        parse(text)
    assert message in str(refused.value)


@given(st.integers(0, 10**12).map(lambda whole: Decimal(whole) / 10**10))
def test_a_percentage_reads_back_as_itself(percent):
    share = parse_percent(f"{percent:f}%")
    assert parse_percent(format_percent(share)) == share


@given(st.decimals(0, 3_000_000_000, places=3))
def test_a_duration_reads_back_as_itself(seconds):
    parsed = parse_duration(f"{seconds:f}s")
    assert parse_duration(format_duration(parsed)) == parsed


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.1, "10%"),
        (0.125, "12.5%"),
        (0.07, "7%"),
        (0.29, "29%"),
        (0.999, "99.9%"),
        (1e-7, "0.00001%"),
    ],
)
def test_percentages_are_shown_short(share, text):
    assert format_percent(Share(share)) == text


@pytest.mark.parametrize(
    ("text", "shown"), [("3600s", "1h"), ("90s", "90s"), ("1.5s", "1500ms"), ("48h", "2d"), ("0m", "0s"), ("0.25ms", "0.25ms")]
)
def test_durations_are_shown_in_the_largest_whole_unit(text, shown):
    assert format_duration(parse_duration(text)) == shown
