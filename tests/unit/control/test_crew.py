"""Whom the supervisor replaces for being silent, over a clock that is turned."""

from typing import Any

import pytest

from strangler.control import crew
from strangler.control.crew import Crew, Equipment
from strangler.control.frames import Head


class Clock:
    """A loop of which only the time is asked."""

    now = 100.0


class Silent:
    """A child that says what it is told to say."""

    pid = 7

    def __init__(self, loop: Clock, *rest: Any) -> None:
        self._loop, self._on_frame = loop, rest[-2]
        self.heard, self.killed = loop.now, False

    def send(self, head: Head, body: bytes = b"") -> None:
        pass

    def kill(self) -> None:
        self.killed = True

    def say(self, head: Head) -> None:
        self.heard = self._loop.now
        self._on_frame(head, b"")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def child(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Silent:
    monkeypatch.setattr(crew, "Child", Silent)
    ignore: Any = lambda *_: None  # noqa: E731
    made = Crew(clock, 10.0, bury=ignore, changed=ignore, refused=ignore, say=ignore)  # type: ignore[arg-type]
    made.publish(1, b"")
    made.hire("worker 1", 1, "nobody", Equipment({}))
    found: Any = made.workers[0].child
    found.look = made.look
    return found


def silent_for(child: Any, clock: Clock, seconds: float) -> bool:
    """Whether it is replaced after so many seconds more."""
    clock.now += seconds
    child.look()
    return bool(child.killed)


def test_one_that_starts_gets_half_a_minute(child: Silent, clock: Clock) -> None:
    assert not silent_for(child, clock, 29)
    assert silent_for(child, clock, 2)


def test_one_that_has_spoken_and_does_not_serve_yet_may_be_busy_with_its_start(child: Silent, clock: Clock) -> None:
    clock.now += 5
    child.say({"is": "alive"})
    assert not silent_for(child, clock, 20)
    child.say({"is": "alive"})
    assert silent_for(child, clock, 31)


def test_one_that_serves_is_replaced_after_the_patience(child: Silent, clock: Clock) -> None:
    child.say({"is": "serving", "revision": 1})
    assert not silent_for(child, clock, 9)
    assert silent_for(child, clock, 2)
