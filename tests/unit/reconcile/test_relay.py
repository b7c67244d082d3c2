"""What is written on the old side comes to stand on the new one, whatever happens on the way. On every dialect."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import event, insert, select, text, update

from reconcile.capturing.install import install
from reconcile.capturing.tables import OUTBOX
from reconcile.databases import clock
from reconcile.databases.database import opened
from reconcile.owning import ownership
from reconcile.relaying import batch, dead
from reconcile.relaying.crew import run as run_crew
from reconcile.relaying.patience import Patience
from reconcile.relaying.pending import enqueue
from reconcile.relaying.status import status
from reconcile.relaying.tables import PENDING, ROGUE, SKIPPED
from strangler.core.errors import UsageError
from tests.unit.reconcile.relaying import Families, drain


@pytest.fixture
def families(fresh, dialect, tmp_path):
    found = Families(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


def test_what_is_written_on_one_side_comes_to_stand_on_the_other(families):
    families.write(
        "INSERT INTO parent VALUES (1, 'ann', '1'), (2, 'bob', '2')",
        "INSERT INTO child VALUES (10, 1, 'cleo'), (11, 2, 'dan')",
    )
    families.settle()
    assert families.parents == [(1, "ann", 1), (2, "bob", 2)]
    assert families.children == [(10, 1, "cleo"), (11, 2, "dan")]
    families.write(
        "UPDATE parent SET grade = '7' WHERE id = 2", "DELETE FROM child WHERE id = 10", "DELETE FROM parent WHERE id = 1"
    )
    families.settle()
    assert families.parents == [(2, "bob", 7)]
    assert families.children == [(11, 2, "dan")]
    assert families.waiting() == {}


def test_a_row_that_changed_often_is_written_once_as_it_is_in_the_end(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    for grade in range(20):
        families.write(f"UPDATE parent SET grade = '{grade}' WHERE id = 1")
    found = families.settle()
    assert families.parents == [(1, "ann", 19)]
    assert (found.claimed, found.counts.inserted) == (1, 1)


def test_what_was_rolled_back_is_not_relayed(families):
    with families.old.connect() as connection:
        connection.execute(text("INSERT INTO parent VALUES (1, 'ann', '1')"))
        connection.rollback()
    assert families.settle().claimed == 0


def test_a_poison_row_stops_nobody_and_ends_as_a_dead_letter_with_its_reason(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', 'none'), (2, 'bob', '2'), (3, 'cleo', '3')")
    families.settle(patience=Patience(pause=0.0, attempts=3))
    assert families.parents == [(2, "bob", 2), (3, "cleo", 3)]
    (letter,) = dead.list(families.plan)
    assert (letter.mapping, letter.key, letter.attempts) == ("parents", "[1]", 3)
    assert "grade" in letter.error
    assert "given up after 3 attempts" in letter.error
    assert "none" not in letter.error.replace("none of", "")


def test_a_dead_letter_whose_row_is_corrected_comes_alive_by_itself(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', 'none')")
    families.settle(patience=Patience(pause=0.0, attempts=2))
    assert len(dead.list(families.plan)) == 1
    families.write("UPDATE parent SET grade = '1' WHERE id = 1")
    families.settle()
    assert families.parents == [(1, "ann", 1)]
    assert dead.list(families.plan) == ()


def test_a_dead_letter_can_be_retried_or_skipped_with_a_reason(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', 'none'), (2, 'bob', 'none')")
    families.settle(patience=Patience(pause=0.0, attempts=2))
    assert dead.retry(families.plan, "parents", ["1"]) == 1
    assert families.waiting() == {("parents", "[1]"): "waiting", ("parents", "[2]"): "dead"}
    with pytest.raises(UsageError, match="needs a reason"):
        dead.skip(families.plan, "parents", ["2"], " ", "ann")
    dead.skip(families.plan, "parents", ["2"], "bob is gone", "ann")
    assert families.waiting() == {("parents", "[1]"): "waiting"}
    (gone,) = dead.skipped(families.plan)
    assert (gone.mapping, gone.key, gone.reason, gone.actor) == ("parents", "[2]", "bob is gone", "ann")
    with pytest.raises(UsageError, match="no dead letter with the key 2"):
        dead.show(families.plan, "parents", ["2"])


def test_a_child_waits_for_its_parent_and_that_is_no_attempt(families):
    families.write("INSERT INTO child VALUES (10, 1, 'cleo')")
    with families.relay("children") as relay:
        assert relay.step().fates == {("children", "[10]"): "deferred"}
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as relay:
        relay.step()
        _make_due(families)
        drain(relay)
    assert families.children == [(10, 1, "cleo")]
    assert families.waiting() == {}


def test_a_child_whose_parent_never_comes_is_a_dead_letter_that_says_so(families):
    families.write("INSERT INTO child VALUES (10, 1, 'cleo')")
    with families.relay(patience=Patience(parent=0.0)) as relay:
        relay.step()
    (letter,) = dead.list(families.plan)
    assert (letter.key, letter.attempts) == ("[10]", 0)
    assert "waited" in letter.error


def test_a_changed_key_is_a_new_row_then_its_children_and_then_the_old_row_is_gone(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')", "INSERT INTO child VALUES (10, 1, 'cleo')")
    families.settle()
    families.write("UPDATE parent SET id = 5, name = 'anna' WHERE id = 1", "UPDATE child SET parent = 5")
    with families.relay() as relay:
        relay.step()
    assert families.parents == [(5, "anna", 1)]
    assert families.children == [(10, 5, "cleo")]


def test_two_rows_can_exchange_what_must_be_unique(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1'), (2, 'bob', '2'), (3, 'cleo', '3')")
    families.settle()
    families.write("UPDATE parent SET name = CASE id WHEN 1 THEN 'bob' WHEN 2 THEN 'cleo' ELSE 'ann' END")
    families.settle()
    assert families.parents == [(1, "bob", 1), (2, "cleo", 2), (3, "ann", 3)]
    assert families.waiting() == {}


def test_nothing_is_relayed_after_the_owner_has_moved(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as relay:
        drain(relay)
        ownership.set_owner(families.plan, "parents", "new")
        families.write("UPDATE parent SET grade = '9'", "INSERT INTO child VALUES (10, 1, 'cleo')")
        for _ in range(4):
            step = relay.step()
        assert "no way back" in step.troubles["parents"]
    assert families.parents == [(1, "ann", 1)]
    assert families.children == [(10, 1, "cleo")]


def test_a_batch_whose_table_is_away_is_applied_later_and_is_no_attempt(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as relay:
        drain(relay)
        families.run_all(families.new, "ALTER TABLE parents RENAME TO away")
        families.write("UPDATE parent SET grade = '5'")
        step = relay.step()
        assert list(step.troubles) == ["parents"]
        assert status(families.plan).mappings[0].state in ("failing", "running")
        families.run_all(families.new, "ALTER TABLE away RENAME TO parents")
        _hasten(relay)
        _make_due(families)
        drain(relay)
    assert families.parents == [(1, "ann", 5)]
    with families.old.connect() as connection:
        assert connection.execute(select(PENDING.c.attempts)).all() == []


_SESSION = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT connection_id()"}
_END = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}


def test_a_connection_that_is_lost_in_the_middle_of_a_batch_loses_nothing(families, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite is a file: it has no connection to lose")
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 31)))
    ended = []

    def end(connection, cursor, statement, *rest):
        """Before the first row is written: the transaction is open, and its rows are locked."""
        if statement.lstrip().upper().startswith("INSERT INTO PARENTS") and not ended:
            ended.append(statement)
            with connection.connection.cursor() as own:
                own.execute(_SESSION[dialect])
                (session,) = own.fetchone()
            with families.new.connect() as other:
                other.execute(text(_END[dialect].format(session)))

    with families.relay() as relay:
        (station,) = relay._stations.look(0.0)
        event.listen(station.courses[0].pair.target.database.engine, "before_cursor_execute", end)
        step = relay.step()
        assert ended
        assert list(step.troubles) == ["parents"]
        _hasten(relay)
        _make_due(families)
        drain(relay)
    assert families.agree()
    assert families.waiting() == {}


def test_a_key_that_drops_the_connection_every_time_is_a_dead_letter_at_last_and_the_others_go_on(families, dialect):
    if dialect == "sqlite":
        pytest.skip("SQLite is a file: it has no connection to lose")
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 6)))

    def end(connection, cursor, statement, parameters, *rest):
        if statement.lstrip().upper().startswith("INSERT INTO PARENTS") and "p3" in str(parameters):
            with connection.connection.cursor() as own:
                own.execute(_SESSION[dialect])
                (session,) = own.fetchone()
            with families.new.connect() as other:
                other.execute(text(_END[dialect].format(session)))

    with families.relay(patience=Patience(pause=0.0, attempts=2)) as relay:
        (station,) = relay._stations.look(0.0)
        event.listen(station.courses[0].pair.target.database.engine, "before_cursor_execute", end)
        for _ in range(30):
            relay.step()
            _hasten(relay)
            _make_due(families)
    assert families.waiting() == {("parents", "[3]"): "dead"}
    assert [key for key, *_ in families.parents] == [1, 2, 4, 5]
    assert "given up after 2 attempts" in dead.list(families.plan)[0].error


def test_an_emptied_source_halts_its_mapping_and_says_why(families):
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 101)))
    families.settle()
    families.write("DELETE FROM parent", "INSERT INTO child VALUES (10, 1, 'cleo')")
    with families.relay() as relay:
        found = drain(relay)
        assert "parents" in found.troubles
        relay._stations.look(0)[0].notes_at = 0.0
        relay.step()
    assert len(families.parents) == 100
    assert families.children == [(10, 1, "cleo")]
    found = {each.mapping: each for each in status(families.plan).mappings}
    assert found["parents"].state == "halted"
    assert "deleted" in found["parents"].why or "deletions" in found["parents"].why
    assert found["parents"].waiting == 100
    with families.old.connect() as connection:
        assert {row for (row,) in connection.execute(select(PENDING.c.attempts))} == {0}


def test_two_relays_share_the_work_and_nothing_is_lost(families):
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 61)))
    stop, failures = threading.Event(), []

    def run():
        try:
            with families.relay(largest=10) as relay:
                relay.run(stop)
        except Exception as error:
            failures.append(error)

    relays = [threading.Thread(target=run) for _ in range(2)]
    for each in relays:
        each.start()
    try:
        for grade in range(2, 8):
            for low in range(0, 60, 20):
                families.write(f"UPDATE parent SET grade = '{grade}' WHERE id > {low} AND id <= {low + 20}")
        _await(lambda: failures or (families.agree() and not families.waiting()))
    finally:
        stop.set()
        for each in relays:
            each.join(60)
    assert failures == []
    assert families.agree()


def test_the_status_tells_lag_and_what_waits(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as relay:
        drain(relay)
        relay._stations.look(0)[0].notes_at = 0.0
        drain(relay)
    found = status(families.plan)
    assert [(each.mapping, each.waiting, each.dead) for each in found.mappings] == [("parents", 0, 0), ("children", 0, 0)]
    assert found.mappings[0].applied == 1
    assert found.lag("parents") is not None
    assert found.stations[0].outbox == 0
    with families.old.begin() as connection:
        connection.execute(insert(OUTBOX), {"feed": "gone:id", "key": "[1]", "operation": "I", "origin": "", "at": 1})
    assert status(families.plan).stations[0].unheard == {"gone:id": 1}


def test_keys_that_wait_in_one_mapping_do_not_make_another_late(families):
    with families.relay() as relay:
        drain(relay)
        relay._stations.look(0)[0].notes_at = 0.0
        drain(relay)
    with opened(families.plan.databases, "old") as (old,), old.writing() as connection:
        enqueue(connection, "parents", [(1,)])
        connection.execute(update(PENDING).values(first_at=1, due_at=2**60))
    found = status(families.plan)
    assert found.lag("parents") > 1_000_000 > found.lag("children")


def test_a_relay_for_some_mappings_collects_for_the_others_and_leaves_them_their_keys(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')", "INSERT INTO child VALUES (10, 1, 'cleo')")
    with families.relay("parents") as relay:
        drain(relay)
    assert families.parents == [(1, "ann", 1)]
    assert families.waiting() == {("children", "[10]"): "waiting"}


def test_a_relay_that_is_told_to_stop_leaves_nothing_claimed(families):
    stop = threading.Event()
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as relay:
        thread = threading.Thread(target=relay.run, args=(stop,))
        thread.start()
        try:
            _await(lambda: families.parents)
        finally:
            stop.set()
            thread.join(30)
    assert families.waiting() == {}


def test_a_crew_shares_the_work_of_one_process_and_stops_when_it_is_told(families):
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 301)))
    stop, told = threading.Event(), []
    crew = threading.Thread(target=run_crew, args=(families.plan, stop), kwargs={"hands": 3, "tell": told.append})
    crew.start()
    try:
        _await(lambda: families.agree() and not families.waiting())
    finally:
        stop.set()
        crew.join(60)
    assert not crew.is_alive()
    assert not any(told)


def test_what_others_write_on_the_other_side_is_named_and_what_we_write_is_not(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1'), (2, 'bob', '2')")
    install(families.plan, side="new")
    families.settle()
    families.run_all(families.new, "UPDATE parents SET grade = 77 WHERE id = 2")
    families.settle()
    (found, _) = status(families.plan).mappings
    assert (found.rogue_keys, found.rogue_writes, found.rogue_key) == (1, 1, "[2]")
    assert families.parents == [(1, "ann", 1), (2, "bob", 77)]


def test_a_relay_that_was_stopped_at_its_notes_holds_nobody_up(families):
    if families.old.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    now = [0.0]
    with families.relay(clock=lambda: now[0]) as relay:
        drain(relay)
        with families.old.connect() as stopped:
            for table in ("strangler_heartbeat", "strangler_relay"):
                stopped.execute(text(f"SELECT * FROM {table} FOR UPDATE"))
            families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
            now[0] += 5.0
            assert drain(relay).troubles == {}
            assert families.parents == [(1, "ann", 1)]
            assert relay._stations.look(now[0])[0].applied["parents"] == 1
        now[0] += 5.0
        drain(relay)
    (found, _) = status(families.plan).mappings
    assert found.applied == 1


def test_what_is_long_past_is_forgotten(families):
    with families.relay() as relay:
        relay.step()
    with families.database() as database, database.writing() as connection:
        instant = connection.execute(select(clock.now(database))).scalar_one()
        for key, days in (("[1]", 1), ("[2]", 200)):
            at = instant - days * 86_400_000_000
            row = {"mapping": "parents", "key": key}
            connection.execute(insert(ROGUE).values(**row, writes=1, origin="", first_at=at, last_at=at))
            connection.execute(insert(SKIPPED).values(**row, error="", reason="why not", actor="ann", at=at))
    families.settle()
    with families.old.connect() as connection:
        assert connection.execute(select(ROGUE.c.key)).scalars().all() == ["[1]"]
    assert [each.key for each in dead.skipped(families.plan)] == ["[1]"]


def test_a_late_relay_writes_only_what_is_true_by_then(families):
    """One relay has claimed a key and sleeps; its lease runs out, and another one applies the key; then the first wakes up."""
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")
    with families.relay() as asleep, families.relay() as awake:
        (station,) = asleep._stations.look(0.0)
        _, claimed = asleep._take(station, "asleep")
        families.write("UPDATE parent SET grade = '2'")
        with families.old.begin() as connection:
            connection.execute(update(PENDING).values(lease_until=1))
        drain(awake)
        assert families.parents == [(1, "ann", 2)]
        works = batch.sort(station.courses, claimed)
        outcome = batch.run(works, asleep._apply, lambda: None, Patience(), lambda: 0.0)
        assert outcome.counts.unchanged == 1
        asleep._settle(station, "asleep", claimed, outcome)
    assert families.parents == [(1, "ann", 2)]
    assert families.waiting() == {}


def _make_due(families):
    with families.old.begin() as connection:
        connection.execute(update(PENDING).where(PENDING.c.state != "dead").values(due_at=1))


def _hasten(relay):
    """As if the time had passed for which everything rests."""
    for station in relay._stations.look(0):
        station.resumes_at = 0.0
        for course in station.courses:
            course.resumes_at = 0.0


def _await(condition):
    """Until it is so; the test's own time limit ends it otherwise."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.01)
