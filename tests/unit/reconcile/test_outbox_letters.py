"""What a person does with an outbox: dead letters, replays, forgetting, and how it stands. On every dialect."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from reconcile.outbox import tables
from reconcile.outbox.letters import dead, let_go, retry, skip
from reconcile.outbox.prune import forget_sink, prune
from reconcile.outbox.replay import Wanted, replay
from reconcile.outbox.status import status
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.sink import Delivered, Refused
from strangler.core.errors import UsageError
from tests.unit.reconcile.outbox_office import MOMENT, WRITTEN, office, route


@pytest.fixture
def place(fresh, dialect):
    with office(fresh(dialect)) as found:
        yield found


@pytest.fixture
def small(fresh):
    with office(fresh("sqlite")) as found:
        yield found


class Picky(MemorySink):
    """Refuses these numbers."""

    def __init__(self, *refused, **options):
        super().__init__(answer=self._answer, **options)
        self.refused = set(refused)

    def _answer(self, event):
        return Refused("cannot be read") if event.sequence in self.refused else Delivered()

    @property
    def numbers(self):
        return [event.sequence for event in self.delivered]


def idle(place):
    """Nothing moves any more without a person."""
    return place.count(WRITTEN) == 0 and set(place.all(tables.LANE, "state")) <= {"dead"}


@pytest.fixture
def stuck(place):
    """Three keys; the first of `a` and the second of `b` are dead letters."""
    place.write("a", "a", "b", "b", "b", "c")
    sink = Picky(1, 4)
    with place.relaying(bus=sink):
        place.until(lambda: idle(place))
    sink.refused.clear()
    place.sink = sink
    return place


def go_on(place):
    with place.relaying(bus=place.sink):
        place.until(lambda: idle(place))


def test_dead_letters_are_told_with_what_waits_behind_them(stuck):
    found = dead(stuck.plan)
    assert [(each.number, each.sink, each.type, each.key, each.error, each.attempts, each.held, each.size) for each in found] == [
        (1, "bus", "order.placed", "a", "cannot be read", 1, 1, 2),
        (4, "bus", "order.placed", "b", "cannot be read", 1, 1, 2),
    ]
    assert found[0].id == "outbox_events:1"
    assert dead(stuck.plan, ["bus"]) == tuple(found)


def test_one_is_tried_again_and_its_key_goes_on_in_order(stuck):
    assert retry(stuck.plan, "bus", [4]) == 1
    go_on(stuck)
    assert stuck.sink.numbers[-2:] == [4, 5]
    assert [letter.number for letter in dead(stuck.plan)] == [1]


def test_all_of_a_sink_are_tried_again(stuck):
    assert retry(stuck.plan, "bus") == 2
    go_on(stuck)
    assert sorted(stuck.sink.numbers) == [1, 2, 3, 4, 5, 6]
    assert dead(stuck.plan) == ()


def test_one_that_fails_again_is_a_dead_letter_again(stuck):
    stuck.sink.refused = {1}
    retry(stuck.plan, "bus")
    go_on(stuck)
    assert [letter.number for letter in dead(stuck.plan)] == [1]
    assert 2 not in stuck.sink.numbers


def test_one_is_let_go_and_what_waited_goes_on_and_it_is_kept_why(stuck):
    assert skip(stuck.plan, "bus", 1, "a test order", "ops").number == 1
    go_on(stuck)
    assert stuck.sink.numbers[-1] == 2
    assert 1 not in stuck.sink.numbers
    (kept,) = let_go(stuck.plan)
    assert (kept.number, kept.key, kept.error, kept.reason, kept.actor) == (1, "a", "cannot be read", "a test order", "ops")


@pytest.mark.parametrize("number", [2, 3, 6, 99])
def test_only_dead_letters_can_be_dealt_with(stuck, number):
    """Neither one that is held behind another, nor one that was delivered, nor one that never was."""
    with pytest.raises(UsageError, match=f"no dead letter {number}"):
        skip(stuck.plan, "bus", number, "why", "ops")
    with pytest.raises(UsageError, match=f"no dead letter {number}"):
        retry(stuck.plan, "bus", [number])


def test_names_of_sinks_are_those_of_the_file(small):
    with pytest.raises(UsageError, match=r"has no sink 'bas': did you mean 'bus'|has no sink 'bas'"):
        retry(small.plan, "bas")
    with pytest.raises(UsageError, match="needs a reason"):
        skip(small.plan, "bus", 1, " ", "ops")


def test_one_that_was_set_aside_is_retried_by_itself(place):
    place.with_sinks(route(after_dead="pass")).write("a", "a", "a")
    sink = Picky(2)
    with place.relaying(bus=sink):
        place.until(lambda: idle(place))
    assert sink.numbers == [1, 3]
    assert [(letter.number, letter.key, letter.held) for letter in dead(place.plan)] == [(2, "a", 0)]
    sink.refused.clear()
    retry(place.plan, "bus", [2])
    with place.relaying(bus=sink):
        place.until(lambda: idle(place))
    assert sink.numbers == [1, 3, 2]
    assert place.count(tables.LANE) == place.count(tables.DELIVERY) == 0


@pytest.fixture
def history(place):
    """Six events, delivered; a second between each."""
    sink = place.sink = Picky()
    for number, (key, type) in enumerate(
        [("a", "x.made"), ("b", "x.made"), ("a", "x.gone"), ("b", "y"), (None, "x.made"), ("a", "y")]
    ):
        place.write(key, type=type, at=MOMENT + number * 1_000_000, event_id=f"id-{number}")
    place.with_sinks(route(types=("x.*",)))
    with place.relaying(bus=sink):
        place.until(lambda: idle(place))
    assert sorted(sink.numbers) == [1, 2, 3, 5]
    sink.delivered.clear()
    return place


@pytest.mark.parametrize(
    ("wanted", "again"),
    [
        (Wanted(), [1, 2, 3, 5]),
        (Wanted(since=MOMENT + 1_000_000), [2, 3, 5]),
        (Wanted(until=MOMENT + 2_000_000), [1, 2]),
        (Wanted(key="a"), [1, 3]),
        (Wanted(types=("*.gone", "y")), [3]),
        (Wanted(id="id-4"), [5]),
        (Wanted(id="id-3"), []),
        (Wanted(since=MOMENT + 60_000_000), []),
    ],
)
def test_what_is_kept_can_be_sent_again(history, wanted, again):
    assert replay(history.plan, "bus", wanted, dry_run=True) == len(again)
    assert history.deliveries() == []
    assert replay(history.plan, "bus", wanted) == len(again)
    assert replay(history.plan, "bus", wanted) == 0  # what waits already is not doubled
    go_on(history)
    assert sorted(history.sink.numbers) == again
    assert [number for number in history.sink.numbers if number in (1, 3)] == [each for each in again if each in (1, 3)]


def test_what_every_sink_had_is_forgotten_when_it_is_old(stuck):
    assert prune(stuck.database, stuck.outbox) == 0
    assert prune(stuck.database, stuck.outbox, keep=0) == 2  # 3 and 6: the others are dead letters, or wait behind them
    assert stuck.events("sequence") == [1, 2, 4, 5]
    retry(stuck.plan, "bus")
    go_on(stuck)
    assert sorted(stuck.sink.numbers[-4:]) == [1, 2, 4, 5]
    assert prune(stuck.database, stuck.outbox, keep=0) == 4


def test_what_a_sink_was_not_given_yet_is_not_forgotten(place):
    place.write("a", "b")
    place.spread(route("other"))
    with place.database.writing() as connection:
        connection.execute(tables.DELIVERY.delete())
        connection.execute(update(tables.FANOUT).where(tables.FANOUT.c.name == "other").values(through=1))
    place.with_sinks(route("other"))
    assert prune(place.database, place.outbox, keep=0) == 1
    assert place.events("sequence") == [2]


def test_a_sink_that_is_not_in_the_file_any_more_is_forgotten_when_asked(place):
    place.write("a", "b")
    place.spread(route("bus"), route("old"))
    assert [(sink.name, sink.gone) for sink in status(place.plan).sinks] == [("bus", False), ("old", True)]
    with pytest.raises(UsageError, match="bus is one of the sinks"):
        forget_sink(place.plan, "bus")
    assert forget_sink(place.plan, "old") == 2
    assert [sink.name for sink in status(place.plan).sinks] == ["bus"]
    with pytest.raises(UsageError, match="ever known"):
        forget_sink(place.plan, "old")


def test_how_it_stands(stuck):
    stuck.write("x", "y")
    found = status(stuck.plan)
    (sink,) = found.sinks
    assert (found.waiting, found.kept, found.is_idle) == (2, 6, False)
    assert (sink.state, sink.pending, sink.dead, sink.held, sink.is_well) == ("running", 0, 2, 2, False)
    assert sink.counts == {"delivered": 2, "known": 0, "failed": 0, "refused": 2, "unavailable": 0, "lost": 0}
    stuck.spread()
    (sink,) = status(stuck.plan).sinks
    assert sink.pending == 2
    assert sink.oldest is not None


def test_how_it_stands_before_any_relay_was_there(fresh, dialect):
    with office(fresh(dialect)) as place:
        with place.database.writing() as connection:
            tables.METADATA.drop_all(connection)
        place.write("a")
        found = status(place.plan)
        assert (found.waiting, [(sink.name, sink.state, sink.is_well) for sink in found.sinks]) == (1, [("bus", None, False)])
        with pytest.raises(UsageError, match="no relay has been at work"):
            dead(place.plan)
