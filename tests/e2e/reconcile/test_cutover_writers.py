"""Cutovers there, back and there again under writers, with relays that are killed: whatever was acknowledged is on both sides
in the end, once, and as it was written last.

`STRANGLER_TEST_KILLS` sets how often relays are killed before each move (2). The oracle is a ledger: what each writer has
committed, whichever side it wrote.
"""

from __future__ import annotations

import os
import random
import threading
from contextlib import ExitStack, contextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

import reconcile
from reconcile.relaying import dead
from tests.e2e.reconcile.test_relay_kills import PROCESSES
from tests.unit.reconcile.cutovers import Movers, await_nothing, soon
from tests.unit.reconcile.relaying import relay_until_killed

KILLS = int(os.environ.get("STRANGLER_TEST_KILLS", "2"))


@pytest.fixture
def movers(fresh, dialect, tmp_path):
    found = Movers(tmp_path, fresh(dialect), fresh(dialect))
    yield found
    found.close()


class Writer(threading.Thread):
    """Writes its own range of keys on the side that may be written. Whoever holds `busy` holds it up between two writes."""

    def __init__(self, movers, number):
        super().__init__(daemon=True)
        self.movers, self.low = movers, number * 1000
        self.draw, self.stop, self.busy = random.Random(number), threading.Event(), threading.Lock()
        self.side, self.ledger, self.serial, self.wrote = "old", {}, 0, {"old": 0, "new": 0}

    def run(self):
        while not self.stop.wait(0.004):
            with self.busy:
                self.write()

    def write(self):
        after = dict(self.ledger)
        engine, table = (self.movers.old, "parent") if self.side == "old" else (self.movers.new, "parents")
        statement = self.choose(after, table)
        try:
            with engine.begin() as connection:
                connection.execute(text(statement))
        except OperationalError:
            return  # it was rolled back: the ledger stays
        self.ledger = after
        self.wrote[self.side] += 1

    def choose(self, after, table):
        """One statement, and the ledger as it is after it. Names are never used twice."""
        self.serial += 1
        key, name, grade = self.low + self.draw.randrange(30), f"{self.low}-{self.serial}", self.draw.randrange(100)
        if key not in after:
            after[key] = (name, grade)
            return f"INSERT INTO {table} VALUES ({key}, '{name}', '{grade}')"
        if self.draw.random() < 0.25:
            del after[key]
            return f"DELETE FROM {table} WHERE id = {key}"
        after[key] = (after[key][0], grade)
        return f"UPDATE {table} SET grade = '{grade}' WHERE id = {key}"


@contextmanager
def writing(movers):
    writers = [Writer(movers, number) for number in (1, 2, 3)]
    for writer in writers:
        writer.start()
    try:
        yield writers
    finally:
        for writer in writers:
            writer.stop.set()
        for writer in writers:
            writer.join(60)


@contextmanager
def held(writers):
    """No write is under way, and none begins."""
    with ExitStack() as stack:
        for writer in writers:
            stack.enter_context(writer.busy)
        yield


@pytest.mark.timeout(600)
def test_nothing_that_was_acknowledged_is_lost_whichever_side_owned(movers, dialect):
    draw = random.Random(len(dialect))
    with writing(movers) as writers:
        for token, to in enumerate(("new", "old", "new")):
            for _ in range(KILLS):
                kill(start(movers), draw.uniform(0.0, 0.2))
            with held(writers):
                move(movers, to, f"cutover {token}", draw)
                for writer in writers:
                    writer.side = to
        written = [dict(writer.wrote) for writer in writers]
        kill(start(movers), 0.2)
    movers.quiesce()
    wanted = sorted([(key, *row) for writer in writers for key, row in writer.ledger.items()])
    assert min(counts[side] for counts in written for side in ("old", "new")) > 0
    assert movers.parents[3:] == wanted
    came_home = [(key, name, int(grade)) for key, name, grade in movers.rows(movers.old, "parent")][3:]
    assert came_home == wanted
    assert dead.list(movers.plan) == ()
    movers.compare()
    assert [owner.epoch for owner in reconcile.owners(movers.plan).values()] == [4, 4]


def move(movers, to, token, draw):
    """With the writers held: one relay is killed while it catches up, and another one goes on."""
    with movers.data() as data:
        marker = data.mark()
        kill(start(movers), draw.uniform(0.0, 0.1))
        relay = start(movers)
        await_nothing(data, marker, 150.0)
        verified = data.verify(soon(150.0))
        assert verified.ok, verified.words
        data.bump(to, token)
        kill(relay, 0.0)


def start(movers):
    """A relay in a process of its own, once it has begun."""
    begun = PROCESSES.Event()
    process = PROCESSES.Process(target=relay_until_killed, args=(str(movers.file), begun), daemon=True)
    process.start()
    assert begun.wait(60)
    return process


def kill(relay, after):
    threading.Event().wait(after)  # where it is killed is meant to be left to chance
    relay.kill()
    relay.join(30)
