"""The data process: parts that go on whatever happens, a document that never says more than is known, jobs by their turn."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlalchemy import update

from reconcile.databases.database import opened
from reconcile.jobs import parts, turn
from reconcile.jobs.noticeboard import Noticeboard
from reconcile.jobs.process import Part, run, tend
from reconcile.jobs.tables import JOB
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
