"""The data process: parts that go on whatever happens, a document that never says more than is known, jobs by their turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import update

import reconcile
from reconcile.comparing import history
from reconcile.comparing.history import PASS
from reconcile.databases.clock import now
from reconcile.databases.database import opened
from reconcile.jobs import look, parts, turn
from reconcile.jobs.noticeboard import Noticeboard
from reconcile.jobs.process import Part, run, tend
from reconcile.jobs.tables import JOB
from reconcile.relaying.tables import SKIPPED
from strangler.core.data_status import STALE, MappingStatus, decode
from strangler.core.errors import DatabaseError, UsageError
from strangler.core.guard.evidence import DataState

CLEAN = MappingStatus(DataState.CLEAN, "", 1.0, 0.0)


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class NeverWaits(threading.Event):
    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_what_a_file_does_not_post_again_is_left_out_and_others_stay(tmp_path: Path):
    clock, document = Clock(), tmp_path / "data.json"
    board = Noticeboard(document, clock)
    board.post("a.yaml", {"customers": CLEAN})
    clock.now += 4
    board.post("b.yaml", {"orders": CLEAN})
    found = decode(document.read_bytes())
    assert (found.at, found.mappings["customers"].lag, found.mappings["orders"].lag) == (clock.now, 5.0, 1.0)
    clock.now += STALE - 3
    board.post("b.yaml", {"orders": CLEAN})
    assert list(decode(document.read_bytes()).mappings) == ["orders"]
    assert [path.name for path in tmp_path.iterdir()] == ["data.json"]


def test_a_part_that_fails_is_begun_again_and_says_the_same_only_once():
    stop, said = NeverWaits(), list[str]()
    outcomes = [DatabaseError("database old: gone"), DatabaseError("database old: gone"), ValueError("odd"), None]

    def work(plan, stop_, say) -> None:
        outcome = outcomes.pop(0)
        if not outcomes:
            stop.set()
        if outcome is not None:
            raise outcome

    tend(Part("relay", work, 0.0), None, stop, said.append)
    assert said == ["relay: database old: gone", "relay: ValueError: odd", "relay: goes on"]


@pytest.fixture
def scheduled(numbered):
    """The numbered world with a nightly comparison."""
    numbered.file.write_text(numbered.file.read_text("utf-8") + 'schedule: {reconcile: "0 3 * * *"}\n', "utf-8")
    return numbered


def test_a_turn_compares_every_mapping_and_keeps_the_outcome(scheduled):
    plan, said = scheduled.plan, list[str]()
    scheduled.backfill()
    with opened(plan.databases, parts.state(plan)) as (database,):
        turn.ensure(database, *parts.lines(plan))
        mine = turn.take(database, "reconcile", "test", lambda began, now: True)
        parts.do(mine, plan, threading.Event(), said.append)
        with database.reading() as connection:
            assert connection.execute(JOB.select()).one().outcome == "things clean"
    assert said == ["reconcile: began", "reconcile: things: clean", "reconcile: things clean"]


@pytest.fixture
def followed(numbered):
    """All rows are equal, every change since is known, and a sweep looks at all of them again."""
    numbered.backfill()
    swept = 'schedule: {reconcile: "0 3 * * *", sweep: "0 4 * * 0"}\n'
    numbered.file.write_text(numbered.file.read_text("utf-8") + swept, "utf-8")
    reconcile.install_capture(numbered.plan)
    reconcile.relay(numbered.plan, until_idle=True)
    assert reconcile.reconcile(numbered.plan, "things").clean
    return numbered


def turn_of(world, job: str = "reconcile") -> tuple[str, list[bool]]:
    """What a job said of the mapping, and of each pass that it made whether it was over all rows."""
    plan, said, before = world.plan, list[str](), len(reconcile.passes(world.plan, "things"))
    with opened(plan.databases, parts.state(plan)) as (database,):
        turn.ensure(database, job)
        parts.do(turn.take(database, job, "test", lambda began, now: True), plan, threading.Event(), said.append)
    made = reconcile.passes(plan, "things")[: len(reconcile.passes(plan, "things")) - before]
    return said[-2].removeprefix("reconcile: things: "), [each.full for each in reversed(made)]


def test_a_turn_looks_at_what_changed_and_a_sweep_at_all_rows(followed):
    assert turn_of(followed) == ("clean (what changed since all rows were)", [False])
    (found,) = reconcile.standings(followed.plan)
    assert (found.status.state, found.compared_all_at < found.compared_at) == (DataState.CLEAN, True)
    assert turn_of(followed, "sweep") == ("clean", [True])


def test_drift_that_is_found_among_the_changes_is_drift(followed):
    followed.old("UPDATE thing SET value = 'new' WHERE id = 3")
    reconcile.relay(followed.plan, until_idle=True)
    followed.new("UPDATE things SET value = 'wrong' WHERE id = 3")
    assert turn_of(followed) == ("drift (what changed since all rows were)", [False])
    assert turn_of(followed) == ("drift", [True])
    followed.new("UPDATE things SET value = 'new' WHERE id = 3")
    assert turn_of(followed) == ("clean", [True])
    assert turn_of(followed) == ("clean (what changed since all rows were)", [False])


def without_sweep(world):
    world.file.write_text(world.file.read_text("utf-8").replace(', sweep: "0 4 * * 0"', ""), "utf-8")


def never_clean(world):
    world.new("UPDATE things SET value = 'wrong' WHERE id = 3")
    assert not reconcile.reconcile(world.plan, "things").clean
    world.new("UPDATE things SET value = 'value 3' WHERE id = 3")


def capture_paused(world):
    reconcile.pause_capture(world.plan)
    reconcile.resume_capture(world.plan)


def another_mapping(world):
    world.file.write_text(world.file.read_text("utf-8").replace("value: value", 'value: {sql: "value"}'), "utf-8")


def long_ago(world):
    with opened(world.plan.databases, "new") as (database,), database.writing() as connection:
        connection.execute(
            update(PASS).values(started_at=PASS.c.started_at - 8 * 86_400_000_000, ended_at=PASS.c.ended_at - 8 * 86_400_000_000)
        )


def skipped_key(world):
    with opened(world.plan.databases, "old") as (database,), database.writing() as connection:
        connection.execute(SKIPPED.insert().values(mapping="things", key="[3]", reason="", actor="", at=now(database)))


@pytest.mark.parametrize("event", [without_sweep, never_clean, capture_paused, another_mapping, long_ago, skipped_key])
def test_all_rows_are_looked_at_where_changes_alone_would_claim_too_much(followed, event):
    event(followed)
    assert turn_of(followed) == ("clean", [True])


def test_what_changed_is_no_verdict_where_all_rows_were_found_to_differ_meanwhile(followed):
    with opened(followed.plan.databases, "new") as (database,):
        record = history.begin(database, "things", "slow", full=False, definition=followed.plan.mapping("things").definition)
        clean = reconcile.reconcile(followed.plan, "things", record=False)
        followed.new("UPDATE things SET value = 'wrong' WHERE id = 3")
        assert not reconcile.reconcile(followed.plan, "things").clean
        late = history.begin(database, "things", "late", full=False)
        late.finish(clean, followed.plan.mapping("things").definition)
        record.finish(clean, followed.plan.mapping("things").definition)
    (found,) = reconcile.standings(followed.plan)
    assert found.status.state is DataState.DRIFT


def test_a_clean_pass_is_remembered_however_many_were_made_since(followed, monkeypatch):
    monkeypatch.setattr(look, "_NEWEST", 2)
    for _ in range(3):
        assert reconcile.reconcile(followed.plan, "things", incremental=True).clean
    (found,) = reconcile.standings(followed.plan)
    assert (found.rests_on_all, found.compared_all_at < found.compared_at) == (True, True)


def test_a_mapping_that_was_changed_since_is_unknown_until_it_is_compared(followed):
    another_mapping(followed)
    (found,) = reconcile.standings(followed.plan)
    assert (found.redefined, found.status.state) == (True, DataState.UNKNOWN)
    assert reconcile.reconcile(followed.plan, "things", incremental=True).failure.startswith("no full pass was clean since")
    assert reconcile.reconcile(followed.plan, "things").clean
    assert reconcile.standings(followed.plan)[0].status.state is DataState.CLEAN


def test_a_pass_that_was_cut_off_is_not_gone_on_with_under_another_mapping(followed):
    definition = followed.plan.mapping("things").definition
    with opened(followed.plan.databases, "new") as (database,):
        history.begin(database, "things", "a", full=True, definition=definition).checkpoint(history.Progress("[5]", 4, 4, 1))
        assert history.go_on(database, "things", "b", definition="another") is None
        assert history.go_on(database, "things", "b", definition=definition) is not None


def test_a_job_whose_database_is_gone_ends_with_what_is_wrong(scheduled):
    plan, said = scheduled.plan, list[str]()
    with opened(plan.databases, parts.state(plan)) as (database,):
        turn.ensure(database, "reconcile")
        (scheduled.folder / "old.db").unlink()
        parts.do(turn.take(database, "reconcile", "test", lambda began, now: True), plan, threading.Event(), said.append)
        with database.reading() as connection:
            assert "there is no file" in connection.execute(JOB.select()).one().outcome


def test_a_job_that_loses_its_turn_says_nothing_for_its_successor(scheduled):
    plan, said = scheduled.plan, list[str]()
    with opened(plan.databases, parts.state(plan)) as (database,):
        turn.ensure(database, "reconcile")
        mine = turn.take(database, "reconcile", "test", lambda began, now: True)
        with database.writing() as connection:
            connection.execute(update(JOB).values(token=JOB.c.token + 1, outcome="the successor's"))
        parts.do(mine, plan, threading.Event(), said.append)
        with database.reading() as connection:
            assert connection.execute(JOB.select()).one().outcome == "the successor's"
    assert said[-1] == "reconcile: ended late: another process has taken its turn"


def test_a_sweep_applies_what_no_trigger_saw(scheduled):
    plan = scheduled.plan
    scheduled.backfill()
    scheduled.new("UPDATE things SET value = 'restored' WHERE id = 2")
    with opened(plan.databases, parts.state(plan)) as (database,):
        turn.ensure(database, "sweep")
        parts.do(turn.take(database, "sweep", "test", lambda began, now: True), plan, threading.Event(), lambda words: None)
    assert scheduled.drift() == []


def test_a_line_that_is_never_due_is_told_with_its_place(numbered):
    numbered.file.write_text(numbered.file.read_text("utf-8") + 'schedule: {sweep: "0 3 31 2 *"}\n', "utf-8")
    with pytest.raises(UsageError, match="never due"):
        parts.lines(numbered.plan)


def test_a_changed_file_is_taken_up_and_a_broken_one_is_not(numbered):
    stop, said, heard = threading.Event(), list[str](), threading.Condition()

    def say(words: str) -> None:
        with heard:
            said.append(words)
            heard.notify_all()

    def wait_for(words: str) -> None:
        with heard:
            assert heard.wait_for(lambda: any(words in line for line in said), 60), said

    good = numbered.file.read_text("utf-8")
    arguments = ([str(numbered.file)], numbered.folder / "data.json", {}, stop, say)
    thread = threading.Thread(target=run, args=arguments, daemon=True)
    thread.start()
    try:
        wait_for("install capture")
        numbered.file.write_text("version: 2\n", "utf-8")
        wait_for("what ran before goes on")
        numbered.file.write_text(good + "\n", "utf-8")
        wait_for("took up the changed mappings.yaml")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()
