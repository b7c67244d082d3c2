"""The worker's glance: equal for sure, not comparable for sure, or worth a look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strangler.core.compare.quick import Quick, equal, same
from strangler.core.model import Side
from strangler.core.observation import Observation, Pair
from strangler.core.outcome import SKIPS, Outcome
from tests.unit.core.compare.given import rules

JSON = (b"Content-Type", b"application/json")


def answer(body: bytes = b"{}", *headers: tuple[bytes, bytes], status: int = 200) -> Observation:
    return Observation(status, headers or (JSON,), body, len(body))


def large(digest: bytes, size: int = 10**7, status: int = 200) -> Observation:
    return Observation(status, (JSON,), b"", size, digest)


CASES = [
    # what it is about, control, candidate, what the glance tells
    ("equal", answer(), answer(), "match"),
    ("another body", answer(b"1"), answer(b"2"), "look"),
    ("another status", answer(), answer(status=404), "look"),
    ("headers that do not count", answer(b"1", JSON, (b"Date", b"a")), answer(b"1", (b"X", b"1"), JSON), "match"),
    ("the same side by side", answer(b"1", (b"Date", b"a"), JSON), answer(b"1", (b"Date", b"b"), JSON), "match"),
    ("names in another case", answer(b"1", (b"content-type", b"a")), answer(b"1", (b"Content-Type", b" a")), "match"),
    ("another order", answer(b"1", JSON, (b"Location", b"/")), answer(b"1", (b"Location", b"/"), JSON), "match"),
    ("two values in another order", answer(b"1", (b"Location", b"a"), (b"Location", b"b")),
     answer(b"1", (b"Location", b"b"), (b"Location", b"a")), "look"),
    ("a header that counts", answer(b"1", JSON), answer(b"1", (b"Content-Type", b"text/plain")), "look"),
    ("a header that counts is gone", answer(b"1", JSON, (b"Location", b"/")), answer(b"1", JSON), "look"),
    ("and another is there", answer(b"1", (b"Location", b"/")), answer(b"1", (b"X", b"/")), "look"),
    ("another coding", answer(b"1", JSON, (b"Content-Encoding", b"gzip")), answer(b"1", JSON), "look"),
    ("failed", answer(), Observation(0, failure="timeout"), "candidate_failed"),
    ("equal digests", large(b"a"), large(b"a"), "match"),
    ("other digests", large(b"a"), large(b"b"), "body_cap"),
    ("one digest", large(b"a"), answer(), "body_cap"),
    ("one digest, and another status", large(b"a"), answer(b"oops", status=500), "look"),
    ("equal digests, and another status", large(b"a"), large(b"a", status=201), "look"),
    ("no bodies", answer(b""), answer(b""), "match"),
]  # fmt: skip


def pair(control: Observation, candidate: Observation, side: Side = Side.LEGACY) -> Pair:
    return Pair("r", "shadow", "", side, "GET", "/", control, candidate)


@pytest.mark.parametrize(("control", "candidate", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_glances(control, candidate, expected):
    compared = rules("compare: {headers: [content-type, location]}")
    assert same(pair(control, candidate), compared) == expected
    if not candidate.failure:
        assert equal(control, candidate, Side.LEGACY, compared) == (expected == "match")


@pytest.mark.parametrize(
    ("side", "again", "expected"),
    [(Side.LEGACY, False, "look"), (Side.MODERN, False, "match"), (Side.LEGACY, True, "match"), (Side.MODERN, True, "look")],
)
def test_an_answer_that_is_translated_is_looked_at(side, again, expected):
    adapting = rules('adapt: {response: {rename: {"$.a": "$.b"}}}')
    found = replace(pair(answer(), answer(), side), again=again)
    assert same(found, adapting) == expected
    assert same(replace(found, candidate=Observation(0, failure="reset")), adapting) == "candidate_failed"


def test_a_translated_answer_that_is_too_large_is_not_comparable():
    adapting = rules('adapt: {response: {rename: {"$.a": "$.b"}}}')
    assert same(pair(large(b"a"), large(b"a")), adapting) is Quick.BODY_CAP


def test_what_a_glance_tells_is_a_label_of_the_ledger():
    assert {found.value for found in Quick} - {"look"} <= {*Outcome, *SKIPS}
