"""Accounts: a world of links, controls and workers that are killed, in which every pair is settled once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from strangler.control.gathering.accounts import Accounts


def test_what_was_given_and_is_nowhere_is_lost() -> None:
    accounts = Accounts({("1.1", "shop"): 5})
    accounts.take("1.1", "shop")
    assert accounts.begin("1.1", {"shop": 9, "cart": 2}) == {"shop": 3, "cart": 2}


def test_what_is_lost_is_lost_once() -> None:
    accounts = Accounts({})
    assert accounts.begin("1.1", {"shop": 2}) == {"shop": 2}
    assert accounts.begin("1.1", {"shop": 2}) == {}
    assert accounts.begin("1.2", {"shop": 2}) == {"shop": 2}


def test_the_first_link_of_a_worker_has_lost_nothing() -> None:
    assert Accounts({}).begin("1.1", {}) == {}


class World:
    """Two workers and a control with a store, all of which may be killed at any time."""

    def __init__(self) -> None:
        self.lives = [1, 1]
        self.made: Counter[str] = Counter()  # pairs that were handed over by incarnation
        self.waiting: Counter[str] = Counter()  # still with the worker
        self.given: Counter[str] = Counter()
        self.on_link: Counter[str] = Counter()
        self.linked: set[str] = set()
        self.taken: Counter[str] = Counter()  # in control, not settled
        self.unsaved: Counter[str] = Counter()  # settled, not stored
        self.stored: Counter[str] = Counter()
        self.accounts = Accounts({})

    def name(self, worker: int) -> str:
        return f"{worker}.{self.lives[worker]}"

    def hand(self, worker: int) -> None:
        self.made[self.name(worker)] += 1
        self.waiting[self.name(worker)] += 1

    def give(self, worker: int) -> None:
        name = self.name(worker)
        if name not in self.linked:
            lost = self.accounts.begin(name, {"r": self.given[name]})
            self.unsaved[name] += lost.get("r", 0)
            self.linked.add(name)
        if self.waiting[name]:
            self.waiting[name] -= 1
            self.given[name] += 1
            self.on_link[name] += 1

    def arrive(self, worker: int) -> None:
        name = self.name(worker)
        if self.on_link[name]:
            self.on_link[name] -= 1
            self.accounts.take(name, "r")
            self.taken[name] += 1

    def cut(self, worker: int) -> None:
        self.linked.discard(self.name(worker))
        self.on_link[self.name(worker)] = 0

    def settle(self, worker: int) -> None:
        for name in [name for name, number in self.taken.items() if number and name.startswith(str(worker))][:1]:
            self.taken[name] -= 1
            self.unsaved[name] += 1

    def store(self, _: int) -> None:
        self.stored += self.unsaved
        self.unsaved.clear()

    def kill_worker(self, worker: int) -> None:
        self.waiting[self.name(worker)] = 0
        self.lives[worker] += 1

    def kill_control(self, _: int) -> None:
        self.taken.clear()
        self.unsaved.clear()
        self.on_link.clear()
        self.linked.clear()
        self.accounts = Accounts({(name, "r"): number for name, number in self.stored.items()})


EVENTS = st.sampled_from(
    ["hand", "hand", "give", "give", "arrive", "arrive", "settle", "store", "cut", "kill_worker", "kill_control"]
)


@given(st.lists(st.tuples(EVENTS, st.integers(0, 1)), max_size=150))
def test_every_pair_is_settled_once_whoever_is_killed(events: list[tuple[str, int]]) -> None:
    world = World()
    for event, worker in events:
        getattr(world, event)(worker)
        assert all(world.stored[name] <= number for name, number in world.made.items())
    for _ in range(200):
        for event in ("give", "arrive", "settle", "store"):
            for worker in (0, 1):
                getattr(world, event)(worker)
    living = {world.name(worker) for worker in (0, 1)}
    assert {name: world.stored[name] for name in living} == {name: world.made[name] for name in living}
    assert all(world.stored[name] <= number for name, number in world.made.items())
