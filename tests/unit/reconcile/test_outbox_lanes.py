"""Lanes: claimed for a time, sent by whoever holds them, settled by nobody else. On every dialect."""

from __future__ import annotations

import asyncio
from collections import Counter, deque

import pytest
from sqlalchemy import update

from reconcile.outbox import lanes, tables
from reconcile.outbox.carrying import Post, Trip
from reconcile.outbox.health import AWAY, FAILING, MANY, RUNNING, Health
from reconcile.outbox.judgement import Course
from reconcile.outbox.lanes import Dead, Lane, Turn
from reconcile.outbox.mail import fetch
from reconcile.outbox.scales import Scales
from reconcile.outbox.tables import LANE
from reconcile.relaying import lease
from reconcile.relaying.patience import Fate, Patience
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.sink import BEHIND, Delivered, Failed, Refused, Unavailable
from tests.unit.reconcile.outbox_office import office

PATIENCE = Patience(lease=30.0, deaths=5, attempts=3, pause=1.0)


@pytest.fixture
def place(fresh, dialect):
    with office(fresh(dialect)) as found:
        yield found


def fill(place, *keys):
    place.write(*keys)
    place.spread()


def claim(place, token="t", limit=100, patience=PATIENCE):
    with place.database.writing() as connection:
        return lanes.claim(place.database, connection, "bus", limit, token, patience)


def settle(place, *turns):
    with place.database.writing() as connection:
        return lanes.settle(place.database, connection, "bus", turns)


def expire(place):
    with place.database.writing() as connection:
        connection.execute(update(LANE).where(LANE.c.token.is_not(None)).values(lease_until=1))


def due(place):
    with place.database.writing() as connection:
        connection.execute(update(LANE).where(LANE.c.state != "dead").values(due_at=1))


def test_what_is_claimed_is_nobody_elses(place):
    fill(place, "a", "b", "a")
    assert [(lane.key, lane.waiting, lane.attempts) for lane in claim(place)] == [("=a", 2, 1), ("=b", 1, 1)]
    assert claim(place, "u") == []


def test_a_lane_is_done_when_all_of_it_was_sent_and_goes_on_if_not(place):
    fill(place, "a", "b", "a")
    a, b = claim(place)
    assert settle(place, Turn(a, (1,)), Turn(b, (2,))) == 0
    assert place.lanes("key", "version", "sent", "token") == [("=a", 2, 1, None)]
    assert place.deliveries() == [3]


def test_what_comes_while_it_is_sent_waits_for_the_next_turn(place):
    fill(place, "a")
    (lane,) = claim(place)
    fill(place, "a")
    settle(place, Turn(lane, (1,)))
    assert [(lane.key, lane.waiting) for lane in claim(place, "u")] == [("=a", 1)]


def test_whoever_lost_a_lane_cannot_settle_it(place):
    fill(place, "a")
    (mine,) = claim(place, "slow")
    expire(place)
    (theirs,) = claim(place, "quick")
    assert theirs.orphan
    assert settle(place, Turn(mine, (1,))) == 1
    assert place.deliveries() == [1]
    assert place.lanes("token") == ["quick"]
    assert settle(place, Turn(theirs, (1,))) == 0
    assert place.deliveries() == place.lanes() == []


def test_a_lease_that_is_renewed_is_not_lost(place):
    fill(place, "a")
    claim(place)
    expire(place)
    assert lease.renew(place.database, "t", 30.0, lanes.QUEUE) == 1
    assert claim(place, "u") == []


def test_what_dead_relays_left_is_taken_in_ever_smaller_batches_and_what_kills_is_buried(place):
    fill(place, *(f"{number:02}" for number in range(20)))
    sizes = [len(claim(place, "t0"))]
    for death in range(1, 5):
        expire(place)
        sizes.append(len(claim(place, f"t{death}", limit=16)))
    assert sizes == [20, 2, 2, 2, 2]  # those that died least often come first
    with place.database.writing() as connection:
        connection.execute(update(LANE).values(deaths=0))
        connection.execute(update(LANE).where(LANE.c.key == "=07").values(deaths=4))
        connection.execute(update(LANE).where(LANE.c.key != "=07").values(token=None))
    expire(place)
    claim(place, "last", limit=16)
    assert place.all(LANE, "key", "error", state="dead")[0][0] == "=07"
    assert "5 times" in place.all(LANE, "error", state="dead")[0]


def test_an_attempt_counts_unless_it_was_not_its_fault(place):
    fill(place, "a")
    for counts, attempts in [(True, 1), (False, 1), (True, 2), (False, 2)]:
        due(place)
        (lane,) = claim(place)
        settle(place, Turn(lane, fate=Fate("waiting", 0.0, "why", counts)))
        assert place.lanes("attempts", "error") == [(attempts, "why")]


def test_one_that_was_set_aside_is_a_lane_of_its_own(place):
    fill(place, "a", "a", "a")
    (lane,) = claim(place)
    settle(place, Turn(lane, (1,), (Dead(2, "no", 3),)))
    assert place.lanes("key", "version", "sent", "state", "attempts") == [("!2", 1, 0, "dead", 3), ("=a", 3, 2, "waiting", 0)]


def test_a_lane_without_deliveries_is_let_go(place):
    """Somebody deleted rows by hand: nobody may go round in circles for it."""
    fill(place, "a")
    with place.database.writing() as connection:
        connection.execute(tables.DELIVERY.delete())
    (lane,) = claim(place)
    settle(place, Turn(lane, empty=True))
    assert place.lanes() == []


