"""Exchanges on their way from a worker to the scribe: what goes in comes out, and nothing else is believed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strangler.control.frames import FrameError, Frames
from strangler.control.recording.parcel import seal, unseal

from .given import taped

LAWS = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
TOKEN = st.binary(min_size=1, max_size=10).map(lambda data: data.replace(b"\n", b"x"))
HEADERS = st.lists(st.tuples(TOKEN, TOKEN), max_size=4).map(tuple)
BODY = st.none() | st.binary(max_size=40)


@LAWS
@given(HEADERS, BODY, HEADERS, BODY)
def test_what_goes_in_comes_out(asked, sent, answered, got):
    one = taped(request_headers=asked, request_body=sent, response_headers=answered, response_body=got)
    ((head, body),) = Frames().feed(seal(one))
    assert unseal(head, body) == one


@pytest.mark.parametrize(
    ("change", "body"),
    [
        ({"sizes": [1]}, b""),
        ({"sizes": "x"}, b""),
        ({"told": {}}, b""),
        ({"sizes": [0, 0, 0, 9]}, b"abc"),
        ({"sizes": [-1, 0, 0, 0]}, b""),
    ],
)
def test_what_is_none_is_refused(change, body):
    ((head, _),) = Frames().feed(seal(taped(request_headers=(), response_headers=(), request_body=None, response_body=None)))
    with pytest.raises(FrameError):
        unseal({**head, **change}, body)
