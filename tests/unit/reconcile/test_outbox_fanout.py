"""From the table that applications write to, to one delivery for each sink. On every dialect."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert, select

from reconcile.databases.database import opened
from reconcile.mapping.model import Database as Address
from reconcile.outbox import tables
from reconcile.outbox.patterns import fitting
from tests.unit.reconcile.outbox_office import MOMENT, WRITTEN, office, route


@pytest.fixture
def place(fresh, dialect):
    with office(fresh(dialect)) as found:
        yield found


@pytest.fixture(params=["postgresql", "mariadb"])
def server(fresh, request):
    """Where several can write at once."""
    with office(fresh(request.param)) as found:
        yield found


def row(key, **parts):
    return {"type": "order.placed", "key": key, "payload": "{}", "at": MOMENT, **parts}


@pytest.mark.parametrize(
    ("patterns", "taken"),
    [
        (("*",), ["order.placed", "order.paid", "customer.moved", ""]),
        (("order.*",), ["order.placed", "order.paid"]),
        (("order.placed", "customer.*"), ["order.placed", "customer.moved"]),
        (("*.p*d",), ["order.placed", "order.paid"]),
        (("order",), []),
        (("order?placed", "[o]rder.*", "ORDER.*"), []),
    ],
)
def test_a_star_stands_for_anything_and_everything_else_for_itself(patterns, taken):
    assert fitting(patterns, ["order.placed", "order.paid", "customer.moved", ""]) == taken


def test_events_are_taken_in_order_and_their_rows_go(place):
    place.write("a", "b", "a", None)
    assert place.fanout().step().taken == 4
    assert place.events("sequence", "key") == [(1, "a"), (2, "b"), (3, "a"), (4, None)]
    assert place.count(WRITTEN) == 0
    assert place.deliveries() == [1, 2, 3, 4]
    assert sorted(place.lanes()) == [("#4", 1), ("=a", 2), ("=b", 1)]
    assert place.fanout().step().is_idle


def test_sequences_have_no_gaps_over_many_steps(place):
    fanout = place.fanout(largest=3)
    for _ in range(3):
        place.write(*"abcdefg")
        while not fanout.step().is_idle:
            pass
    assert place.events("sequence") == list(range(1, 22))
    assert place.events("key") == [*"abcdefg"] * 3
    assert sorted(place.lanes()) == [(f"={key}", 3) for key in "abcdefg"]


def test_everything_that_was_written_is_kept(place):
    told = {"headers": '{"a": "b"}', "content_type": "text/plain", "version": 7, "at": MOMENT + 5}
    place.write("ä" * 700, type="order.geändert", payload="💶", **told)
    place.write("k", event_id="an id", payload="")
    place.spread()
    parts = ("event_id", "type", "key", "payload", "size", "content_type", "headers", "version", "at")
    assert place.events(*parts) == [
        ("outbox_events:1", "order.geändert", "ä" * 700, "💶".encode(), 4, "text/plain", '{"a": "b"}', 7, MOMENT + 5),
        ("an id", "order.placed", "k", b"", 0, "application/json", None, None, MOMENT),
    ]
    assert place.lanes("key") == ["=" + "ä" * 600, "=k"] or place.lanes("key") == ["=k", "=" + "ä" * 600]


def test_keys_are_told_apart_by_every_byte(place):
    keys = ["a", "A", "a ", "\u00e4", "a\u0308", "😀", "quote'\"\\", "%s", "", "#1", "=a", None]
    place.write(*keys)
    place.spread()
    assert len(place.lanes("key")) == len(keys)


def test_a_row_that_is_committed_late_is_not_passed_over(server):
    """The trap of every `id > last`: a low id that becomes visible after a higher one."""
    with server.writer() as slow:
        slow.execute(insert(WRITTEN), [row("late")])
        server.write("early")
        fanout = server.fanout()
        assert fanout.step().taken == 1
        assert server.events("key") == ["early"]
        assert fanout.step().is_idle
        slow.commit()
        assert fanout.step().taken == 1
    assert server.events("key") == ["early", "late"]
    assert server.deliveries() == [1, 2]


def test_a_long_transaction_stops_nobody(server):
    with server.writer() as long:
        long.execute(select(WRITTEN)).all()
        long.execute(insert(WRITTEN), [row("long")])
        for number in range(20):
            server.write(f"{number}")
            server.spread()
        assert server.count(tables.EVENT) == 20
        long.commit()
    server.spread()
    assert server.count(tables.EVENT) == 21


def test_a_writer_does_not_wait_for_a_fan_out_that_stands_still(server):
    """It holds whatever locks it takes, and an insert that had to wait for one would fail at once."""
    server.write("a", "b")
    waits = "SET lock_timeout = '1s'" if server.database.dialect == "postgresql" else "SET innodb_lock_wait_timeout = 1"
    fanout = server.fanout()
    with server.writer() as writer, server.database.writing() as connection:
        assert fanout._spread(connection).taken == 2
        writer.exec_driver_sql(waits)
        writer.execute(insert(WRITTEN), [row(key) for key in "abcde"])
        writer.commit()
    server.spread()
    assert server.events("key") == [*"ababcde"]


def test_one_at_a_time_and_the_other_does_not_wait(server):
    server.write("a")
    with server.database.writing() as connection:
        assert server.fanout()._spread(connection).taken == 1
        assert server.fanout().step().busy
    assert server.fanout().step().is_idle


def test_two_fan_outs_at_once_take_every_event_once(place):
    """On every dialect; SQLite lets one after the other write."""
    total, failures = 300, []

    def work():
        try:
            with opened({"old": Address(place.url)}, "old") as (database,):
                fanout = type(place)(database, *place.outbox.sinks).fanout(largest=7)
                while place.count(tables.EVENT) < total:
                    fanout.step()
        except Exception as error:
            failures.append(error)

    place.write(*(f"{number}" for number in range(total)))
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert place.events("sequence") == list(range(1, total + 1))
    assert place.deliveries() == list(range(1, total + 1))
    assert place.events("key") == [f"{number}" for number in range(total)]


def test_payloads_bound_a_transaction_but_never_to_nothing(place):
    place.write("a", "b", "c", payload="x" * 60_000)
    fanout = place.fanout(room=100_000)
    assert [fanout.step().taken for _ in range(4)] == [1, 1, 1, 0]
    place.write("d", payload="x" * 110_000)
    assert fanout.step().taken == 1


def test_each_sink_gets_the_types_it_takes(place):
    place.write("a", type="order.placed")
    place.write("a", type="customer.moved")
    place.write("a", type="order.paid")
    place.spread(route("orders", types=("order.*",)), route("all"), route("none", types=("nothing",)))
    assert place.deliveries("orders") == [1, 3]
    assert place.deliveries("all") == [1, 2, 3]
    assert place.deliveries("none") == []
    assert place.lanes(sink="orders") == [("=a", 2)]


@pytest.mark.parametrize(
    ("start", "has"),
    [("now", [4, 5]), ("beginning", [1, 2, 3, 4, 5]), ("2027-01-15T08:00:02Z", [2, 3, 4, 5]), ("2100-01-01T00:00:00Z", [4, 5])],
)
def test_a_new_sink_begins_where_it_is_told_to(place, start, has):
    for second in (1, 2, 3):
        place.write("a", at=MOMENT + second * 1_000_000)
    place.spread()
    place.write("a", at=MOMENT + 4_000_000)  # written before the sink is known, and not taken over yet
    new = route("new", start=start)
    place.spread(*place.outbox.sinks, new)
    place.write("a", at=MOMENT + 5_000_000)
    place.spread(*place.outbox.sinks, new)
    assert place.deliveries("new") == has
    assert place.deliveries() == [1, 2, 3, 4, 5]


def test_a_sink_that_another_configuration_did_not_know_misses_nothing(place):
    """Two relays, and only one has the new file: the other's fan-outs are made up for."""
    new = route("new")
    place.spread(*place.outbox.sinks, new)
    place.write("a", "b")
    place.spread()
    assert place.deliveries("new") == []
    place.spread(*place.outbox.sinks, new)
    assert place.deliveries("new") == [1, 2]


