"""How chunks are cut, sized and put together again. Pure."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconcile.comparing.buckets import differing, digits
from reconcile.comparing.digests import Digest, _width
from reconcile.comparing.narrowing import Leaf, grouped, merge, split
from reconcile.comparing.scan import sized
from reconcile.databases.chunk import Chunk

keys = st.lists(st.integers(-100, 100), unique=True).map(lambda found: [(key,) for key in sorted(found)])
ends = st.sampled_from([(None, None), ((-101,), None), (None, (101,)), ((-101,), (101,))])


@given(keys, ends)
def test_the_parts_of_a_chunk_tile_it(cuts, low_high):
    chunk = Chunk(*low_high)
    parts = split(chunk, cuts)
    assert (parts[0].low, parts[-1].high) == (chunk.low, chunk.high)
    for number in range(-100, 101):
        assert sum((number,) in part for part in parts) == 1


def test_a_cut_at_a_chunks_own_beginning_is_none():
    assert split(Chunk((5,), None), [(5,), (9,)]) == [Chunk((5,), (9,)), Chunk((9,), None)]


@given(st.lists(st.tuples(st.integers(1, 1500), st.booleans()), max_size=30))
def test_merged_leaves_cover_the_same_keys_and_stay_small(steps):
    leaves, position = [], 0
    for rows, gap in steps:
        position += 1 if gap else 0
        leaves.append(Leaf(Chunk((position,), (position + 1,)), rows))
        position += 1
    merged = list(merge(iter(leaves)))
    for number in range(position + 1):
        assert any((number,) in leaf.chunk for leaf in merged) == any((number,) in leaf.chunk for leaf in leaves)
    assert sum(leaf.rows for leaf in merged) == sum(leaf.rows for leaf in leaves)
    assert all(leaf.rows <= 2048 for leaf in merged)


@pytest.mark.parametrize(
    ("lows", "high", "expected"),
    [
        ([0, 10, 20], 30, 10),
        ([-5, 0, 5], 8, 5),  # the last is shorter
        ([0, 10, 20], 31, None),  # or longer
        ([0, 10, 21], 30, None),
        ([None, 10, 20], 30, None),
        ([0, 10, 20], None, None),
        ([0], 10, None),
    ],
)
def test_parts_of_one_width_are_known_as_such(lows, high, expected):
    ends = [None if low is None else (low,) for low in [*lows, high]]
    assert _width([Chunk(low, up) for low, up in pairwise(ends)]) is expected


def test_parts_that_differ_are_read_in_groups_that_fit():
    leaves = [Leaf(Chunk((number,), (number + 1,)), rows) for number, rows in enumerate([9000, 9000, 9000, 90_000, 500, 500])]
    assert [[leaf.rows for leaf in group] for group in grouped(leaves)] == [[9000, 9000], [9000], [90_000], [500, 500]]
    assert list(grouped([])) == []


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (Digest(3, "a"), Digest(3, "a"), True),
        (Digest(3, "a", bytes=5), Digest(3, "a", bytes=7), True),
        (Digest(3, "a"), Digest(3, "b"), False),
        (Digest(3, "a"), Digest(4, "a"), False),
        (Digest(3, "a", sure=False), Digest(3, "a", sure=False), False),  # a row that could not be hashed equals nothing
    ],
)
def test_digests_agree_only_if_rows_and_values_do_and_both_are_sure(one, other, expected):
    assert one.agrees(other) is expected


@pytest.mark.parametrize(
    ("last", "asked", "expected"),
    [
        (Digest(1000, "", bytes=65_000), 8192, 8192),  # 65 bytes a row
        (Digest(1000, "", bytes=10_000_000), 8192, 400),  # 10 kB a row: 4 MB at a time
        (Digest(10, "", bytes=100_000_000), 8192, 64),
        (Digest(1000, "", bytes=10_000_000), 7, 7),  # never more than asked for
        (Digest(0, ""), 8192, 8192),
    ],
)
def test_chunks_of_text_are_sized_by_how_long_the_rows_are(last, asked, expected):
    assert sized(last, asked) == expected


def test_buckets_that_differ_are_read_in_groups_that_fit():
    same = {1: Digest(500, "a"), 2: Digest(500, "b")}
    assert differing(same, same) == []
    assert differing(same, {1: Digest(500, "a")}) == [[2]]
    large = {number: Digest(9000, str(number)) for number in range(5)}
    assert differing(large, {}) == [[0, 1], [2, 3], [4]]
    assert differing({}, {7: Digest(90_000, "x")}) == [[7]]


def test_there_are_as_many_buckets_as_keep_them_small_within_reason():
    assert [digits(rows) for rows in (0, 100_000, 1_000_000, 100_000_000)] == [2, 2, 3, 4]
