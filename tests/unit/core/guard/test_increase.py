"""Errors of the two sides, on the same requests."""

from __future__ import annotations

import random

import pytest

from strangler.core.guard.increase import beyond, samples_needed, within

ALLOWED, ERROR = 0.005, 0.05


@pytest.mark.parametrize(
    ("total", "modern", "legacy", "verdict"),
    [
        (0, 0, 0, "open"),
        (3, 0, 0, "open"),
        (2_000, 0, 0, "within"),
        (20_000, 20, 0, "within"),
        (20_000, 400, 400, "within"),  # legacy's own failures are not held against modern
        (5_000, 250, 0, "beyond"),
        (20, 20, 0, "beyond"),
        (20_000, 100, 0, "open"),  # exactly what is allowed
    ],
)
def test_by_hand(total, modern, legacy, verdict):
    found = within(total, modern, legacy, ALLOWED, ERROR), beyond(total, modern, legacy, ALLOWED, 0.01)
    assert found == {"within": (True, False), "beyond": (False, True), "open": (False, False)}[verdict]


def test_an_increase_of_exactly_what_is_allowed_is_rarely_taken_for_less_however_often_one_looks():
    false = 0
    for seed in range(100):
        chance, modern = random.Random(seed), 0
        for total in range(100, 50_001, 100):
            modern += sum(chance.random() < ALLOWED for _ in range(100)) if total <= 10_000 else _many(chance)
            if within(total, modern, 0, ALLOWED, ERROR):
                false += 1
                break
    assert false / 100 <= ERROR + 0.02


def _many(chance: random.Random) -> int:
    """Of a hundred: a Poisson number, which is quicker and as good here."""
    product, count = chance.random(), 0
    while product > 0.6065306597:  # exp(-100 × ALLOWED)
        product *= chance.random()
        count += 1
    return count


def test_what_is_said_to_be_needed_is_enough():
    more = samples_needed(500, 0, 0, ALLOWED, ERROR)
    assert within(500 + more, 0, 0, ALLOWED, ERROR)
    assert not within(500 + int(more * 0.95), 0, 0, ALLOWED, ERROR)


def test_no_number_shows_what_is_not_so():
    assert samples_needed(1000, 100, 0, ALLOWED, ERROR) is None
