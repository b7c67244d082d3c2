"""What counts as a user, how a header is signed, and what is remembered of credentials."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.changes import Changes
from strangler.core.identity import (
    LIFETIME,
    MOST_USER_BYTES,
    UnknownIdentityError,
    hash_key,
    mark,
    read_user,
    sign,
    telling,
    tokens,
)
from strangler.core.recall import Recall

KEY = b"k" * 32


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, b'{"id": 1, "name": "Anna"}', b'{"id":1,"name":"Anna"}'),
        (200, b'{"id": 9007199254740993, "x": 1.10}', b'{"id":9007199254740993,"x":1.10}'),
        (200, '{"name":"Zoë"}'.encode(), '{"name":"Zoë"}'.encode()),
        (200, b'{"a":"' + b"x" * (MOST_USER_BYTES - 8) + b'"}', b'{"a":"' + b"x" * (MOST_USER_BYTES - 8) + b'"}'),
        (401, b"", None),
        (401, b'{"error": "Nobody is logged in"}', None),
        (403, b"<html>", None),
    ],
)
def test_who_it_is(status: int, body: bytes, expected: bytes | None):
    assert read_user(status, body) == expected


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b""), (200, b"{}"), (200, b"null"), (200, b"[1]"), (200, b'"anna"'), (200, b"1"), (200, b"<html>"),
     (200, b'{"id":1,"id":2}'), (200, b'{"a":"' + b"x" * (MOST_USER_BYTES - 7) + b'"}'), (201, b'{"id":1}'), (204, b""),
     (206, b'{"id":1}'), (302, b""), (404, b'{"id":1}'), (500, b'{"id":1}'), (503, b"")],
)  # fmt: skip
def test_everything_else_is_not_known(status: int, body: bytes):
    with pytest.raises(UnknownIdentityError):
        read_user(status, body)


def test_the_header_is_what_is_written_about_it():
    version, payload, signature = sign(b'{"id":1}', key=KEY, audience="modern", now=1_800_000_000.9).decode().split(".")
    assert version == "v1"
    read = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert read == {"user": {"id": 1}, "iat": 1_800_000_000, "exp": 1_800_000_000 + LIFETIME, "aud": "modern"}
    expected = hmac.new(KEY, f"v1.{payload}".encode(), hashlib.sha256).digest()
    assert signature == base64.urlsafe_b64encode(expected).decode().rstrip("=")


def test_an_audience_with_a_quote_stays_a_string():
    payload = sign(b'{"id":1}', key=KEY, audience='a","aud":"b', now=0).split(b".")[1]
    assert json.loads(base64.urlsafe_b64decode(payload + b"=="))["aud"] == 'a","aud":"b'


def test_the_largest_user_fits_into_a_header():
    assert len(sign(b"{" + b"x" * (MOST_USER_BYTES - 1), key=KEY, audience="m" * 100, now=2**33)) < 8000


def test_marks_are_keyed_and_their_key_is_not_the_signing_one():
    assert mark(b"session=1", hash_key(KEY)) != mark(b"session=1", hash_key(b"x" * 32))
    assert hash_key(KEY) != KEY
    assert len({mark(text, hash_key(KEY)) for text in (b"a", b"b", b"")}) == 3


@pytest.mark.parametrize(
    ("name", "value", "expected", "long"),
    [
        (b"cookie", b"session=0123456789a; theme=dark ;; =", [b"cookie:session=0123456789a", b"cookie:theme=dark", b"cookie:="],
         [b"cookie:session=0123456789a"]),
        (b"authorization", b"Bearer abc;def", [b"authorization:Bearer abc;def"], [b"authorization:Bearer abc;def"]),
        (b"authorization", b"", [], []),
        (b"cookie", b"bare", [b"cookie:bare"], []),
    ],
)  # fmt: skip
def test_single_credentials(name: bytes, value: bytes, expected: list[bytes], long: list[bytes]):
    assert list(tokens(name, value)) == expected
    assert telling(expected) == long


def test_what_is_remembered_has_an_end_and_a_bound():
    recall: Recall[str] = Recall(2)
    recall.keep(b"a", "anna", 10)
    recall.keep(b"b", "bert", 20)
    assert (recall.find(b"a", 9.9), recall.find(b"a", 10), recall.find(b"a", 5)) == ("anna", None, None)
    recall.keep(b"a", "anna", 30)
    assert recall.find(b"b", 0) == "bert"
    recall.keep(b"c", "cleo", 30)
    assert (recall.find(b"a", 0), recall.find(b"b", 0), recall.find(b"c", 0)) == (None, "bert", "cleo")
    recall.keep(b"c", "cees", 30)
    assert (len(recall), recall.find(b"c", 0)) == (2, "cees")


@given(st.lists(st.tuples(st.sampled_from("kf"), st.binary(min_size=1, max_size=1), st.integers(0, 20)), max_size=60))
def test_a_memory_never_gives_what_was_not_kept_or_has_ended(steps: list[tuple[str, bytes, int]]):
    recall: Recall[tuple[bytes, int]] = Recall(4)
    last: dict[bytes, int] = {}
    for now, (step, key, length) in enumerate(steps):
        if step == "k":
            last[key] = now + length
            recall.keep(key, (key, now + length), now + length)
        found = recall.find(key, now)
        assert found is None or (found == (key, last[key]) and last[key] > now)
        assert len(recall) <= 4


def test_a_change_is_seen_by_what_was_asked_before_or_at_the_same_time():
    changes = Changes([0] * 64)
    here, there = changes.places([bytes(7) + b"\1"]), changes.places([bytes(7) + b"\2"])
    changes.note(here, 100)
    assert [changes.since(here, then) for then in (99, 100, 101)] == [True, True, False]
    assert not changes.since(there, 1)
    assert changes.since(here + there, 50)
