"""The ledger: tables of what was counted, and a world of workers that die, in which it must close to the last request."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strangler.core.ledger import DEAD, SEEN, SKIP, Ledger, balance, total

TABLE = {
    "nothing": ({}, {}, 0, 0, False, Ledger()),
    "all equal at first glance": ({"seen": 5, "match": 5}, {}, 0, 0, False, Ledger(5, {"match": 5})),
    "handed over, not settled": ({"seen": 5, "match": 3}, {}, 0, 0, False, Ledger(5, {"match": 3}, in_flight=2)),
    "settled": (
        {"seen": 5, "match": 2, "candidate_failed": 1}, {"mismatch": 1, "skip:undecodable": 1}, 2, 0, False,
        Ledger(5, {"match": 2, "candidate_failed": 1, "mismatch": 1}, {"undecodable": 1}),
    ),
    "both count the same outcome": ({"seen": 3, "match": 2}, {"match": 1}, 1, 0, False, Ledger(3, {"match": 3})),
    "dropped, and lost by control": (
        {"seen": 3, "queue": 1}, {"control": 2}, 2, 0, False, Ledger(3, lost={"queue": 1, "control": 2}),
    ),
    "a worker died with two": (
        {"seen": 4, "match": 4, "dead:seen": 5, "dead:match": 2, "dead:skip:sample": 1}, {}, 0, 0, False,
        Ledger(9, {"match": 6}, {"sample": 1}, {"worker": 2}),
    ),
    "control settles what the dead had handed over": (
        {"dead:seen": 5, "dead:match": 2}, {"ignored": 2}, 0, 2, False,
        Ledger(5, {"match": 2, "ignored": 2}, lost={"worker": 1}),
    ),
    "the run is over": (
        {"seen": 5, "match": 3, "dead:seen": 1}, {}, 0, 0, True, Ledger(6, {"match": 3}, lost={"worker": 3}),
    ),
    "labels of others": ({"seen": 1, "match": 1, "bytes": 900}, {}, 0, 0, False, Ledger(1, {"match": 1})),
}  # fmt: skip


@pytest.mark.parametrize(("workers", "control", "living", "dead", "ended", "expected"), TABLE.values(), ids=TABLE)
def test_the_ledger_of_a_route(workers, control, living, dead, ended, expected) -> None:
    ledger = balance(workers, control, living, dead, ended)
    assert ledger == expected
    assert ledger.closes


WRONG = {
    "settled twice": ({"seen": 1}, {"match": 2}, 2, 0),
    "settled, but nobody saw it": ({}, {"match": 1}, 1, 0),
    "settled for the dead, but only the living saw it": ({"seen": 1}, {"match": 1}, 0, 1),
    "settled without saying as what": ({"seen": 1}, {}, 1, 0),
    "an outcome that was not settled": ({"seen": 1}, {"match": 1}, 0, 0),
    "counted as two things by the worker": ({"seen": 1, "match": 1, "skip:stream": 1}, {}, 0, 0),
}


@pytest.mark.parametrize(("workers", "control", "living", "dead"), WRONG.values(), ids=WRONG)
def test_it_does_not_close_when_the_counting_is_wrong(workers, control, living, dead) -> None:
    assert not balance(workers, control, living, dead).closes


COVERAGE = [
    (Ledger(), None),
    (Ledger(10, {"match": 9}, in_flight=1), 0.9),
    (Ledger(10, {"match": 5}, {"sample": 5}), 1.0),
    (Ledger(10, {}, {"method": 4, "stage": 6}), None),
    (Ledger(10, {"match": 1, "mismatch": 1}, {"conditional": 4, "upgrade": 2, "budget": 1}, {"worker": 1}), 0.5),
]


@pytest.mark.parametrize(("ledger", "expected"), COVERAGE)
def test_coverage(ledger, expected) -> None:
    assert ledger.closes
    assert ledger.coverage == expected


def test_the_sum_of_ledgers() -> None:
    one = Ledger(3, {"match": 1}, {"sample": 1}, {"queue": 1})
    other = Ledger(4, {"match": 1, "mismatch": 1}, {"stream": 1}, in_flight=1)
    both = Ledger(7, {"match": 2, "mismatch": 1}, {"sample": 1, "stream": 1}, {"queue": 1}, 1)
    assert one + other == both == total([other, one])


# What may become of one request in the world below, and who says so.
BY_WORKER = ("match", "candidate_failed", "skip:sample", "skip:budget", "queue")
BY_CONTROL = ("match", "ignored", "mismatch", "candidate_failed", "skip:undecodable", "control")
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("seen"), st.integers(0, 2)),
        st.tuples(st.sampled_from(BY_WORKER), st.integers(0, 2)),
        st.tuples(st.just("hand over"), st.integers(0, 2)),
        st.tuples(st.sampled_from([f"control {label}" for label in BY_CONTROL]), st.integers(0, 10)),
        st.tuples(st.just("die"), st.integers(0, 2)),
    ),
    max_size=120,
)


class World:
    """Three workers, replaced when they die, and a control; counts as they do, and remembers each request besides."""

    def __init__(self) -> None:
        self.slots = [0, 1, 2]  # incarnation in each
        self.next = 3
        self.holding: Counter[int] = Counter()  # incarnation -> requests still in the worker
        self.handed: list[int] = []  # incarnations, one for each pair that control has and has not settled
        self.counted = [Counter[str]() for _ in range(3)]
        self.buried: Counter[str] = Counter()
        self.control: Counter[str] = Counter()
        self.settled: Counter[int] = Counter()
        self.truth: Counter[str] = Counter()  # of what has been decided

    def happen(self, event: str, which: int) -> None:
        if event.startswith("control "):
            self._settle(event.removeprefix("control "), which)
        elif event == "die":
            self._die(which)
        elif event == "seen":
            self.holding[self.slots[which]] += 1
            self.counted[which][SEEN] += 1
        elif self.holding[self.slots[which]]:
            self.holding[self.slots[which]] -= 1
            if event == "hand over":
                self.handed.append(self.slots[which])
            else:
                self.counted[which][event] += 1
                self.truth[event] += 1

    def _settle(self, label: str, which: int) -> None:
        if self.handed:
            self.settled[self.handed.pop(which % len(self.handed))] += 1
            self.control[label] += 1
            self.truth[label] += 1

    def _die(self, which: int) -> None:
        self.buried += self.counted[which]
        self.counted[which].clear()
        self.slots[which], self.next = self.next, self.next + 1

    def ledger(self, ended: bool = False) -> Ledger:
        workers = sum(self.counted, Counter[str]()) + Counter({DEAD + label: n for label, n in self.buried.items()})
        living = sum(self.settled[each] for each in self.slots)
        return balance(workers, self.control, living, self.settled.total() - living, ended)

    def unsettled(self, alive: bool) -> int:
        held = sum(number for each, number in self.holding.items() if (each in self.slots) is alive)
        return held + sum((each in self.slots) is alive for each in self.handed)


@given(EVENTS)
def test_it_closes_whatever_happens_and_says_the_truth(events) -> None:
    world = World()
    for event, which in events:
        world.happen(event, which)
        ledger = world.ledger()
        assert ledger.closes
        assert ledger.in_flight == world.unsettled(alive=True)
        assert ledger.lost.get("worker", 0) == world.unsettled(alive=False)
    ledger = world.ledger()
    assert {**ledger.compared, **{SKIP + label: n for label, n in ledger.skipped.items()}} == {
        label: n for label, n in world.truth.items() if label not in ("queue", "control")
    }
    ended = world.ledger(ended=True)
    assert ended.closes
    assert ended.in_flight == 0
    assert ended.lost.get("worker", 0) == world.unsettled(alive=True) + world.unsettled(alive=False)
