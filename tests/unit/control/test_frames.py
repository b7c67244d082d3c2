import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.control.frames import MOST, FrameError, Frames, encode

HEADS = st.dictionaries(st.text(), st.integers() | st.text() | st.booleans())


@given(frames=st.lists(st.tuples(HEADS, st.binary())), cut=st.integers(1, 40))
def test_any_cut_of_the_stream_gives_the_same_frames(frames: list[tuple[dict[str, object], bytes]], cut: int) -> None:
    data = b"".join(encode(head, body) for head, body in frames)
    reader = Frames()
    assert [frame for start in range(0, len(data), cut) for frame in reader.feed(data[start : start + cut])] == frames


@pytest.mark.parametrize(
    "data",
    [b"\0\0\0\1\0\0\0\0{", b"\0\0\0\2\0\0\0\0[]", (MOST + 1).to_bytes(4, "big") + bytes(4), b"GET / HTTP/1.1\r\n\r\n"],
    ids=["not JSON", "not an object", "too large", "HTTP"],
)
def test_nonsense_is_an_error_and_not_an_allocation(data: bytes) -> None:
    with pytest.raises(FrameError):
        list(Frames().feed(data))
