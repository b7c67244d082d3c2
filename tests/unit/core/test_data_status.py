"""What the guard may believe of the data process's document."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.data_status import AHEAD, STALE, DataStatus, MappingStatus, decode, encode, known
from strangler.core.guard.evidence import DataState

NOW = 1_700_000_000.0
DAY = 86400.0
CLEAN = MappingStatus(DataState.CLEAN, "", 0.5, NOW - 60)


def say(found: MappingStatus = CLEAN, at: float = NOW) -> DataStatus:
    return DataStatus(at, {"orders": found})


def ask(status: DataStatus | None, mapping: str = "orders"):
    return known(status, mapping, NOW, oldest=DAY)


def test_a_fresh_clean_mapping_is_clean_and_its_lag_goes_on_after_the_document():
    assert ask(say()).state is DataState.CLEAN
    assert ask(say(at=NOW - 3)).lag == 3.5
    assert ask(say(MappingStatus(DataState.CLEAN, "", 0.5, NOW, NOW - 7 * DAY))).state is DataState.CLEAN


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (None, "has said nothing: `strangler serve` runs it"),
        (say(at=NOW - STALE - 1), "has said nothing for 16 s"),
        (say(at=NOW + AHEAD + 1), "clock is ahead"),
        (DataStatus(NOW), "does not know this mapping"),
        (say(MappingStatus(DataState.CLEAN, "", 0.5, None)), "never compared"),
        (say(MappingStatus(DataState.CLEAN, "", 0.5, NOW - 2 * DAY)), "last compared 48.0 h ago, 24 h allowed"),
        (say(MappingStatus(DataState.CLEAN, "", 0.5, NOW, NOW - 9 * DAY)), "all rows were last compared 9.0 d ago, 8 d allowed"),
        (say(MappingStatus(DataState.UNKNOWN, "capture is paused")), "capture is paused"),
    ],
)
def test_silence_and_age_are_never_clean(status, why):
    found = ask(status)
    assert found.state is DataState.UNKNOWN
    assert why in found.why


def test_drift_stays_drift_however_old():
    found = ask(say(MappingStatus(DataState.DRIFT, "3 rows differ", 0.5, NOW - 9 * DAY)))
    assert (found.state, found.why) == (DataState.DRIFT, "3 rows differ")


numbers = st.floats(allow_nan=False, allow_infinity=False)
statuses = st.builds(
    DataStatus,
    numbers,
    st.dictionaries(
        st.text(),
        st.builds(MappingStatus, st.sampled_from(DataState), st.text(), *[st.none() | numbers] * 3),
        max_size=3,
    ),
)


@given(statuses)
def test_what_is_written_is_read_again(status):
    assert decode(encode(status)) == status


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"{}",
        b'{"version": 2, "at": 1, "mappings": {}}',
        b'{"version": 1, "at": "now", "mappings": {}}',
        b'{"version": 1, "at": NaN, "mappings": {}}',
        b'{"version": 1, "at": true, "mappings": {}}',
        b'{"version": 1, "at": 1, "mappings": []}',
        b'{"version": 1, "at": 1, "mappings": {"a": {"state": "fine", "why": "", "lag": null, "compared_at": null}}}',
        b'{"version": 1, "at": 1, "mappings": {"a": {"state": "clean"}}}',
        b"\xff\xfe",
    ],
)
def test_anything_else_is_refused(document):
    with pytest.raises(ValueError):
        decode(document)
