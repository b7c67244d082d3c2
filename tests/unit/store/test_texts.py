"""Texts from outside: kept as they are where that is possible, told apart where it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.store.text import LONGEST, clean, digest

ANY = st.text(st.characters(codec=None), max_size=LONGEST * 2)


@pytest.mark.parametrize("text", ["", "plain", "$.items[*].price", "é😀", "x" * LONGEST])
def test_what_can_be_kept_is_kept(text: str) -> None:
    assert clean(text) == text


@given(ANY)
def test_everything_becomes_short_and_fit(text: str) -> None:
    cleaned = clean(text)
    assert len(cleaned) <= LONGEST
    assert "\x00" not in cleaned
    assert cleaned.encode().decode() == cleaned
    assert clean(cleaned) == cleaned


@given(ANY, ANY)
def test_texts_that_differ_still_do(one: str, other: str) -> None:
    assert (clean(one) == clean(other)) is (one == other)


@pytest.mark.parametrize(("one", "other"), [("a\x00", "a\ud800"), ("x" * 400, "x" * 401), ("\x00", "\ufffd")])
def test_texts_that_are_alike_when_cut(one: str, other: str) -> None:
    assert clean(one) != clean(other)


def test_ids_are_eight_hexadecimal_digits_for_the_parts_in_their_order() -> None:
    ids = {digest("a", "b"), digest("b", "a"), digest("ab"), digest("a", "b", "0"), digest("\ud800")}
    assert len(ids) == 5
    assert all(len(id) == 8 and int(id, 16) >= 0 for id in ids)
