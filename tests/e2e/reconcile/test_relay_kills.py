"""Relays that are killed at any moment, under writers that insert, update, delete and change keys: in the end both sides agree.

`STRANGLER_TEST_KILLS` sets how often (10). The oracle is a ledger: what each writer has committed, kept by the writer.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from reconcile.relaying import dead
from tests.unit.reconcile.relaying import UNBOUNDED, Families, relay_until_killed

KILLS = int(os.environ.get("STRANGLER_TEST_KILLS", "10"))
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["tests.unit.reconcile.relaying", "psycopg", "pymysql"])


@pytest.fixture
def families(fresh, dialect, tmp_path):
    found = Families(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


class Writer(threading.Thread):
    """Writes its own range of keys, so that its ledger is exact: key to name and grade, of what was committed."""

    def __init__(self, families, number):
        super().__init__(daemon=True)
        self.families, self.low = families, number * 1000 + 1
        self.draw, self.stop, self.ledger, self.serial = random.Random(number), threading.Event(), {}, 0

    def run(self):
        while not self.stop.wait(0.004):
            after = dict(self.ledger)
            statement = self.choose(after)
            try:
                with self.families.old.begin() as connection:
                    connection.execute(text(statement))
            except OperationalError:
                continue  # it was rolled back: the ledger stays
            self.ledger = after

    def choose(self, after):
        """One statement, and the ledger as it is after it. Names are never used twice at once."""
        self.serial += 1
        key, name, grade = self.low + self.draw.randrange(40), f"{self.low}-{self.serial}", self.draw.randrange(100)
        if key not in after:
            after[key] = (name, grade)
            return f"INSERT INTO parent VALUES ({key}, '{name}', '{grade}')"
        act = self.draw.choice(("update", "update", "delete", "move"))
        if act == "delete":
            del after[key]
            return f"DELETE FROM parent WHERE id = {key}"
        free = next(number for number in range(self.low, self.low + 41) if number not in after)
        if act == "move":
            after[free] = after.pop(key)
            return f"UPDATE parent SET id = {free} WHERE id = {key}"
        after[key] = (after[key][0], grade)
        return f"UPDATE parent SET grade = '{grade}' WHERE id = {key}"


@pytest.mark.timeout(600)
def test_relays_killed_at_random_points_lose_nothing_resurrect_nothing_and_leave_nothing_stale(families, dialect):
    draw, writers = random.Random(len(dialect)), [Writer(families, number) for number in range(4)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(KILLS):
            relay = start(families)
            threading.Event().wait(draw.uniform(0.0, 0.4))  # where it is killed is meant to be left to chance
            relay.kill()
            relay.join(30)
    finally:
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join(60)
    quiesce(families)
    wanted = sorted((key, *row) for writer in writers for key, row in writer.ledger.items())
    assert wanted
    assert [(key, name, int(grade)) for key, name, grade in families.rows(families.old, "parent")] == wanted
    assert families.parents == wanted
    assert dead.list(families.plan) == ()


def start(families):
    """A relay in a process of its own, once it has begun."""
    begun = PROCESSES.Event()
    process = PROCESSES.Process(target=relay_until_killed, args=(str(families.file), begun), daemon=True)
    process.start()
    assert begun.wait(60)
    return process


def quiesce(families):
    """Let one relay go on until nothing waits."""
    pause, idle = threading.Event(), 0
    with families.relay(largest=200, budget=UNBOUNDED) as relay:
        while idle < 3 or families.waiting():
            step = relay.step()
            assert not step.troubles
            idle = idle + 1 if step.is_idle else 0
            pause.wait(0.01 if idle else 0)
