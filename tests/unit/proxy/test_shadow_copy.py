"""Bodies as they pass: kept up to a size, digested beyond it, and every byte that is held accounted for."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.proxy.heads import ResponseHead
from strangler.proxy.response import Response
from strangler.proxy.shadow_copy import PIECE_BYTES, Body, Whole

RESPONSE = Response(200, b"OK", ResponseHead([(b"Content-Type", b"text/plain")]))


def passed(most: int, *reads: list[bytes]) -> tuple[Body, int]:
    body, size, held = Body(most), 0, 0
    for pieces in reads:
        size += sum(map(len, pieces))
        held += body.add(list(pieces), size)
    return body, held


@pytest.mark.parametrize(
    ("most", "kept"),
    [(6, b"abcdef"), (7, b"abcdef"), (5, b""), (0, b"")],
)
def test_a_body_is_kept_whole_or_not_at_all(most, kept):
    body, _ = passed(most, [b"ab", b"cd"], [b"ef"])
    seen = Whole(RESPONSE, body, 0.1, 0.2).observed()
    assert (seen.body, seen.size, bool(seen.digest)) == (kept, 6, not kept)
    assert (seen.status, seen.headers, seen.failure) == (200, ((b"Content-Type", b"text/plain"),), "")


def test_an_empty_body_has_no_digest():
    seen = Whole(RESPONSE, Body(0), 0.1, 0.2).observed()
    assert (seen.body, seen.size, seen.digest) == (b"", 0, b"")


@given(st.integers(0, 40), st.lists(st.lists(st.binary(max_size=8), max_size=4), max_size=8))
def test_however_it_comes_the_same_body_looks_the_same(most, reads):
    whole = b"".join(piece for pieces in reads for piece in pieces)
    body, held = passed(most, *reads)
    seen = Whole(RESPONSE, body, 0.0, 0.0).observed()
    assert seen.size == len(whole)
    assert seen.body == (whole if len(whole) <= most else b"")
    assert seen.digest == (b"" if len(whole) <= most else blake2b(whole, digest_size=16).digest())
    assert held == sum(map(len, body.pieces)) + PIECE_BYTES * len(body.pieces), "bytes held and not accounted for"