def test_a_backlog_for_a_new_sink_is_spread_in_steps(place):
    place.write(*(f"{number}" for number in range(50)))
    place.spread()
    fanout = place.fanout(route("new", start="beginning"), most=7)
    steps = []
    while (found := fanout.step().made) > 0:
        steps.append(found)
    assert steps == [7] * 7 + [1]
    assert place.deliveries("new") == list(range(1, 51))


def test_two_events_with_one_id_are_both_delivered(place):
    """Nobody can tell here whether they are one fact or two: the consumer's inbox can."""
    place.write("a", "a", event_id="same")
    place.spread()
    assert place.events("event_id") == ["same", "same"]
    assert place.deliveries() == [1, 2]


def test_rows_are_marked_where_a_team_wants_to_keep_them(fresh, dialect):
    with office(fresh(dialect), mark="version") as place:
        place.write("a", "b")
        place.spread()
        place.write("c")
        place.spread()
        assert place.events("key") == ["a", "b", "c"]
        assert None not in place.all(WRITTEN, "version")


def test_a_row_that_a_writer_holds_is_not_waited_for(server):
    """MariaDB would read a small table whole to delete from it, and wait for rows that it does not even want."""
    with server.writer() as writer:
        writer.execute(insert(WRITTEN), [row("mine")])
        server.write(*(f"{number}" for number in range(60)))
        with server.database.writing() as connection:
            connection.exec_driver_sql(
                "SET LOCAL lock_timeout = '1s'" if server.database.dialect == "postgresql" else "SET innodb_lock_wait_timeout = 1"
            )
            assert server.fanout()._spread(connection).taken == 60
