"""Whatever dies, sleeps, fills up or is cut off, in the end both sides agree. The long form is `python -m benchmarks.chaos`."""

from __future__ import annotations

import gc
import json
import os
import time

import pytest
from sqlalchemy import text

import reconcile
from benchmarks import chaos
from reconcile.cli.main import main
from reconcile.relaying import dead
from reconcile.relaying.patience import Patience
from reconcile.relaying.relay import Relay
from tests.unit.reconcile.relaying import Families, drain

KILLS = int(os.environ.get("STRANGLER_TEST_KILLS", "8"))
SEEDS = {"sqlite": 1, "postgresql": 1, "mariadb": 1}


@pytest.fixture
def families(fresh, dialect, tmp_path):
    found = Families(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


@pytest.mark.timeout(400)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # PyMySQL leaves the socket of a session that was killed
def test_processes_connections_and_servers_die_under_writers_and_nothing_is_lost(fresh, servers, dialect, tmp_path):
    urls = {"old": fresh(dialect), "new": fresh(dialect)}
    own = {dialect: servers[dialect]} if dialect != "sqlite" and servers[dialect].folder else {}
    result = chaos.run(tmp_path, own, urls, kills=KILLS, seed=SEEDS[dialect])
    gc.collect()
    assert result.wrong == [], "\n".join(result.scene)
    assert result.done.total() == KILLS
    assert result.committed > 100


class Sleeper(Relay):
    """A relay that has claimed keys, and sleeps before it applies them: then `meanwhile` happens, once."""

    def __init__(self, *arguments, meanwhile, **options):
        super().__init__(*arguments, **options)
        self.meanwhile = meanwhile

    def _apply(self, course, keys, parts):
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super()._apply(course, keys, parts)


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        (["UPDATE parent SET grade = '9' WHERE id = 1"], [(1, "ann", 9)]),
        (["DELETE FROM parent WHERE id = 1"], []),
        (["DELETE FROM parent WHERE id = 1", "INSERT INTO parent VALUES (1, 'again', '3')"], [(1, "again", 3)]),
        (["UPDATE parent SET id = 5 WHERE id = 1"], [(5, "ann", 1)]),
    ],
    ids=["changed", "gone", "gone and back", "renumbered"],
)
def test_a_relay_that_wakes_when_its_lease_was_taken_writes_nothing_old_and_settles_nothing(families, changes, left):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')")

    def meanwhile():
        families.write(*changes)
        families.settle()

    late = Sleeper(families.plan, patience=Patience(lease=0.0, pause=0.0), meanwhile=meanwhile)
    with late:
        late.step()
        assert families.parents == left
        drain(late)
    assert families.parents == left
    assert families.waiting() == {}


def test_a_transaction_that_is_open_elsewhere_all_the_time_holds_nobody_up(families):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1'), (2, 'bob', '2')")
    with families.old.connect() as old, families.new.connect() as new:
        old.execute(text("SELECT count(*) FROM parent")).all()
        new.execute(text("SELECT count(*) FROM parents")).all()
        if families.old.dialect.name == "sqlite":  # a reader holds up whoever writes, unless there is a write-ahead log
            old.rollback()
            new.rollback()
        else:
            old.execute(text("UPDATE parent SET grade = '5' WHERE id = 2"))
        families.settle()
        families.write("UPDATE parent SET grade = '3' WHERE id = 1")
        families.settle()
        assert families.parents == [(1, "ann", 3), (2, "bob", 2)]
        old.commit()
    families.settle()
    assert families.agree()
    assert families.waiting() == {}


def test_what_has_a_lower_number_and_is_committed_later_is_not_passed_over(families):
    if families.old.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time: no other transaction can be open meanwhile")
    with families.old.connect() as slow:
        slow.execute(text("INSERT INTO parent VALUES (1, 'slow', '1')"))
        families.write("INSERT INTO parent VALUES (2, 'quick', '2')")
        families.settle()
        assert families.parents == [(2, "quick", 2)]
        slow.commit()
    families.settle()
    assert families.parents == [(1, "slow", 1), (2, "quick", 2)]


FULL = {
    "postgresql": (
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END$$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON parents FOR EACH ROW EXECUTE FUNCTION full_disk()",
    ),
    "mysql": (
        "CREATE TRIGGER full_disk BEFORE INSERT ON parents FOR EACH ROW "
        "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1114, MESSAGE_TEXT = 'The table is full'",
    ),
}


def test_a_target_that_is_full_costs_no_attempts_and_is_written_when_there_is_room_again(families):
    name = families.new.dialect.name
    if name not in FULL:
        pytest.skip("SQLite cannot be told to be full: it has no triggers that fail with that error")
    with families.new.begin() as connection:
        for statement in FULL[name]:
            connection.exec_driver_sql(statement)
    families.write("INSERT INTO parent VALUES (1, 'ann', '1'), (2, 'bob', '2')")
    now = [0.0]
    with families.relay(clock=lambda: now[0], patience=Patience(pause=0.0, attempts=2)) as relay:
        for _ in range(6):
            found = relay.step()
            now[0] += 60.0
        assert families.parents == []
        assert dead.list(families.plan) == ()
        assert found.fates == {}
        with families.new.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER full_disk" + (" ON parents" if name == "postgresql" else ""))
        _make_due(families)
        for _ in range(10):
            now[0] += 60.0
            relay.step()
    assert families.parents == [(1, "ann", 1), (2, "bob", 2)]
    assert families.waiting() == {}


def test_a_source_that_is_suddenly_empty_halts_everything_and_status_says_why(families, capsys):
    families.write(*(f"INSERT INTO parent VALUES ({key}, 'p{key}', '1')" for key in range(1, 101)))
    families.settle()
    families.write("DELETE FROM parent")
    now = [0.0]
    with families.relay(clock=lambda: now[0]) as relay:
        for _ in range(4):
            relay.step()
            now[0] += 2.0
    assert len(families.parents) == 100
    assert main(["backfill", "parents", "-c", str(families.file)]) == 3
    capsys.readouterr()
    assert main(["status", "parents", "-c", str(families.file), "--json"]) == 3
    (found,) = json.loads(capsys.readouterr().out)["mappings"]
    assert "that is not taken for" in found["next"]
    assert "--max-deletes" in found["next"]
    assert found["state"] != "clean"
    assert len(families.parents) == 100


@pytest.mark.parametrize("years", [-10, 10])
def test_the_clock_of_the_machine_that_relays_may_say_what_it_likes(families, monkeypatch, years):
    families.write("INSERT INTO parent VALUES (1, 'ann', '1')", "INSERT INTO child VALUES (10, 1, 'cleo')")
    clock = time.time
    with families.relay() as relay:
        relay.step()
        monkeypatch.setattr(time, "time", lambda: clock() + years * 365 * 86_400)
        families.write("UPDATE parent SET grade = '2' WHERE id = 1", "UPDATE child SET name = 'dan' WHERE id = 10")
        drain(relay)
    reconcile.backfill_all(families.plan)
    assert families.parents == [(1, "ann", 2)]
    assert families.children == [(10, 1, "dan")]
    assert reconcile.reconcile(families.plan, "parents").clean
    (found, *_) = reconcile.standings(families.plan, ["parents"])
    assert found.lag is not None
    assert found.lag < 60


def _make_due(families):
    """Pauses are over: time on the database's clock cannot be passed in."""
    with families.old.begin() as connection:
        connection.execute(text("UPDATE strangler_pending SET due_at = 0 WHERE state <> 'dead'"))
