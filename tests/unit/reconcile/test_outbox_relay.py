"""From the table of events to sinks, by relays that run. On every dialect."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import pytest

from reconcile.outbox import courier, tables
from reconcile.sinks.memory import MemorySink
from reconcile.sinks.sink import Delivered, Failed, Refused
from strangler.core.errors import UsageError
from tests.unit.reconcile.outbox_office import MOMENT, WRITTEN, office, route

KINDS = {"one by one": {"batch": 1, "keeps_order": False}, "many": {"batch": 10, "keeps_order": False}, "in order": {"batch": 10}}


@pytest.fixture
def place(fresh, dialect):
    with office(fresh(dialect)) as found:
        yield found


@pytest.fixture
def small(fresh):
    """Where the dialect does not matter."""
    with office(fresh("sqlite")) as found:
        yield found


@pytest.fixture(params=KINDS)
def sink(request):
    return MemorySink(**KINDS[request.param])


def keys(sink):
    return [event.key for event in sink.delivered]


def numbers(sink, key=None):
    """The sequences that were delivered, of one key or all."""
    return [event.sequence for event in sink.delivered if key is None or event.key == key]


def settled(place):
    return place.count(WRITTEN) == 0 and place.count(tables.DELIVERY) == place.count(tables.LANE) == 0


def test_everything_arrives_in_order_per_key_and_nothing_is_left(place, sink):
    place.write(*[key for _ in range(15) for key in "abcdefg"])
    with place.relaying(bus=sink):
        place.until(lambda: len(sink.delivered) == 105)
        place.write("a", None, None)
        place.until(lambda: len(sink.delivered) == 108 and settled(place))
    for key in "abcdefg":
        assert numbers(sink, key) == sorted(numbers(sink, key))
    assert sorted(numbers(sink)) == list(range(1, 109))
    assert sink.closed


def test_a_call_holds_no_key_twice_unless_the_sink_keeps_order(small):
    mixed, ordered = MemorySink(batch=10, keeps_order=False), MemorySink(batch=10)
    small.with_sinks(route("mixed"), route("ordered")).write(*("aabbccdd" * 4))
    with small.relaying(mixed=mixed, ordered=ordered):
        small.until(lambda: settled(small))
    assert all(len({event.key for event in call}) == len(call) for call in mixed.calls)
    assert any(len({event.key for event in call}) < len(call) for call in ordered.calls)
    assert max(map(len, ordered.calls)) <= 10


def test_sinks_are_given_what_was_written(small):
    small.write("k", type="a.b", payload='{"x": 1}', headers='{"Trace": "t", "n": 1}', version=3, event_id="id")
    sink = MemorySink()
    with small.relaying(bus=sink):
        small.until(lambda: sink.delivered)
    (event,) = sink.delivered
    assert (event.sequence, event.id, event.type, event.key, event.payload) == (1, "id", "a.b", "k", b'{"x": 1}')
    assert (event.headers, event.version, event.at, event.source) == ({"trace": "t", "n": "1"}, 3, MOMENT, "/strangler/outbox")


def test_headers_that_cannot_be_read_make_a_dead_letter_of_their_event_only(small):
    small.write("a", headers="{")
    small.write("b")
    sink = MemorySink()
    with small.relaying(bus=sink):
        small.until(lambda: small.lanes("state", "error") == [("dead", "its headers are no JSON object of names and values")])
    assert keys(sink) == ["b"]


def test_one_that_is_refused_holds_its_key_and_no_other(place, sink):
    sink.answer = lambda event: Refused("cannot be read") if event.sequence == 2 else Delivered()
    place.write("a", "a", "a", "b", "b")
    with place.relaying(bus=sink):
        place.until(lambda: len(sink.delivered) == 3)
        place.until(lambda: place.lanes("key", "state", "error") == [("=a", "dead", "cannot be read")])
    assert numbers(sink, "a") == [1]
    assert numbers(sink, "b") == [4, 5]
    assert place.deliveries() == [2, 3]


def test_what_comes_after_a_dead_letter_waits_with_it(place):
    sink = MemorySink(answer=lambda event: Refused("no") if event.sequence == 1 else Delivered())
    place.write("a")
    with place.relaying(bus=sink):
        place.until(lambda: place.lanes("state") == ["dead"])
        place.write("a", "b")
        place.until(lambda: keys(sink) == ["b"])
        place.until(lambda: place.deliveries() == [1, 2])
    assert place.lanes("state") == ["dead"]


def test_a_dead_letter_is_passed_where_order_does_not_count(place, sink):
    place.with_sinks(route(after_dead="pass"))
    sink.answer = lambda event: Refused("cannot be read") if event.sequence in (2, 3) else Delivered()
    place.write("a", "a", "a", "a", "b")
    with place.relaying(bus=sink):
        place.until(lambda: len(sink.delivered) == 3 and len(place.lanes()) == 2)
    assert numbers(sink, "a") == [1, 4]
    assert place.lanes("key", "state", "error") == [("!2", "dead", "cannot be read"), ("!3", "dead", "cannot be read")]


def test_a_failing_key_is_tried_so_often_and_no_other_waits_for_it(place, sink):
    tries = []

    def answer(event):
        if event.key != "bad":
            return Delivered()
        tries.append(event.sequence)
        return Failed("status 500")

    sink.answer = answer
    place.with_sinks(route(attempts=4)).write("bad", "bad", *"abcdefgh")
    with place.relaying(bus=sink):
        place.until(lambda: len(sink.delivered) == 8)
        place.until(lambda: place.lanes("key", "state", "attempts") == [("=bad", "dead", 4)])
    assert tries == [1, 1, 1, 1]
    assert place.lanes("error") == ["status 500 (given up after 4 attempts)"]


def test_an_event_that_follows_others_has_attempts_of_its_own(place):
    """Delivered ones before it in the same turn are not held against it."""
    failures = defaultdict(int)

    def answer(event):
        failures[event.sequence] += 1
        return Failed("not yet") if failures[event.sequence] < 3 else Delivered()

    sink = MemorySink(batch=1, keeps_order=False, answer=answer)
    place.with_sinks(route(attempts=3)).write("a", "a", "a", "a")
    with place.relaying(bus=sink):
        place.until(lambda: settled(place))
    assert numbers(sink) == [1, 2, 3, 4]


def test_a_sink_that_is_away_counts_nothing_and_gets_everything_later(place, sink):
    sink.away = "connection refused"
    place.with_sinks(route(attempts=1)).write(*"abcdefgh", "a")
    with place.relaying(bus=sink, draw=lambda: 0.0):
        place.until(lambda: len(sink.calls) >= 3)
        assert place.lanes("state") == ["waiting"] * 8
        sink.away = ""
        place.until(lambda: settled(place))
    assert sorted(numbers(sink)) == list(range(1, 10))
    assert numbers(sink, "a") == [1, 9]


def test_a_sink_that_fails_for_every_key_is_away_too(place):
    """Or all that happened meanwhile would be dead letters, and somebody's night would be over."""
    sink = MemorySink(batch=1, keeps_order=False, answer=lambda event: Failed("status 500"))
    place.with_sinks(route(attempts=3)).write(*(f"{number}" for number in range(12)))
    with place.relaying(bus=sink, draw=lambda: 0.0):
        place.until(lambda: len(sink.calls) >= 7 and place.all(tables.SINK, "state") == ["failing"])
        sink.answer = lambda event: Delivered()
        place.until(lambda: settled(place))
    assert sorted(numbers(sink)) == list(range(1, 13))