def test_a_long_lane_is_fetched_from_its_beginning_and_a_part_at_a_time(place):
    fill(place, *["long"] * 60, "b", *["c"] * 3)
    claimed = claim(place)
    with place.database.reading() as connection:
        found = fetch(connection, "bus", claimed, "/source", most=90)
    assert [letter.event.sequence for letter in found["=long"]] == list(range(1, 31))
    assert [letter.event.sequence for letter in found["=c"]] == [62, 63, 64]


LANE_ = Lane("=a", "t", 2, 5)


@pytest.mark.parametrize(
    ("outcomes", "goes_on", "sent", "aside", "fate"),
    [
        ([Delivered(), Delivered()], False, (1, 2), (), None),
        ([Delivered(), Refused("no"), BEHIND], False, (1,), (), Fate("dead", 0.0, "no")),
        ([Refused("no"), BEHIND], True, (), (Dead(1, "no", 2),), None),
        ([Refused("no"), Delivered()], True, (2,), (Dead(1, "no", 2),), None),
        ([Failed("500"), BEHIND], False, (), (), Fate("waiting", 1.0, "500")),  # the second attempt: 1 s × 2 × ½
        ([Delivered(), Failed("500")], False, (1,), (), Fate("waiting", 0.5, "500")),  # its first
        ([Unavailable("away", 9.0), BEHIND], False, (), (), Fate("waiting", 0.0, "away", counts=False)),
    ],
)
def test_what_becomes_of_a_lane(outcomes, goes_on, sent, aside, fate):
    course = Course(LANE_, goes_on)
    course.take(enumerate(outcomes, 1), PATIENCE, 0.0)
    assert course.turn == Turn(LANE_, sent, aside, fate)


def test_the_last_attempt_makes_a_dead_letter_and_one_that_does_not_count_does_not():
    last = Lane("=a", "t", 3, 1)
    counted, not_counted = Course(last, False), Course(last, False)
    counted.take([(1, Failed("500"))], PATIENCE, 0.0)
    not_counted.take([(1, Failed("500"))], PATIENCE, 0.0, counts=False)
    assert counted.fate == Fate("dead", 0.0, "500 (given up after 3 attempts)")
    assert not_counted.fate == Fate("waiting", 2.0, "500", counts=False)


def test_a_sink_that_is_away_is_left_alone_longer_and_longer_and_then_asked_with_one():
    health = Health()
    assert health.room(64, 10, 0.0) == 54
    for instant, pause in [(0.0, 0.25), (1.0, 0.5), (2.0, 1.0), (4.0, 2.0), (10.0, 4.0), (20.0, 7.5), (60.0, 7.5)]:
        health.away("gone", None, instant, 0.0)
        assert (health.state, health.resumes_at - instant) == (AWAY, pause)
        assert health.room(64, 0, instant) == 0
        assert health.room(64, 0, health.resumes_at) == 1
        assert health.room(64, 1, health.resumes_at) == 0
    health.delivered()
    assert (health.state, health.room(64, 0, 100.0)) == (RUNNING, 64)


def test_what_several_say_at_once_is_one_pause_and_what_it_asks_for_it_gets():
    health = Health()
    for _ in range(9):
        health.away("gone", None, 5.0, 0.0)
    assert (health.pauses, health.resumes_at) == (1, 5.25)
    health.away("busy", 30.0, 5.1, 0.0)
    assert health.resumes_at == 35.1
    health.away("busy", 1e9, 40.0, 0.0)
    assert health.resumes_at == 40.0 + 3600


def test_failing_for_one_key_after_another_is_not_their_fault():
    health = Health()
    assert [health.failed([f"{key}"], "500", 0.0, 0.0) for key in range(MANY - 1)] == [True] * (MANY - 1)
    assert not health.failed(["last"], "500", 0.0, 0.0)
    assert (health.state, health.why) == (FAILING, "500")
    other = Health()
    assert all(other.failed(["same"], "500", 0.0, 0.0) for _ in range(3 * MANY))
    for key in range(3 * MANY):
        other.delivered()
        assert other.failed([f"{key}"], "500", 0.0, 0.0)


async def test_nothing_is_sent_by_a_lease_that_may_be_over():
    now = [10.0]
    sink, through = MemorySink(), list[Trip]()
    post = Post(sink, PATIENCE, Health(), None, through.append, lambda: 0.0, lambda: now[0], Scales(1))  # type: ignore[arg-type]
    trip = Trip(Course(LANE_, False), deque(), 10.0)
    assert post.objection(trip) == "its lease could not be renewed"
    trip.until = 10.1
    assert post.objection(trip) == ""
    post.stopping = True
    assert post.objection(trip) == "the relay was stopped"


async def test_large_payloads_wait_for_room_and_the_largest_gets_all_of_it():
    scales, under_way = Scales(10), Counter[str]()

    async def carry(bytes_):
        async with scales.carrying(bytes_):
            under_way["now"] += min(bytes_, 10)
            under_way["most"] = max(under_way["most"], under_way["now"])
            await asyncio.sleep(0)
            under_way["now"] -= min(bytes_, 10)

    await asyncio.gather(*(carry(bytes_) for bytes_ in (4, 4, 4, 99, 4, 0)))
    assert under_way["most"] == 10
