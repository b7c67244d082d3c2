"""A pair on its way, whatever bytes are in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.frames import FrameError, Frames, encode
from strangler.control.gathering.pairs import pack, seal, unpack
from strangler.core.model import Side
from strangler.core.observation import Observation, Pair
from tests.unit.control.given import PAIR

LINES = st.binary().map(lambda line: line.replace(b"\n", b""))
HEADERS = st.lists(st.tuples(st.binary(min_size=1).map(lambda name: name.replace(b"\n", b"-")), LINES)).map(tuple)
SECONDS = st.floats(0, 1e9)
WORDS = st.text(st.characters(codec="utf-8"))
OBSERVATIONS = st.builds(
    Observation, st.integers(0, 599), HEADERS, st.binary(), st.integers(0, 2**60), st.binary(), WORDS, SECONDS, SECONDS
)


@given(
    pair=st.builds(
        Pair, WORDS, WORDS, WORDS, st.sampled_from(Side), WORDS, st.text(st.characters(max_codepoint=255)), OBSERVATIONS,
        OBSERVATIONS, st.booleans(), SECONDS, WORDS, HEADERS, st.binary(), WORDS, st.booleans(),
        st.tuples(st.binary(), st.binary()),
    )
)  # fmt: skip
def test_what_arrives_is_what_was_sent(pair: Pair) -> None:
    assert unpack(pack(pair)) == pair


def test_the_envelope_says_what_control_needs_and_no_more() -> None:
    [(head, body)] = Frames().feed(seal(PAIR, 7))
    assert head == {"is": "pair", "route": "shop", "again": False, "revision": 7}
    assert unpack(body) == PAIR


[(_, WHOLE)] = Frames().feed(pack(PAIR))
DAMAGED = {
    "cut short": WHOLE[:-1],
    "too long": WHOLE + b"x",
    "numbers alone": WHOLE[:40],
    "half of the lengths": WHOLE[:100],
    "no text": WHOLE.replace(b"shop", b"sh\xffp", 1),
    "a name without a value": WHOLE.replace(b"Content-Type\n", b"Content-Type:"),
}


@pytest.mark.parametrize("frame", [b"", b"\0", encode({}), encode({}) * 2, pack(PAIR) + b"x" * 9])
def test_nonsense_is_no_pair(frame: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(frame)


@pytest.mark.parametrize("body", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_pair_is_none(body: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(encode({}, body))


@given(st.binary())
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(FrameError):
        unpack(encode({}, body))
