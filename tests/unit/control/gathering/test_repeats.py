"""Which mismatches count as new."""

from dataclasses import replace

import pytest

from strangler.control.gathering import repeats
from strangler.control.gathering.repeats import WINDOW, Repeats
from strangler.core.outcome import Outcome
from strangler.evidence.finding import Finding, request_of
from tests.unit.control.given import PAIR

from .test_batches import STRATUM

FIRST = Finding(STRATUM, 10.0, True, Outcome.MISMATCH, request="a1")


@pytest.mark.parametrize(
    ("then", "repeated"),
    [
        (FIRST, True),
        (replace(FIRST, repeated=False), True),
        (replace(FIRST, request="b2"), False),
        (replace(FIRST, at=WINDOW), False),
        (replace(FIRST, stratum=STRATUM._replace(route="other")), False),
        (replace(FIRST, outcome=Outcome.IGNORED, request=""), True),  # as the worker said
    ],
)
def test_a_mismatch_repeats_only_a_mismatch(then: Finding, repeated: bool) -> None:
    known = Repeats()
    assert not known.told("1.1", FIRST).repeated
    assert known.told("1.1", then).repeated is repeated


def test_each_worker_counts_for_itself() -> None:
    known = Repeats()
    assert [known.told(worker, FIRST).repeated for worker in ("1.1", "2.1", "1.1")] == [False, False, True]


def test_without_room_the_worker_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MOST_KNOWN", 1)
    known = Repeats()
    assert [known.told("1.1", each).repeated for each in (FIRST, replace(FIRST, request="b2"))] == [False, True]


def test_equal_requests_are_told_by_method_and_target() -> None:
    asked = [PAIR, replace(PAIR, at=99.0), replace(PAIR, method="HEAD"), replace(PAIR, target="/shop/1?a")]
    assert len({request_of(pair) for pair in asked}) == 3
