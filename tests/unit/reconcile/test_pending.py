"""Keys that wait: collected from the outbox, claimed for a time, and settled by whoever holds them. On every dialect."""

from __future__ import annotations

import json
import threading
from functools import partial

import pytest
from sqlalchemy import create_engine, delete, func, insert, select, update

from reconcile.capturing import tables as capturing
from reconcile.capturing.tables import OUTBOX
from reconcile.databases import tables as own
from reconcile.databases.database import opened
from reconcile.mapping.model import Database as Address
from reconcile.relaying import lease, tables
from reconcile.relaying.change import Listener
from reconcile.relaying.contention import outlast
from reconcile.relaying.patience import Fate, Patience
from reconcile.relaying.pending import Claim, collect, collect_within, enqueue, states
from reconcile.relaying.tables import PENDING, PROGRESS, ROGUE
from strangler.core.errors import UsageError

PATIENCE = Patience(lease=30.0, deaths=5)


def spell(key):
    return json.dumps(list(key), separators=(",", ":"), ensure_ascii=False)


def listener(mapping="things", owns=True):
    return Listener(mapping, owns, lambda text: tuple(json.loads(text)), spell)


LISTENERS = {"thing:id": [listener()]}


class Yard:
    """A captured database, and short words for what happens in it."""

    def __init__(self, database):
        self.database = database

    def write(self, *keys, feed="thing:id", origin="", old_key=None, at=1):
        rows = [
            {"feed": feed, "key": spell((key,)), "old_key": old_key, "operation": "U", "origin": origin, "at": at} for key in keys
        ]
        with self.database.writing() as connection:
            connection.execute(insert(OUTBOX), rows)

    def collect(self, listeners=LISTENERS, **options):
        return collect(self.database, listeners, **options)

    def collect_and_claim(self, token, mappings=("things",), seconds=30.0):
        with self.database.writing() as connection:
            collect_within(self.database, connection, LISTENERS, 1000, Claim(token, seconds, mappings))
        return self.held(token)

    def claim(self, token, names=("things",), limit=100, patience=PATIENCE):
        with self.database.writing() as connection:
            if not lease.claim_orphans(self.database, connection, names, limit, token, patience):
                lease.claim_due(self.database, connection, dict.fromkeys(names, limit), limit, token, patience)
        return self.held(token)

    def held(self, token):
        with self.database.reading() as connection:
            return sorted(each.key for each in lease.held(self.database, connection, token))

    def settle(self, token, *keys, **fates):
        fates = {("things", f"[{key[1:]}]"): fate for key, fate in fates.items()}
        return lease.settle(self.database, token, [("things", f"[{key}]") for key in keys], fates)

    def expire(self):
        with self.database.writing() as connection:
            connection.execute(update(PENDING).where(PENDING.c.token.is_not(None)).values(lease_until=1))

    def due(self):
        with self.database.writing() as connection:
            connection.execute(update(PENDING).where(PENDING.c.state != "dead").values(due_at=1))

    def all(self, table=PENDING, *columns):
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.execute(select(*columns or table.c).order_by(*table.primary_key))]

    def keys(self):
        return [key for (key,) in self.all(PENDING, PENDING.c.key)]

    def count(self, table):
        with self.database.reading() as connection:
            return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.fixture
def yard(fresh, dialect):
    with opened({"old": Address(fresh(dialect))}, "old") as (database,):
        own.ensure(database, capturing.METADATA)
        tables.ensure(database)
        yield Yard(database)


def test_keys_coalesce_and_the_outbox_is_empty_afterwards(yard):
    yard.write(1, 2, 1, 1)
    assert yard.collect().rows == 4
    assert yard.all(PENDING, PENDING.c.key, PENDING.c.version) == [("[1]", 1), ("[2]", 1)]
    yard.write(2, 3)
    yard.collect()
    assert yard.all(PENDING, PENDING.c.key, PENDING.c.version) == [("[1]", 1), ("[2]", 2), ("[3]", 1)]
    assert yard.count(OUTBOX) == 0


def test_a_changed_key_waits_as_both(yard):
    yard.write(8, old_key="[7]")
    yard.collect()
    assert yard.keys() == ["[7]", "[8]"]


