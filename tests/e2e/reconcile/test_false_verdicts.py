"""Both kinds of wrong verdict, looked for over random schedules: writers, hot rows, a relay that pauses, drift put in by hand.

Rows are quiet or busy. Quiet ones are written by nobody, so drift that is put into them is there before the pass and after it: it
must be found, all of it. Busy ones are written all the time and their changes relayed: none of them may ever be called drift.
STRANGLER_SCHEDULES says how many passes; without it there are a few.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

import reconcile
from reconcile.comparing.recheck import Patience
from reconcile.reports.report import Standing, Verdict

QUIET, BUSY = range(0, 400), range(1000, 1060)
HOT, TOGGLED = 1000, 1001  # every other write goes to one of these; the second one only ever has two values
SCHEDULES = int(os.environ.get("STRANGLER_SCHEDULES", "0"))
_SHORT = {"sqlite": 20, "postgresql": 5, "mariadb": 5}


class Storm:
    """Two databases with the same rows, and what goes on in them."""

    def __init__(self, folder: Path, old: str, new: str, seed: int) -> None:
        self.random = random.Random(seed)
        self.stop = Event()
        self.failures: list[BaseException] = []
        self.old, self.new = _engine(old), _engine(new)
        for engine, table in ((self.old, "thing"), (self.new, "things")):
            if engine.dialect.name == "sqlite":  # else writers that never rest keep every reader out, and nothing can be said
                self.run(engine, "PRAGMA journal_mode = WAL")
            self.run(engine, f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, value VARCHAR(40), n INTEGER)")
            rows = [{"id": key, "value": f"value {key}", "n": key} for key in (*QUIET, *BUSY)]
            self.run(engine, f"INSERT INTO {table} VALUES (:id, :value, :n)", rows)
        file = folder / "mappings.yaml"
        file.write_text(
            f"version: 1\ndatabases: {{old: {json.dumps(old)}, new: {json.dumps(new)}}}\nmappings:\n"
            "  - name: things\n    from: {database: old, table: thing, key: id}\n"
            "    to: {database: new, table: things, key: id}\n    columns: {id: id, value: value, n: n}\n",
            "utf-8",
        )
        self.plan = reconcile.load(file, {})

    @staticmethod
    def run(engine: Engine, sql: str, rows: Any = None) -> None:
        with engine.begin() as connection:
            connection.execute(text(sql), rows)

    @contextmanager
    def blowing(self, *works: Any) -> Iterator[None]:
        """Each work in a thread of its own, again and again until the end."""
        threads = [Thread(target=self._again, args=(work, random.Random(number))) for number, work in enumerate(works)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
        assert self.failures == []

    def _again(self, work: Any, chance: random.Random) -> None:
        try:
            while not self.stop.is_set():
                try:
                    work(chance)
                except OperationalError as error:  # another writer was quicker: as an application would, try again
                    if not any(word in str(error) for word in ("locked", "Deadlock", "deadlock", "changed since")):
                        raise
                self.stop.wait(chance.random() * 0.01)
        except BaseException as error:
            self.failures.append(error)
            self.stop.set()

    def write(self, chance: random.Random) -> None:
        """One change of a busy row in the old database."""
        self.run(self.old, *self.change("thing", chance))

    def write_both(self, chance: random.Random) -> None:
        """One change of a busy row in both, one after the other, as an application does that writes twice."""
        state = chance.getstate()
        self.run(self.old, *self.change("thing", chance))
        chance.setstate(state)
        self.run(self.new, *self.change("things", chance))

    def change(self, table: str, chance: random.Random) -> tuple[str, dict[str, Any]]:
        """What one change does; the same chance makes the same change."""
        key = chance.choice((HOT, TOGGLED, *[chance.choice(BUSY)] * 2))
        if key == TOGGLED:
            return f"UPDATE {table} SET value = CASE WHEN value = 'on' THEN 'off' ELSE 'on' END WHERE id = :id", {"id": key}
        action, values = chance.random(), {"id": key, "value": f"value {chance.random()}"}
        if key == HOT or action < 0.6:
            return f"UPDATE {table} SET value = :value WHERE id = :id", values
        if action < 0.8:
            return f"DELETE FROM {table} WHERE id = :id", {"id": key}
        return f"INSERT INTO {table} SELECT :id, :value, 1 WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE id = :id)", values

    def drift(self, rows: int) -> dict[tuple[int], str]:
        """So many quiet rows of the new database made wrong, and how."""
        keys = self.random.sample(QUIET, rows)
        found = {}
        for key in keys:
            kind = self.random.choice(("missing", "changed", "extra"))
            row = {"id": key + 5000 if kind == "extra" else key}
            statements = {
                "missing": "DELETE FROM things WHERE id = :id",
                "changed": "UPDATE things SET value = NULL WHERE id = :id",
                "extra": "INSERT INTO things VALUES (:id, 'extra', 1)",
            }
            self.insist(statements[kind], row)
            found[(row["id"],)] = kind
        return found

    def mend(self) -> None:
        """Quiet rows as they were."""
        self.insist("DELETE FROM things WHERE id < 1000 OR id >= 5000")
        rows = [{"id": key, "value": f"value {key}", "n": key} for key in QUIET]
        self.insist("INSERT INTO things VALUES (:id, :value, :n)", rows)

    def insist(self, sql: str, rows: Any = None) -> None:
        for _ in range(20):
            try:
                return self.run(self.new, sql, rows)
            except OperationalError:
                self.stop.wait(0.02)
        raise AssertionError(sql)

    def close(self) -> None:
        self.old.dispose()
        self.new.dispose()


def _engine(url: str) -> Engine:
    address = make_url(url)
    return create_engine(address, connect_args={"timeout": 20} if address.drivername == "sqlite" else {})


def _judge(storm: Storm, number: int, patience: Patience) -> str:
    """One pass over whatever goes on; its verdict."""
    drift = storm.drift((0, 1, 0, 2, 7)[number % 5])
    rows, strategy = storm.random.choice((7, 50, 400, None)), storm.random.choice((None, None, "rows", "sums"))
    report = reconcile.reconcile(storm.plan, "things", chunk_rows=rows, strategy=strategy, patience=patience, record=False)
    found = {each.key: each.kind.value for each in report.differences}
    told = f"schedule {number}: {report.verdict}, {report.why_not_clean}, {dict(report.standings)}"
    assert {key: kind for key, kind in drift.items() if found.get(key) != kind} == {}, f"drift was not found: {told}"
    assert {key: kind for key, kind in found.items() if key not in drift} == {}, f"no drift was called drift: {told}"
    assert not report.failure, told
    assert (report.verdict is Verdict.DRIFT) == bool(drift), told
    storm.mend()
    return report.verdict.value


def _schedules(dialect: str) -> range:
    return range(SCHEDULES or _SHORT[dialect])


def test_a_pass_beside_writers_and_a_relay_is_never_wrong(fresh, tmp_path, dialect):
    from reconcile.relaying.relay import Relay

    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 17)
    reconcile.install_capture(storm.plan)
    patience = Patience(in_flight=0.5, moves=25, undecided=len(BUSY), pause=0.01)
    with Relay(storm.plan) as relay:
        relay.step()  # MariaDB refuses a snapshot that is older than a table: then nothing can be said

        def work(chance: random.Random) -> None:
            relay.step()
            storm.stop.wait(chance.choice((0.0, 0.0, 0.0, 0.05, 0.3)))

        with storm.blowing(storm.write, storm.write, work):
            verdicts = {_judge(storm, number, patience) for number in _schedules(dialect)}
    storm.close()
    assert verdicts == {"clean", "drift"}


def test_a_pass_beside_an_application_that_writes_twice_is_never_wrong(fresh, tmp_path, dialect):
    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 23)
    patience = Patience(settle=0.5, moves=5, undecided=len(BUSY))
    with storm.blowing(storm.write_both):
        verdicts = {_judge(storm, number, patience) for number in list(_schedules(dialect))[: SCHEDULES or 5]}
    storm.close()
    assert verdicts == {"clean", "drift"}


def test_a_change_that_nobody_relays_is_in_flight_and_then_stuck(fresh, tmp_path, dialect):
    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 5)
    reconcile.install_capture(storm.plan)
    storm.run(storm.old, "UPDATE thing SET value = 'new' WHERE id = 3")
    young = reconcile.reconcile(storm.plan, "things", patience=Patience(in_flight=0.0), record=False)
    assert (young.verdict, young.standings, young.unsettled) == (Verdict.CLEAN, {Standing.IN_FLIGHT: 1}, ((3,),))
    old = reconcile.reconcile(storm.plan, "things", patience=Patience(stuck=0.0), record=False)
    assert (old.verdict, old.standings) == (Verdict.DRIFT, {Standing.STUCK: 1})
    assert [(each.key, each.standing, each.columns) for each in old.differences] == [((3,), Standing.STUCK, ("value",))]
    storm.close()


def test_a_relay_that_begins_in_the_middle_of_a_pass_is_seen(fresh, tmp_path, dialect):
    from reconcile.comparing import captured
    from reconcile.databases.pair import opened_pair
    from reconcile.relaying.pending import enqueue
    from reconcile.relaying.tables import ensure

    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 5)
    reconcile.install_capture(storm.plan)
    with opened_pair(storm.plan, "things") as pair:
        seen = captured.look(pair)
        ensure(pair.source.database)
        with pair.source.database.writing() as connection:
            enqueue(connection, "things", [(3,)])
        with pair.source.database.reading() as connection:
            assert set(seen.waiting(connection, [(3,), (4,)])) == {(3,)}
    storm.close()


def test_a_paused_capture_says_nothing_and_a_clean_full_pass_makes_up_for_it(fresh, tmp_path, dialect):
    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 5)
    reconcile.install_capture(storm.plan)
    assert not reconcile.capture_status(storm.plan)[0].known
    assert reconcile.reconcile(storm.plan, "things").clean
    assert reconcile.capture_status(storm.plan)[0].known
    reconcile.pause_capture(storm.plan)
    paused = reconcile.reconcile(storm.plan, "things")
    assert (paused.verdict, paused.covered) == (Verdict.CANNOT_SAY, False)
    assert "is paused" in paused.failure
    reconcile.resume_capture(storm.plan)
    assert not reconcile.capture_status(storm.plan)[0].known
    assert reconcile.reconcile(storm.plan, "things").clean
    assert reconcile.capture_status(storm.plan)[0].known
    storm.close()


def test_capture_that_is_paused_in_the_middle_of_a_pass_spoils_it(fresh, tmp_path, dialect):
    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 5)
    reconcile.install_capture(storm.plan)

    def meddle(progress: Any) -> None:
        if progress.rows >= len(QUIET) and reconcile.pause_capture(storm.plan):
            reconcile.resume_capture(storm.plan)

    report = reconcile.reconcile(storm.plan, "things", on_progress=meddle, chunk_rows=100)
    assert (report.verdict, report.exit_code) == (Verdict.CANNOT_SAY, 5)
    assert report.why_not_clean == "capture lost changes during the pass"
    storm.close()


def test_an_incremental_pass_looks_at_what_changed_since_the_last_clean_one(fresh, tmp_path, dialect):
    from reconcile.relaying.relay import Relay

    storm = Storm(tmp_path, fresh(dialect), fresh(dialect), 5)

    def look(**options: Any) -> Any:
        return reconcile.reconcile(storm.plan, "things", incremental=True, **options)

    reconcile.install_capture(storm.plan)
    assert look().failure == "no full pass was clean since the mapping was written: make one"
    with Relay(storm.plan) as relay:
        relay.step()
        assert reconcile.reconcile(storm.plan, "things").clean
        report = look()
        assert (report.verdict, report.full, report.old_rows) == (Verdict.CLEAN, False, 0)
        storm.run(storm.old, "UPDATE thing SET value = 'new' WHERE id IN (3, 4)")
        while not relay.step().is_idle:
            pass
        storm.run(storm.new, "UPDATE things SET value = 'wrong' WHERE id IN (4, 5)")
        report = look()
        assert (report.verdict, report.old_rows, [each.key for each in report.differences]) == (Verdict.DRIFT, 2, [(4,)])
        storm.run(storm.new, "UPDATE things SET value = 'new' WHERE id = 4")
        assert look().old_rows == 2  # drift that was found is looked at until it is gone
        assert look().old_rows == 0
    storm.run(storm.old, "UPDATE thing SET value = 'later' WHERE id = 3")  # nobody relays it: it waits in the outbox
    report = look(patience=Patience(in_flight=0.0))
    assert (report.verdict, report.unsettled) == (Verdict.CLEAN, ((3,),))
    assert reconcile.reconcile(storm.plan, "things").verdict is Verdict.DRIFT  # (5,) was never captured: only a full pass sees it
    assert look().failure == "no full pass was clean since the mapping was written: make one"
    storm.close()