def test_a_sink_that_hangs_or_cannot_be_opened_keeps_no_other_waiting(small, monkeypatch):
    class Hanging(MemorySink):
        async def send(self, events):
            await asyncio.Event().wait()

    good = MemorySink()
    small.with_sinks(route("good"), route("hanging"), route("nowhere")).write("a", "b")

    def opening(name, settings):
        if name == "nowhere":
            raise UsageError("sink nowhere: its library is not installed")
        return {"good": good, "hanging": Hanging()}[name]

    told = []
    monkeypatch.setattr(courier, "_LAST", 0.1)
    with small.relaying(open_sink=opening, tell=told.append):
        small.until(lambda: len(good.delivered) == 2)
        small.until(lambda: told and "its library is not installed" in told[-1]["sink nowhere"])
    assert small.deliveries("hanging") == [1, 2]
    assert small.lanes("token", sink="hanging") == [None, None]


def test_a_sink_that_breaks_its_promise_has_failed(small):
    class Broken(MemorySink):
        async def send(self, events):
            if events[0].key == "raises":
                raise KeyError("oh")
            return [] if events[0].key == "few" else await super().send(events)

    sink = Broken(batch=1)
    small.with_sinks(route(attempts=2)).write("raises", "few", "a")
    with small.relaying(bus=sink):
        small.until(lambda: small.lanes("state") == ["dead", "dead"])
    errors = small.lanes("error")
    assert errors[0].startswith("the sink gave 0 outcomes for 1 events")
    assert errors[1].startswith("the sink broke: KeyError: 'oh'")


def test_large_payloads_come_when_they_are_sent(place, sink):
    """1 MiB each; and one that is larger than everything that may be in memory."""
    payload = "x" * 2**20
    for number in range(6):
        place.write("a", "b", payload=payload[:-1] + f"{number}")
    with place.relaying(bus=sink):
        place.until(lambda: settled(place))
    assert sorted(numbers(sink)) == list(range(1, 13))
    assert {len(event.payload) for event in sink.delivered} == {2**20}
    for key in "ab":
        assert [event.payload[-1:] for event in sink.delivered if event.key == key] == [b"%d" % each for each in range(6)]


def test_what_was_done_is_noted_and_adds_up_over_relays(place):
    sink = MemorySink()
    for count in (3, 4):
        place.write(*("abcd"[:count]))
        with place.relaying(bus=sink):
            place.until(lambda: settled(place))
    assert place.all(tables.SINK, "name", "state", "delivered", "failed") == [("bus", "running", 7, 0)]


def follow(sink, total):
    """Every event is there, once or more often under its own number, and those of a key never step back."""
    assert sorted(set(numbers(sink))) == list(range(1, total + 1))
    seen = {}
    for event in sink.delivered:
        assert seen.get(event.key, 0) < event.sequence
        seen[event.key] = event.sequence


def test_two_relays_share_the_work(place):
    sink = MemorySink(batch=20)
    for _ in range(6):
        place.write(*(f"{number}" for number in range(100)))
    with place.relaying(bus=sink), place.relaying(bus=sink):
        place.until(lambda: settled(place))
    follow(sink, 600)


def test_ten_thousand_keys(fresh):
    sink = MemorySink(batch=200)
    with office(fresh("postgresql")) as place:
        for start in range(0, 10_000, 2000):
            place.write(*(f"{number}" for number in range(start, start + 2000)))
        place.write("0", "5000", "9999")
        with place.relaying(bus=sink):
            place.until(lambda: settled(place))
    follow(sink, 10_003)