def test_keys_are_told_apart_by_every_byte(yard):
    keys = ["a", "A", "a ", "\u00e4", "a\u0308", "😀", "quote'\"\\", "%s", ""]
    yard.write(*keys)
    yard.collect()
    assert sorted(yard.keys()) == sorted(spell((key,)) for key in keys)
    with yard.database.reading() as connection:
        found = states(connection, "things", [(key,) for key in keys])
    assert {key[0] for key in found} == set(keys)


def test_rows_that_nobody_here_listens_to_stay(yard):
    yard.write(1, feed="other:id")
    yard.write(2)
    yard.collect()
    assert yard.keys() == ["[2]"]
    assert yard.all(OUTBOX, OUTBOX.c.feed) == [("other:id",)]


def test_at_most_so_many_rows_are_taken_oldest_first(yard):
    yard.write(*range(10))
    yard.collect(limit=3)
    assert yard.keys() == ["[0]", "[1]", "[2]"]
    assert yard.count(OUTBOX) == 7


def test_a_key_that_cannot_be_one_is_a_dead_letter_and_stops_nobody(yard):
    def refuse(text):
        raise UsageError("is not a key")

    yard.write(1)
    yard.collect({"thing:id": [Listener("broken", True, refuse, spell), listener()]})
    assert yard.all(PENDING, PENDING.c.mapping, PENDING.c.state, PENDING.c.error) == [
        ("broken", "dead", "is not a key"),
        ("things", "waiting", None),
    ]


def test_rogue_writes_are_counted_by_key_and_not_relayed(yard):
    other = {"thing:id": [listener(owns=False)]}
    yard.write(1, 1, 2, origin="cron", at=5)
    yard.write(3, origin="relay")
    yard.collect(other)
    yard.write(1, at=9)
    yard.collect(other)
    assert yard.keys() == []
    assert yard.all(ROGUE, ROGUE.c.key, ROGUE.c.writes, ROGUE.c.origin, ROGUE.c.first_at, ROGUE.c.last_at) == [
        ("[1]", 3, "", 5, 9),
        ("[2]", 1, "cron", 5, 5),
    ]


def test_a_heartbeat_is_noted_and_never_an_older_one_after_a_newer(yard):
    for at in (7, 9, 4):
        with yard.database.writing() as connection:
            row = {"feed": "heartbeat", "key": "[1]", "operation": "H", "origin": "", "at": at}
            connection.execute(insert(OUTBOX), row)
        yard.collect()
    assert yard.all(PROGRESS, PROGRESS.c.beat_at) == [(9,)]
    assert yard.keys() == []


def test_what_was_collected_can_be_claimed_at_once_except_what_waited_before(yard):
    yard.write(1)
    yard.collect()
    yard.write(1, 2)
    assert yard.collect_and_claim("mine") == ["[2]"]
    assert yard.collect_and_claim("mine", mappings=()) == ["[2]"]


def test_a_claimed_key_is_nobody_elses(yard):
    yard.write(1, 2, 3)
    yard.collect()
    assert yard.claim("a", limit=2) == ["[1]", "[2]"]
    assert yard.claim("b") == ["[3]"]
    assert yard.claim("c") == []


def test_only_the_mappings_that_are_asked_for_are_claimed_each_with_its_share(yard):
    several = {"thing:id": [listener(name) for name in ("a", "b", "c")]}
    yard.write(*range(6))
    yard.collect(several)
    assert yard.claim("mine", names=("a", "b"), limit=4) == ["[0]", "[0]", "[1]", "[1]"]


def test_a_settled_key_is_gone(yard):
    yard.write(1, 2)
    yard.collect_and_claim("mine")
    assert yard.settle("mine", 1, 2) == lease.Settled(done=2, again=0, lost=0)
    assert yard.keys() == []


def test_a_key_that_changed_while_it_was_applied_waits_again(yard):
    yard.write(1, 2)
    yard.collect_and_claim("mine")
    yard.write(1)
    yard.collect()
    assert yard.settle("mine", 1, 2) == lease.Settled(done=1, again=1, lost=0)
    assert yard.claim("next") == ["[1]"]
    assert yard.settle("next", 1).done == 1


