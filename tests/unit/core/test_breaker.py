"""The breaker: a table of transitions, and every way through it, on a clock of the test's own."""

from __future__ import annotations

import pytest

from strangler.core.breaker import PROBES, TRANSITIONS, Circuit, Event, State
from strangler.core.model import Breaker
from strangler.core.units import Seconds, Share
from strangler.core.window import BUCKETS, Window

BREAKER = Breaker(error_rate=Share(0.5), min_requests=4, window=Seconds(10), open=Seconds(15))


class Upstream:
    """A circuit with the counter and the clock that belong to it."""

    def __init__(self, breaker: Breaker = BREAKER) -> None:
        self.now = 100.0
        self.answered = 0
        self.circuit = Circuit(breaker, self.now)

    def answer(self, count: int = 1) -> None:
        self.answered += count

    def fail(self, count: int = 1, sent: float | None = None) -> None:
        for _ in range(count):
            self.circuit.fail(self.now, self.answered, self.now if sent is None else sent)

    def wait(self, seconds: float, step: float = 1.0) -> None:
        """Time passes, and the timer looks as often as it does."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + step, end)
            self.circuit.look(self.now, self.answered)

    def admits(self) -> bool:
        return self.circuit.admits(self.now, self.answered)

    @property
    def state(self) -> State:
        return self.circuit.state

    def open(self) -> Upstream:
        self.fail(BREAKER.min_requests)
        assert self.state is State.OPEN
        return self

    def half_open(self) -> Upstream:
        self.open().wait(BREAKER.open)
        assert self.state is State.HALF_OPEN
        return self


@pytest.mark.parametrize(
    ("answers", "failures", "state"),
    [
        (0, 3, State.CLOSED),  # 3 of 3, but fewer than min_requests
        (0, 4, State.OPEN),  # 4 of 4
        (2, 2, State.OPEN),  # 2 of 4 is the rate
        (3, 2, State.CLOSED),  # 2 of 5
        (3, 3, State.OPEN),  # 3 of 6
        (4, 3, State.CLOSED),  # 3 of 7
        (100, 99, State.CLOSED),
        (100, 100, State.OPEN),
        (1000, 0, State.CLOSED),
    ],
)
def test_it_opens_when_the_rate_is_reached_by_enough_requests(answers: int, failures: int, state: State) -> None:
    upstream = Upstream()
    upstream.answer(answers)
    upstream.fail(failures)
    assert upstream.state is state
    assert upstream.circuit.opens == (state is State.OPEN)


def test_what_has_left_the_window_does_not_count() -> None:
    upstream = Upstream()
    upstream.fail(3)
    upstream.wait(12)
    upstream.fail(3)
    assert upstream.state is State.CLOSED
    upstream.fail()
    assert upstream.state is State.OPEN


def test_a_good_hour_does_not_hide_a_bad_minute() -> None:
    upstream = Upstream()
    for _ in range(3600):
        upstream.answer(100)
        upstream.wait(1)
    upstream.wait(12)
    upstream.fail(4)
    assert upstream.state is State.OPEN


def test_it_lets_nothing_through_while_it_is_open() -> None:
    upstream = Upstream().open()
    for second in range(15):
        assert not upstream.admits(), second
        assert upstream.circuit.rest(upstream.now) == 15 - second
        upstream.wait(1)
    assert upstream.admits()
    assert upstream.state is State.HALF_OPEN


def test_half_open_lets_a_few_through_and_closes_when_all_were_answered() -> None:
    upstream = Upstream().half_open()
    assert [upstream.admits() for _ in range(PROBES + 2)] == [True] * PROBES + [False] * 2
    upstream.answer(PROBES - 1)
    assert not upstream.admits()
    upstream.answer()
    assert upstream.admits()
    assert upstream.state is State.CLOSED
    assert [upstream.admits() for _ in range(100)] == [True] * 100


def test_it_closes_without_anyone_asking() -> None:
    upstream = Upstream().half_open()
    upstream.answer(PROBES)
    upstream.wait(1)
    assert upstream.state is State.CLOSED


@pytest.mark.parametrize("answered", range(PROBES))
def test_one_probe_that_fails_opens_it_again_for_as_long(answered: int) -> None:
    upstream = Upstream().half_open()
    assert upstream.admits()
    upstream.answer(answered)
    upstream.fail()
    assert upstream.state is State.OPEN
    assert upstream.circuit.opens == 2
    upstream.wait(14)
    assert not upstream.admits()
    upstream.wait(1)
    assert upstream.admits()


def test_probes_that_nobody_hears_of_again_are_replaced() -> None:
    upstream = Upstream().half_open()
    for _ in range(PROBES):
        assert upstream.admits()
    upstream.wait(14)
    assert not upstream.admits()
    upstream.wait(1)
    assert [upstream.admits() for _ in range(PROBES + 1)] == [True] * PROBES + [False]
    upstream.answer(PROBES)
    assert upstream.admits()
    assert upstream.state is State.CLOSED


def test_late_failures_of_requests_sent_before_tell_nothing() -> None:
    upstream = Upstream()
    sent = upstream.now - 1
    upstream.open()
    upstream.fail(10)
    assert (upstream.state, upstream.circuit.opens) == (State.OPEN, 1)
    upstream.wait(15)
    upstream.fail(10, sent=sent)
    assert upstream.state is State.HALF_OPEN
    upstream.answer(PROBES)
    upstream.wait(1)
    upstream.fail(10, sent=sent)
    assert upstream.state is State.CLOSED


def test_a_probe_may_have_been_taken_up_a_moment_before_it_was_let_through() -> None:
    upstream = Upstream().open()
    upstream.now += 15
    taken_up = upstream.now
    upstream.now += 0.001
    assert upstream.admits()
    upstream.fail(sent=taken_up)
    assert upstream.state is State.OPEN


def test_it_begins_anew_when_it_has_closed() -> None:
    upstream = Upstream().half_open()
    upstream.answer(PROBES)
    upstream.wait(1)
    upstream.fail(3)
    assert upstream.state is State.CLOSED
    upstream.fail()
    assert upstream.state is State.OPEN


def test_a_timer_that_comes_late_or_never_only_makes_the_window_coarser() -> None:
    upstream = Upstream()
    upstream.answer(1000)
    upstream.now += 60
    upstream.fail()  # looks first: the bucket of the answers has ended, and is the only one there is
    upstream.now += 11
    upstream.fail(4)
    assert upstream.state is State.OPEN


def test_every_state_can_be_left_and_every_event_leads_somewhere() -> None:
    assert {state for state, _ in TRANSITIONS} == set(State) == set(TRANSITIONS.values())
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_a_window_holds_its_seconds_and_few_buckets() -> None:
    window = Window(10, now=0.0)
    for tick in range(1000):  # a failure and two answers every quarter of a second
        now = tick / 4
        window.roll(now, 2 * tick)
        window.fail()
        requests, failures = window.counts(2 * tick)
        assert failures <= 44  # 10 s, and up to one bucket more
        assert requests <= 3 * 44
    assert failures >= 40
    assert len(window._buckets) <= BUCKETS + 1
