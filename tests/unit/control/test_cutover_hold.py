"""The supervisor's part: who has said that it holds, how many writes are at work, when it ends by itself, and who may ask."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strangler.control.cutover.calls import Calls
from strangler.control.cutover.foresight import Foresight
from strangler.control.cutover.hold import LEFT, Hold
from strangler.control.loop import Timer


class Loop:
    """Whose time goes on when a test says so."""

    def __init__(self) -> None:
        self.now, self._timers = 100.0, list[tuple[float, int, Timer]]()

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        timer = Timer(call)
        heapq.heappush(self._timers, (self.now + seconds, len(self._timers), timer))
        return timer

    def go_on(self, seconds: float) -> None:
        self.now += seconds
        while self._timers and self._timers[0][0] <= self.now:
            heapq.heappop(self._timers)[2].ring()


class Given:
    def __init__(self) -> None:
        self.loop, self.told, self.said, self.orders = Loop(), list[Any](), list[str](), list[Any]()
        self.against, self.control = "", True
        workers = lambda: {1: "worker 1", 2: "worker 2"}  # noqa: E731
        self.hold = Hold(self.loop, self.told.append, self.said.append, workers)  # type: ignore[arg-type]
        foresight = Foresight(self.loop, Path("routes.yaml"), str)  # type: ignore[arg-type]
        self.calls = Calls(self.hold, lambda: self.against, self._order, foresight)
        self.loop.go_on(LEFT)

    def _order(self, head: Any) -> bool:
        self.orders.append(head)
        return self.control

    def ask(self, **question: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        assert self.calls.hear(question, answers.append)
        return answers[0]

    def begin(self, token: str = "a", **more: Any) -> dict[str, Any]:
        return self.ask(do="hold", token=token, routes=["write"], seconds=5.0, **more)

    def hears(self, number: int, at_work: int = 0, token: str = "a") -> None:
        self.hold.hear(number, {"token": token, "at_work": at_work, "waiting": 1})


@pytest.fixture
def given() -> Given:
    return Given()


def test_all_workers_are_told_and_answer(given: Given) -> None:
    assert given.begin()["late"] == ["worker 1", "worker 2"]
    assert given.told == [{"token": "a", "routes": ["write"], "seconds": 5.0}]
    given.hears(1, at_work=2)
    given.hears(2, token="another")
    assert (given.hold.state()["late"], given.hold.state()["at_work"]) == (["worker 2"], 2)
    given.hears(1)
    given.hears(2)
    state = given.ask(do="holding")
    assert (state["late"], state["at_work"], state["waiting"]) == ([], 0, 2)


def test_it_ends_by_itself_unless_it_is_kept(given: Given) -> None:
    given.begin()
    given.loop.go_on(5.0)
    assert (given.told[-1], given.said) == ({}, ["the hold of write has lasted for 5 s: it ends"])
    assert given.ask(do="keep", token="a")["kept"] is False
    given.begin("b")
    assert given.ask(do="keep", token="b")["kept"] is True
    given.loop.go_on(500.0)
    assert given.hold.token == "b"
    given.ask(do="release", token="a")
    assert given.hold.token == "b", "it is another's"
    given.ask(do="release", token="b")
    assert (given.hold.token, given.told[-1]) == ("", {})


def test_the_clock_of_one_that_was_released_ends_no_other(given: Given) -> None:
    given.begin("a")
    given.loop.go_on(4.0)
    given.ask(do="release", token="")
    given.begin("b")
    given.loop.go_on(2.0)
    assert given.hold.token == "b"


def test_the_writes_of_a_worker_that_died_may_be_at_work(given: Given) -> None:
    given.begin()
    given.hears(1)
    given.hears(2)
    given.hold.bury(2)
    assert (given.hold.state()["late"], given.hold.state()["at_work"]) == (["worker 2"], 1)
    given.hears(2)
    assert given.hold.state()["at_work"] == 1
    given.loop.go_on(LEFT)
    assert given.hold.state()["at_work"] == 0


def test_one_at_a_time(given: Given) -> None:
    given.begin()
    assert given.begin("b")["refused"] == "another cutover holds its writes just now"
    assert not given.begin("a")["refused"], "the same one may ask again"


def test_what_stands_against_one(given: Given) -> None:
    given.against = "a successor is just taking over"
    assert given.begin()["refused"] == given.against
    assert given.hold.token == ""
    assert not given.begin(kept=True)["refused"], "what was decided goes on"


def test_an_order_and_its_answers(given: Given) -> None:
    heard: list[dict[str, Any]] = []
    given.calls.hear({"do": "cutover", "order": {"name": "@orders"}}, heard.append)
    number = given.orders[0]["number"]
    given.calls.told({"is": "cutover", "number": number, "told": 1})
    given.calls.told({"is": "cutover", "number": number, "over": True, "done": 2})
    given.calls.told({"is": "cutover", "number": number, "told": 3})
    assert heard == [{"is": "cutover", "told": 1}, {"is": "cutover", "over": True, "done": 2}]


def test_control_dies_on_the_way_or_is_not_there(given: Given) -> None:
    heard: list[dict[str, Any]] = []
    given.calls.hear({"do": "cutover", "order": {}}, heard.append)
    given.calls.bury()
    given.control = False
    given.calls.hear({"do": "cutover", "order": {}}, heard.append)
    assert heard == [{"is": "cutover", "over": True, "broken": True}] * 2


def test_other_questions_are_not_its_business(given: Given) -> None:
    assert not given.calls.hear({"do": "state"}, lambda head: None)
