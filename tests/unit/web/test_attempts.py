"""How many wrong tokens one address may come with."""

from __future__ import annotations

import pytest

from strangler.web.attempts import BURST, EVERY, Attempts


def after(wrong: int, *, address: str = "192.0.2.1", at: float = 0.0) -> Attempts:
    """So many different wrong tokens, all at once."""
    attempts = Attempts()
    for number in range(wrong):
        attempts.wrong(address, f"wrong {number}", at)
    return attempts


@pytest.mark.parametrize(("wrong", "now", "wait"), [
    (0, 0.0, 0.0),
    (BURST - 1, 0.0, 0.0),
    (BURST, 0.0, EVERY),  # one more is back after six seconds
    (BURST, 4.0, 2.0),
    (BURST, EVERY, 0.0),
    (BURST + 3, EVERY, 3 * EVERY),
])  # fmt: skip
def test_the_wait(wrong: int, now: float, wait: float) -> None:
    assert after(wrong).wait("192.0.2.1", "next", now) == pytest.approx(wait)


def test_the_same_wrong_token_counts_once() -> None:
    attempts = Attempts()
    for second in range(1000):
        attempts.wrong("192.0.2.1", "old", second / 1000)
    assert attempts.wait("192.0.2.1", "other", 1.0) == 0


def test_more_than_a_burst_is_never_saved_up() -> None:
    attempts = after(1)
    for number in range(BURST):
        attempts.wrong("192.0.2.1", f"later {number}", 10_000.0)
    assert attempts.wait("192.0.2.1", "next", 10_000.0) > 0


def test_a_good_token_waits_for_nobody_until_it_is_wrong() -> None:
    attempts = after(BURST)
    attempts.good("mine")
    assert attempts.wait("192.0.2.1", "mine", 0.0) == 0
    attempts.wrong("192.0.2.1", "mine", 0.0)
    assert attempts.wait("192.0.2.1", "mine", 0.0) > 0


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("::ffff:192.0.2.1", True),
        ("local", False),
    ],
)
def test_addresses(other: str, waits: bool) -> None:
    assert (after(BURST).wait(other, "next", 0.0) > 0) is waits


@pytest.mark.parametrize(("other", "waits"), [("2001:db8::ffff", True), ("2001:db8:0:1::1", False)])
def test_a_network_of_ipv6_is_one(other: str, waits: bool) -> None:
    assert (after(BURST, address="2001:db8::1").wait(other, "next", 0.0) > 0) is waits


def test_what_is_remembered_is_bounded_and_the_newest_stays() -> None:
    attempts = after(BURST)
    for number in range(5000):
        attempts.wrong(f"host {number}", "x", 0.0)
        attempts.good(f"good {number}")
    assert attempts.wait("192.0.2.1", "next", 0.0) == 0, "forgotten"
    assert len(attempts._guessers) <= 4096
    assert len(attempts._good) <= 4096
