"""Chunks tile the keys without gap or overlap."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.databases.chunk import Chunk, tile

NUMBERS = st.tuples(st.integers(-5, 5)) | st.tuples(st.integers(-(2**63), 2**63 - 1))
PAIRS = st.tuples(st.integers(-3, 3), st.text("ab", max_size=2))


def boundary(keys, size):
    ordered = sorted(keys)

    def find(low):
        start = 0 if low is None else bisect_left(ordered, low)
        return ordered[start + size] if start + size < len(ordered) else None

    return find


@given(st.one_of(st.sets(NUMBERS), st.sets(PAIRS)), st.integers(1, 4))
def test_every_key_is_in_exactly_one_chunk(keys, size):
    chunks = list(tile(boundary(keys, size)))
    assert all(sum(key in chunk for chunk in chunks) == 1 for key in keys)
    assert all(sum(key in chunk for key in keys) <= size for chunk in chunks)


@given(st.sets(NUMBERS), st.integers(1, 4), NUMBERS)
def test_a_key_that_nobody_knew_of_is_in_exactly_one_chunk_too(keys, size, key):
    assert sum(key in chunk for chunk in tile(boundary(keys, size))) == 1


def test_the_ends_are_open_and_the_edges_shared():
    chunks = list(tile(boundary([(1,), (2,), (3,)], 1)))
    assert chunks == [Chunk(None, (2,)), Chunk((2,), (3,)), Chunk((3,), None)]


def test_a_boundary_that_stands_still_is_an_error():
    with pytest.raises(ValueError, match="the chunk after 5 would end at 5"):
        list(tile(lambda _: (5,)))


@pytest.mark.parametrize(
    ("chunk", "words"),
    [
        (Chunk(), "all keys"),
        (Chunk(None, (5,)), "keys below 5"),
        (Chunk((5,), ("x",)), "keys from 5 to below 'x'"),
        (Chunk((5, "a")), "keys from (5, 'a') on"),
    ],
)
def test_a_chunk_says_what_it_is(chunk, words):
    assert str(chunk) == words
