"""An example as bytes and back, whatever is in it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from strangler.core.difference import Kind
from strangler.core.outcome import Outcome
from strangler.core.records import Cause, Example, Stratum
from strangler.store.payload import pack, unpack

TEXT = st.text(st.characters(codec=None), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=10,
)
VIEW = st.dictionaries(TEXT, JSON, max_size=3)
EXAMPLES = st.builds(
    Example,
    route=TEXT,
    stratum=st.builds(Stratum, *[TEXT] * 7),
    outcome=st.sampled_from(Outcome),
    at=st.floats(0, 2e9),
    request_id=TEXT,
    method=TEXT,
    target=TEXT,
    request=VIEW,
    control=VIEW,
    candidate=VIEW,
    differences=st.lists(VIEW, max_size=3).map(tuple),
    causes=st.lists(st.builds(Cause, TEXT, st.sampled_from(Kind), TEXT), max_size=3).map(tuple),
)


@given(EXAMPLES)
def test_it_comes_back_as_it_was(example: Example) -> None:
    back: Any = unpack(pack(example))
    assert back == example
    assert isinstance(back.stratum, Stratum)
    assert isinstance(back.outcome, Outcome)
    assert all(isinstance(cause.kind, Kind) for cause in back.causes)
