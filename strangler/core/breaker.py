"""The passive breaker: when an upstream that keeps failing is left alone, and how it is tried again.

Pure: time, in seconds on any clock that only goes forward, and the count of answers are passed in. Nothing here knows what
a failure is; that is for whoever reports it.
"""

from __future__ import annotations

from enum import StrEnum

from strangler.core.model import Breaker
from strangler.core.window import Window

PROBES = 3  # requests that are let through to see whether it works again; all must be answered


class State(StrEnum):
    """Of a circuit, by what it lets through."""

    CLOSED = "closed"  # everything
    HALF_OPEN = "half_open"  # a few
    OPEN = "open"  # nothing


class Event(StrEnum):
    """What changes a circuit's state."""

    TRIPPED = "too many of the requests in the window failed"
    RESTED = "it has been open for long enough"
    ANSWERED = "all probes were answered"
    FAILED = "a probe failed"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.CLOSED, Event.TRIPPED): State.OPEN,
    (State.OPEN, Event.RESTED): State.HALF_OPEN,
    (State.HALF_OPEN, Event.ANSWERED): State.CLOSED,
    (State.HALF_OPEN, Event.FAILED): State.OPEN,
}


class Circuit:
    """The breaker of one upstream.

    `answered`, wherever it is passed in, is how many requests the upstream has ever answered.

    Attributes:
        state: as it was when it was last looked at; only `look`, `fail` and `admits` change it.
        since: when that state began.
        opens: how often it has opened.
    """

    __slots__ = ("_answered", "_breaker", "_budget", "_granted", "_opened", "_window", "opens", "since", "state")

    def __init__(self, breaker: Breaker, now: float, answered: int = 0) -> None:
        self._breaker = breaker
        self._window: Window
        self._answered: int  # when the state began
        self._budget: int  # probes that may still be sent, since `_granted`
        self._granted: float
        self.state: State
        self.since: float
        self.opens = 0
        self._opened = now  # the last time
        self._enter(State.CLOSED, now, answered)

    @property
    def width(self) -> float:
        """Seconds after which `look` should be called again."""
        return self._window.width

    def look(self, now: float, answered: int) -> None:
        """Time has passed."""
        if self.state is State.CLOSED:
            self._window.roll(now, answered)
        elif self.state is State.OPEN:
            if now - self.since >= self._breaker.open:
                self._step(Event.RESTED, now, answered)
        elif answered - self._answered >= PROBES:
            self._step(Event.ANSWERED, now, answered)

    def fail(self, now: float, answered: int, sent: float) -> None:
        """A request that was taken up at `sent` has failed. One from before the last opening tells nothing of the time since,
        when only probes were sent."""
        self.look(now, answered)
        if sent < self._opened:
            return
        if self.state is State.HALF_OPEN:
            self._step(Event.FAILED, now, answered)
        elif self.state is State.CLOSED:
            self._window.fail()
            if self._tripped(answered):
                self._step(Event.TRIPPED, now, answered)

    def admits(self, now: float, answered: int) -> bool:
        """Whether a request may be sent. A probe that nobody hears of again (its client left) is replaced after a pause."""
        self.look(now, answered)
        if self.state is not State.HALF_OPEN:
            return self.state is State.CLOSED
        if not self._budget and now - self._granted >= self._breaker.open:
            self._budget, self._granted = PROBES, now
        return self._spend()

    def rest(self, now: float) -> float:
        """Seconds until it is worth trying again."""
        begun = self.since if self.state is State.OPEN else self._granted
        return max(begun + self._breaker.open - now, 0.0)

    def _spend(self) -> bool:
        if not self._budget:
            return False
        self._budget -= 1
        return True

    def _tripped(self, answered: int) -> bool:
        requests, failures = self._window.counts(answered)
        return requests >= self._breaker.min_requests and failures >= self._breaker.error_rate * requests

    def _step(self, event: Event, now: float, answered: int) -> None:
        self._enter(TRANSITIONS[self.state, event], now, answered)

    def _enter(self, state: State, now: float, answered: int) -> None:
        self.state, self.since = state, now
        if state is State.OPEN:
            self.opens, self._opened = self.opens + 1, now
        self._answered = answered
        self._budget, self._granted = PROBES, now
        if state is State.CLOSED:
            self._window = Window(self._breaker.window, now, answered)
