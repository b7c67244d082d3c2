"""What `benchmarks.chaos` judges by finds each mistake that it can plant, when just that happens which the rule is there for."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select, text

import reconcile
from benchmarks import faults
from benchmarks.chaos import Chaos
from benchmarks.producer import engine, replay
from reconcile.applying import applier
from reconcile.relaying import change, lease
from reconcile.relaying.patience import Patience
from reconcile.relaying.relay import Relay
from reconcile.relaying.tables import DEFERRED, PENDING
from tests.unit.reconcile.relaying import UNBOUNDED, drain


class Dies(BaseException):
    """A process ends."""


class Late(Relay):
    """A relay to which something happens once, before or after it has applied a batch."""

    def __init__(self, plan, *, before=None, after=None):
        super().__init__(plan, patience=Patience(lease=0.0, pause=0.0), budget=UNBOUNDED)
        self.before, self.after = before, after

    def _apply(self, course, keys, parts):
        before, self.before = self.before, None
        if before:
            before()
        found = super()._apply(course, keys, parts)
        after, self.after = self.after, None
        if after:
            after()
        return found


class Scene:
    """One writer of the chaos with its ledger, and both databases as they are before anything happens."""

    def __init__(self, folder):
        self.urls = {side: f"sqlite:///{folder}/{side}.db" for side in ("old", "new")}
        for side, url in self.urls.items():
            (folder / f"{side}.db").touch()
            with engine(url).connect() as connection:
                connection.execute(text("PRAGMA journal_mode = WAL"))  # one may read while another writes
        self.chaos = Chaos(folder, {}, self.urls, seed=1)
        self.writer, self.ledger = self.chaos._writers[0], self.chaos._ledgers[0]
        self.plan = reconcile.load(self.chaos.file, {})
        self.writer.open(3)
        reconcile.install_capture(self.plan)
        reconcile.backfill_all(self.plan)

    def write(self, act):
        self.writer._write(list(getattr(self.writer, f"_{act}")()))

    def grade(self, number):
        """One row changes: the first."""
        key = min(self.writer._books.account)
        row = [self.writer._books.account[key][0], str(number)]
        statement = f"UPDATE account SET grade = '{number}' WHERE id = {key}"
        self.writer._write([self.writer._change(statement, ("account", key, row))])

    def settle(self):
        """Until nothing is put off any more: a parent's old key waits some milliseconds for its children."""
        with Late(self.plan) as relay:
            drain(relay)
            ends = time.monotonic() + 5
            while self.puts_off and time.monotonic() < ends:
                time.sleep(0.005)
                drain(relay)

    @property
    def puts_off(self):
        with engine(self.urls["old"]).connect() as connection:
            return connection.execute(select(PENDING.c.key).where(PENDING.c.state == DEFERRED)).all()

    def collect(self):
        """Another relay has a look into the outbox, and goes."""
        with Relay(self.plan) as relay:
            (station,) = relay._stations.look(0.0)
            station.courses = ()  # it claims nothing
            relay._take(station, "nobody")

    def late(self, **happens):
        with Late(self.plan, **happens) as relay:
            try:
                relay.step()
                drain(relay)
            except Dies:
                pass
        self.settle()

    def close(self):
        for writer in self.chaos._writers:
            writer._ledger.close()
            writer._engine.dispose()

    @property
    def differences(self):
        return list(self.chaos._differences(replay([self.ledger])))


def _moved(scene, hesitate):
    scene.write("move")
    scene.settle()


def _changed_while_applied(scene, hesitate):
    def meanwhile():
        scene.grade(2)
        scene.collect()

    scene.grade(1)
    scene.late(after=meanwhile)


def _taken_over(scene, hesitate):
    def meanwhile():
        scene.settle()
        scene.grade(2)
        scene.collect()

    scene.grade(1)
    scene.late(after=meanwhile)


def _killed(scene, hesitate):
    def meanwhile():
        raise Dies

    scene.grade(1)
    scene.late(before=meanwhile)


def _overtaken(scene, hesitate):
    def meanwhile():
        scene.grade(2)
        scene.settle()

    scene.grade(1)
    hesitate.append(meanwhile)
    scene.late()


SCHEDULES = {
    "forget-old-keys": _moved,
    "settle-by-key": _changed_while_applied,
    "settle-without-token": _taken_over,
    "acknowledge-first": _killed,
    "read-before-lock": _overtaken,
}


@pytest.mark.parametrize("planted", [False, True], ids=["sound", "planted"])
@pytest.mark.parametrize("name", faults.FAULTS)
def test_the_judge_finds_each_fault_and_nothing_without_one(name, planted, tmp_path, monkeypatch):
    hesitate = []
    monkeypatch.setattr(faults, "_hesitate", lambda: hesitate.pop()() if hesitate else None)
    for module, attribute in ((applier, "run"), (lease, "_remove"), (lease, "settle"), (change, "_entries"), (Relay, "_take")):
        monkeypatch.setattr(module, attribute, getattr(module, attribute))  # put back at the end, whatever is planted
    scene = Scene(tmp_path)
    if planted:
        faults.plant(name)
    try:
        SCHEDULES[name](scene, hesitate)
        assert bool(scene.differences) is planted
    finally:
        scene.close()