def test_a_lease_that_ran_out_is_taken_over_and_the_late_settlement_does_nothing(yard):
    yard.write(1)
    yard.collect_and_claim("early")
    assert yard.claim("other") == []
    yard.expire()
    assert yard.claim("late") == ["[1]"]
    assert yard.settle("early", 1) == lease.Settled(done=0, again=0, lost=1)
    assert yard.held("late") == ["[1]"]
    assert yard.settle("late", 1).done == 1


def test_a_late_failure_does_nothing_either(yard):
    yard.write(1)
    yard.collect_and_claim("early")
    yard.expire()
    yard.claim("late")
    assert yard.settle("early", 1, _1=Fate("dead", 0, "no")).lost == 1
    assert yard.all(PENDING, PENDING.c.state, PENDING.c.token) == [("waiting", "late")]


def test_a_lease_that_is_renewed_goes_on(yard):
    yard.write(1)
    yard.collect_and_claim("mine")
    yard.expire()
    assert lease.renew(yard.database, "mine", 30.0) == 1
    assert yard.claim("other") == []


def test_a_released_key_is_as_if_it_had_never_been_claimed(yard):
    yard.write(1)
    yard.collect()
    before = yard.all(PENDING, PENDING.c.attempts, PENDING.c.version, PENDING.c.state, PENDING.c.token)
    yard.claim("mine")
    lease.release(yard.database, "mine", ["things"])
    assert yard.all(PENDING, PENDING.c.attempts, PENDING.c.version, PENDING.c.state, PENDING.c.token) == before
    assert yard.claim("other") == ["[1]"]


def test_a_failed_key_waits_and_the_attempt_is_counted(yard):
    yard.write(1, 2)
    yard.collect_and_claim("mine")
    assert yard.settle("mine", 1, 2, _1=Fate("waiting", 60.0, "no")).done == 1
    assert yard.all(PENDING, PENDING.c.key, PENDING.c.attempts, PENDING.c.error) == [("[1]", 1, "no")]
    assert yard.claim("early") == []
    yard.due()
    assert yard.claim("later") == ["[1]"]
    assert yard.all(PENDING, PENDING.c.attempts) == [(2,)]


def test_a_deferred_key_keeps_the_moment_it_was_first_deferred_and_is_no_attempt(yard):
    yard.write(1)
    yard.collect_and_claim("mine")
    yard.settle("mine", 1, _1=Fate("deferred", 0.0, "no parent", counts=False))
    ((attempts, state, first),) = yard.all(PENDING, PENDING.c.attempts, PENDING.c.state, PENDING.c.deferred_at)
    assert (attempts, state) == (0, "deferred")
    yard.due()
    yard.claim("next")
    yard.settle("next", 1, _1=Fate("deferred", 0.0, "no parent", counts=False))
    assert yard.all(PENDING, PENDING.c.attempts, PENDING.c.deferred_at) == [(0, first)]


def test_a_dead_letter_is_not_claimed_until_its_row_changes_again(yard):
    yard.write(1)
    yard.collect_and_claim("mine")
    yard.settle("mine", 1, _1=Fate("dead", 0.0, "no"))
    assert yard.claim("next") == []
    yard.write(1)
    yard.collect()
    assert yard.all(PENDING, PENDING.c.state, PENDING.c.attempts, PENDING.c.error) == [("waiting", 0, None)]
    assert yard.claim("next") == ["[1]"]


def test_what_changed_while_it_failed_for_the_last_time_is_not_given_up(yard):
    yard.write(1)
    yard.collect_and_claim("mine")
    yard.write(1)
    yard.collect()
    yard.settle("mine", 1, _1=Fate("dead", 0.0, "no"))
    assert yard.all(PENDING, PENDING.c.state) == [("waiting",)]
    assert yard.claim("next") == ["[1]"]


