"""What goes to the terminal: nothing from outside moves its cursor, and no number says more than it knows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.cli.terminal import age, clean, count, share, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 漢 😀", "plain é 漢 😀"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\r\t\x00", "two\\nlines\\r\\t\\x00"),
        ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
        ("zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"),
        ("\ud800", "\\ud800"),
        ("[bold]markup[/]", "[bold]markup[/]"),
    ],
)
def test_what_cannot_be_seen_is_shown_by_its_code(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_everything_becomes_one_printable_line(text: str) -> None:
    assert clean(text).isprintable()


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "– %"),
        (0, 9, "0 %"),
        (9, 9, "100 %"),
        (12_380, 12_480, "99.2 %"),
        (12_479, 12_480, "99.99 %"),
        (9_999_999, 10_000_000, "> 99.9999 %"),
        (1, 100_000, "0.001 %"),
        (1, 10**9, "< 0.0001 %"),
    ],
)
def test_a_share(part: int, whole: int, shown: str) -> None:
    assert share(part, whole) == shown


@given(st.integers(1, 10**9), st.data())
def test_not_all_is_never_shown_as_all_and_something_never_as_nothing(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    shown = share(part, whole)
    assert (shown == "100 %") == (part == whole)
    assert (shown == "0 %") == (part == 0)


def test_small_words() -> None:
    assert [age(seconds) for seconds in (0, 59, 60, 3 * 3600 + 5, 200_000)] == ["0 s", "59 s", "1 min", "3 h", "2 d"]
    assert [count(1, "pair"), count(1200, "pair"), count(2, "mismatch", "mismatches")] == [
        "1 pair",
        "1,200 pairs",
        "2 mismatches",
    ]
    assert [shorten("abcdef", 4), shorten("abcd", 4)] == ["abc…", "abcd"]