def test_what_ends_every_relay_that_takes_it_ends_alone_and_is_buried(yard):
    yard.write(*range(100))
    yard.collect()
    killer, batches = "[42]", []
    for death in range(200):
        held = yard.claim(f"relay {death}", limit=64)
        if not held:
            break
        batches.append(len(held))
        if killer in held:
            yard.expire()
        else:
            yard.settle(f"relay {death}", *range(100))
    assert batches[:2] == [64, 8]
    assert 1 in batches
    ((key, state, error),) = yard.all(PENDING, PENDING.c.key, PENDING.c.state, PENDING.c.error)
    assert (key, state) == (killer, "dead")
    assert "relays went away while they held it, 5 times" in error


def test_enqueued_keys_wait_like_changed_ones(yard):
    with yard.database.writing() as connection:
        enqueue(connection, "things", [(1,), (2,), (1,)], "backfill")
    assert yard.all(PENDING, PENDING.c.key, PENDING.c.origin) == [("[1]", "backfill"), ("[2]", "backfill")]
    assert yard.claim("mine") == ["[1]", "[2]"]


def test_states_say_who_waits_and_how(yard):
    yard.write(1, 2)
    yard.collect_and_claim("mine")
    yard.settle("mine", 1, 2, _1=Fate("dead", 0.0, "no"), _2=Fate("waiting", 9.0, "not yet"))
    with yard.database.reading() as connection:
        found = states(connection, "things", [(1,), (2,), (3,)])
    assert {key: (each.state, each.error, each.leased) for key, each in found.items()} == {
        (1,): ("dead", "no", False),
        (2,): ("waiting", "not yet", False),
    }


@pytest.fixture
def slow_writer(yard, dialect):
    """A writer whose row has the lowest id, and that has not committed."""
    if dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: ids are in the order of commits")
    engine = create_engine(yard.database.engine.url)
    with engine.connect() as connection:
        connection.execute(insert(OUTBOX), {"feed": "thing:id", "key": "[1]", "operation": "I", "origin": "", "at": 1})
        yield connection
        connection.rollback()
    engine.dispose()


def test_a_lower_id_that_is_committed_later_is_not_passed_over_and_waits_for_nobody(yard, slow_writer):
    yard.write(2, 3)
    yard.collect()
    assert yard.keys() == ["[2]", "[3]"]
    slow_writer.commit()
    yard.collect()
    assert yard.keys() == ["[1]", "[2]", "[3]"]


def test_a_writer_never_waits_for_the_relay(yard, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time, whoever it is")
    yard.write(*range(20))
    with yard.database.writing() as connection:
        collect_within(yard.database, connection, LISTENERS, 10)
        with yard.database.writing() as writer:
            if dialect == "mariadb":
                writer.exec_driver_sql("SET innodb_lock_wait_timeout = 1")
            else:
                writer.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
            row = {"feed": "thing:id", "key": "[99]", "operation": "I", "origin": "", "at": 1}
            writer.execute(insert(OUTBOX), [row] * 3)
    assert yard.count(OUTBOX) == 13


def test_many_collectors_and_claimers_at_once_lose_nothing_and_share(yard):
    """Each key changes many times while four relays take, settle and take again; in the end each was settled after its last."""
    stop, failures, seen = threading.Event(), [], {}

    def relay(name):
        number = 0
        try:
            while not stop.is_set() or yard.count(OUTBOX) or yard.count(PENDING):
                number += 1
                token = f"{name}-{number}"
                outlast(partial(yard.collect_and_claim, token))
                held = outlast(partial(yard.claim, token, limit=5))
                seen[name] = seen.get(name, 0) + len(held)
                outlast(partial(lease.settle, yard.database, token, [("things", key) for key in held], {}))
        except Exception as error:
            failures.append(error)

    relays = [threading.Thread(target=relay, args=(name,)) for name in "abcd"]
    for each in relays:
        each.start()
    for start in range(0, 60, 3):
        yard.write(start % 12, (start + 1) % 12, (start + 5) % 12)
    stop.set()
    for each in relays:
        each.join(60)
    assert failures == []
    assert (yard.count(OUTBOX), yard.count(PENDING)) == (0, 0)
    assert sum(seen.values()) >= 12


def test_the_tables_can_be_made_twice(yard):
    tables.ensure(yard.database)
    assert yard.count(PROGRESS) == 1
    with yard.database.writing() as connection:
        connection.execute(delete(PROGRESS))
