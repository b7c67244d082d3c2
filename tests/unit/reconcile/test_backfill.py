"""A backfill from the outside: it goes on where it stopped, waits, passes over, and knows parents from children."""

import json
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reconcile
from reconcile.applying.budget import Budget
from reconcile.backfilling.throttle import throttle
from reconcile.backfilling.walk import definition
from reconcile.backfilling.watermark import LEASE_SECONDS, Lease, take
from reconcile.databases.database import opened
from reconcile.databases.pair import opened_pair
from reconcile.owning.ownership import set_owner
from reconcile.relaying import tables as relay_tables
from reconcile.reports.report import Counts
from strangler.core.errors import Refusal, UsageError
from strangler.core.units import Share

ALL = Budget(10_000, Share(1.0))
TABLE = "(id INTEGER PRIMARY KEY, value TEXT);"
ONE_VALUE = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: {column: value, map: {A: active}}}
"""


class Crash(BaseException):
    """As abrupt as a kill: nothing of ours catches it."""


def crash_at(chunk):
    def on_progress(progress):
        if progress.chunks == chunk:
            raise Crash

    return on_progress


def state(world, column="state", mapping="things"):
    return world.new(f"SELECT {column} FROM strangler_backfill WHERE mapping = '{mapping}'")[0][0]


def let_the_lease_run_out(world):
    world.new("UPDATE strangler_backfill SET lease_until = 0 WHERE 1 = 1")


@pytest.fixture
def coded(world):
    world.create(f"CREATE TABLE thing {TABLE}", f"CREATE TABLE things {TABLE}", ONE_VALUE)
    world.old("INSERT INTO thing VALUES (1, 'A'), (2, 'A'), (3, 'A'), (4, 'X'), (5, 'A'), (6, 'Y'), (7, 'A');")
    return world


def test_it_goes_on_where_it_stopped_and_then_from_the_beginning(numbered):
    with pytest.raises(Crash):
        numbered.backfill(chunk_rows=3, on_progress=crash_at(2))
    assert numbered.new("SELECT max(id) FROM things") == [(6,)]
    numbered.new("DELETE FROM things WHERE id = 1")  # behind the watermark: the next call does not look there
    seen = []
    assert numbered.backfill(chunk_rows=3, on_progress=seen.append) == Counts(inserted=4)
    assert [(each.chunks, each.rows, each.total) for each in seen] == [(3, 9, 10), (4, 10, 10)]
    assert numbered.backfill(chunk_rows=3) == Counts(inserted=1, unchanged=9)


def test_restart_begins_anew(numbered):
    with pytest.raises(Crash):
        numbered.backfill(chunk_rows=3, on_progress=crash_at(2))
    assert numbered.backfill(restart=True) == Counts(inserted=4, unchanged=6)


def test_a_changed_mapping_begins_anew(numbered):
    with pytest.raises(Crash):
        numbered.backfill(chunk_rows=3, on_progress=crash_at(2))
    numbered.file.write_text(numbered.file.read_text().replace("value: value", "value: {sql: upper(value)}"))
    assert numbered.backfill() == Counts(inserted=4, updated=6)


def test_a_kill_between_a_chunk_and_its_watermark_costs_one_chunk(numbered):
    with opened_pair(numbered.plan, "things") as pair:
        take(Lease(pair.target.database, "things", "killed"), definition(pair), 10)
    numbered.apply((1,), (2,), (3,), (4,))  # the chunk
    with pytest.raises(Refusal, match="another backfill is at work"):
        numbered.backfill(chunk_rows=4)
    let_the_lease_run_out(numbered)
    assert reconcile.backfills(numbered.plan)[0].state == "stopped"
    assert numbered.backfill(chunk_rows=4) == Counts(inserted=6, unchanged=4)
    assert state(numbered, "rows") == 10


def test_extra_rows_go_wherever_their_key_is(numbered):
    numbered.old("DELETE FROM thing WHERE id IN (1, 5, 10)")
    ends = [(-(2**63), "a"), (2**63 - 1, "f")]
    numbered.new("INSERT INTO things VALUES (?, ?)", [*ends, (-1, "b"), (0, "c"), (5, "d"), (10, "e")])
    for size in (1, 2, 3, 100):
        counts = numbered.backfill(chunk_rows=size, budget=ALL)
    assert counts == Counts(unchanged=7)
    assert numbered.reconcile().clean


def test_extra_rows_go_within_the_budget_only(numbered):
    numbered.new("INSERT INTO things VALUES (20, 'a'), (21, 'b'), (22, 'c');")
    with pytest.raises(Refusal, match="rows would be deleted, the budget is 2"):
        numbered.backfill(budget=Budget(2, Share(1.0)))
    assert numbered.new("SELECT count(*) FROM things WHERE id >= 20")[0][0] == 3
    assert numbered.backfill(budget=Budget(3, Share(1.0))).deleted == 3


def test_a_row_that_cannot_be_mapped_stops_it_at_its_chunk_with_key_and_reason(coded):
    with pytest.raises(Refusal, match=r"things: old.thing key 4: .*is not in the map"):
        coded.backfill(chunk_rows=2)
    found = reconcile.backfills(coded.plan)[0]
    assert (found.state, found.rows, found.total) == ("stopped", 2, 7)
    assert "key 4" in found.why
    coded.old("UPDATE thing SET value = 'A' WHERE id IN (4, 6)")
    counts = coded.backfill(chunk_rows=2)
    assert counts.rows == 5
    assert coded.reconcile().clean


def test_rows_that_cannot_be_mapped_are_passed_over_up_to_a_limit_and_named(coded):
    found = reconcile.backfill_all(coded.plan, skip=2)["things"]
    assert (found.counts, found.state) == (Counts(inserted=5), "done")
    assert list(found.skipped) == ["[4]", "[6]"]
    assert all("is not in the map" in why for why in found.skipped.values())
    assert json.loads(state(coded, "skipped")) == found.skipped
    assert reconcile.backfills(coded.plan)[0].skipped == found.skipped
    with pytest.raises(Refusal, match=r"key 4: .*2 rows by now, at most 1 may be skipped"):
        coded.backfill(skip=1)


def test_rows_that_were_passed_over_are_left_to_the_relay(coded):
    with opened(coded.plan.databases, "old") as (database,):
        relay_tables.ensure(database)
    reconcile.backfill_all(coded.plan, skip=2)
    queued = coded.old("SELECT mapping, key, origin FROM strangler_pending ORDER BY key")
    assert queued == [("things", "[4]", "backfill"), ("things", "[6]", "backfill")]


def test_after_the_owner_has_moved_the_old_side_is_written(numbered):
    numbered.backfill()
    numbered.file.write_text(numbered.file.read_text().rstrip() + "\n    back: {columns: {value: value}}\n")
    set_owner(numbered.plan, "things", "new")
    numbered.new("UPDATE things SET value = 'later' WHERE id = 3; DELETE FROM things WHERE id = 4;")
    numbered.new("INSERT INTO things VALUES (11, 'born')")
    assert numbered.backfill() == Counts(inserted=1, updated=1, deleted=1, unchanged=8)
    assert numbered.old("SELECT * FROM thing ORDER BY id") == numbered.new("SELECT * FROM things ORDER BY id")


def test_a_second_backfill_is_refused_while_one_runs(numbered):
    def another(progress):
        with pytest.raises(Refusal, match="things: another backfill is at work"):
            numbered.backfill()

    assert numbered.backfill(chunk_rows=4, on_progress=another) == Counts(inserted=10)


def test_one_whose_lease_was_taken_stops_and_nothing_is_lost(numbered):
    """As a process that was asleep: the other one has gone on from the watermark meanwhile, and ended."""

    def asleep(progress):
        if progress.chunks == 1:
            let_the_lease_run_out(numbered)
            assert numbered.backfill(chunk_rows=4) == Counts(inserted=6)

    with pytest.raises(Refusal, match="things: another backfill has taken over"):
        numbered.backfill(chunk_rows=4, on_progress=asleep)
    assert (state(numbered), state(numbered, "rows")) == ("done", 10)
    assert numbered.reconcile().clean


def test_it_waits_while_it_is_paused_and_stops_when_asked(numbered):
    stop, waiting = threading.Event(), []

    def on_progress(progress):
        if progress.chunks == 1 and progress.state == "running":
            reconcile.pause_backfill(numbered.plan, "things")
        elif progress.state != "running":
            waiting.append(progress.state)
            assert reconcile.backfills(numbered.plan)[0].state == "paused"
            reconcile.continue_backfill(numbered.plan, "things")
        elif progress.chunks == 3:
            stop.set()

    found = reconcile.backfill_all(numbered.plan, chunk_rows=3, on_progress=on_progress, stop=stop)["things"]
    assert (waiting, found.state, found.counts) == (["paused: asked to pause"], "stopped", Counts(inserted=9))
    assert reconcile.backfills(numbered.plan)[0].why.startswith("asked to stop")
    with pytest.raises(UsageError, match="no backfill of things is running"):
        reconcile.continue_backfill(numbered.plan, "things")
    assert numbered.backfill() == Counts(inserted=1)


def test_it_waits_while_the_databases_are_behind(numbered):
    reasons = iter([None, "replication is 9 behind", None, None, None])
    seen = []
    numbered.backfill(chunk_rows=4, behind=lambda: next(reasons), on_progress=lambda each: seen.append((each.rows, each.state)))
    assert seen == [(4, "running"), (8, "running"), (8, "paused: replication is 9 behind"), (10, "running")]


def test_it_waits_while_a_query_gives_too_much(numbered):
    numbered.old("CREATE TABLE lag (seconds)")
    numbered.old("INSERT INTO lag VALUES (9.5)")
    behind = reconcile.behind_by_sql(numbered.plan, "old", "SELECT max(seconds) FROM lag", 5)
    waits = []

    def on_progress(progress):
        if progress.state != "running":
            waits.append(progress.state)
            numbered.old(("UPDATE lag SET seconds = NULL", "UPDATE lag SET seconds = 5")[len(waits) - 1])

    assert numbered.backfill(chunk_rows=5, behind=behind, on_progress=on_progress).inserted == 10
    assert waits == [f"paused: database old is behind: {found}, 5 allowed" for found in ("9.5", "NULL")]
    numbered.old("UPDATE lag SET seconds = 'many'")
    with pytest.raises(UsageError, match="the throttle's query on database old gives no number"):
        behind()


def test_what_the_file_says_holds_a_backfill_back_unless_something_else_is_asked_for(numbered):
    numbered.old("CREATE TABLE lag (seconds)")
    numbered.old("INSERT INTO lag VALUES (9)")
    words = 'throttle: {rows_per_second: 400, behind: {database: old, sql: "SELECT max(seconds) FROM lag", above: 5}}\n'
    numbered.file.write_text(numbered.file.read_text("utf-8") + words, "utf-8")
    plan = numbered.plan
    said = throttle(plan, None, None)
    assert (said.rows_per_second, said.behind()) == (400.0, "database old is behind: 9, 5 allowed")
    asked = throttle(plan, 0, lambda: None)
    assert (asked.rows_per_second, asked.behind()) == (0, None)
    states = []

    def on_progress(progress):
        states.append(progress.state)
        if progress.state != "running":
            numbered.old("UPDATE lag SET seconds = 1")

    numbered.backfill(chunk_rows=5, on_progress=on_progress)
    assert states == ["running", "paused: database old is behind: 9, 5 allowed", "running"]


class Impatient(threading.Event):
    """Says how long it was to wait, and ends everything instead."""

    def __init__(self):
        super().__init__()
        self.waited = []

    def wait(self, timeout=None):
        self.waited.append(timeout)
        self.set()
        return True


def test_a_limit_of_rows_a_second_is_kept_by_waiting(numbered):
    stop = Impatient()
    found = reconcile.backfill_all(numbered.plan, chunk_rows=5, rows_per_second=0.5, stop=stop)["things"]
    assert (found.state, found.counts.inserted) == ("stopped", 5)
    assert stop.waited == [LEASE_SECONDS / 3]  # of ten seconds: in between, the lease has to be renewed


def test_progress_tells_speed_and_what_is_left(numbered):
    seen = []
    numbered.backfill(chunk_rows=5, on_progress=seen.append)
    assert [each.share for each in seen] == [0.5, 1.0]
    assert all(each.speed > 0 for each in seen)
    assert seen[0].seconds_left > 0
    assert seen[1].seconds_left == 0


CHUNKED = st.dictionaries(st.tuples(st.integers(-2, 3), st.text("aA'é🚲 ", max_size=2)), st.text(max_size=2), max_size=9)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(old=CHUNKED, new=CHUNKED, size=st.integers(1, 4), crashes=st.lists(st.integers(1, 4), max_size=3))
def test_however_often_it_is_cut_off_both_sides_are_equal_in_the_end(world, old, new, size, crashes):
    """Composite keys of numbers and text, in any order; extra rows anywhere."""
    for run, name, rows in ((world.old, "thing", old), (world.new, "things", new)):
        run(f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (a INTEGER, b TEXT, value TEXT, PRIMARY KEY (a, b));")
        run(f"INSERT INTO {name} VALUES (?, ?, ?)", [(*key, value) for key, value in rows.items()])
    world.new("DROP TABLE IF EXISTS strangler_backfill; DROP TABLE IF EXISTS strangler_deletes;")
    world.write(
        "{name: things, from: {database: old, table: thing, key: [a, b]}, to: {database: new, table: things, key: [a, b]}, "
        "columns: {a: a, b: b, value: value}}"
    )
    chunks = 0
    for more in crashes:
        chunks += more
        try:
            world.backfill(chunk_rows=size, budget=ALL, on_progress=crash_at(chunks))
        except Crash:
            continue
        except Refusal:
            assert not old  # rows on the new side only are more likely an emptied source
    if old or not new:
        world.backfill(chunk_rows=size, budget=ALL)
        assert world.new("SELECT * FROM things ORDER BY a, b") == world.old("SELECT * FROM thing ORDER BY a, b")


@pytest.fixture
def family(world):
    """Parents and children on both sides, and a tree in one table whose rows come in the wrong order."""
    world.old(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, boss INTEGER); CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER);"
    )
    world.new(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY, boss INTEGER REFERENCES parents(id));"
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parents(id));"
    )
    world.write(
        "{name: parents, from: {database: old, table: parent, key: id}, to: {database: new, table: parents, key: id}, "
        "columns: {id: id, boss: boss}}"
    )
    world.file.write_text(
        world.file.read_text() + "  - {name: children, from: {database: old, table: child, key: id}, "
        "to: {database: new, table: children, key: id}, columns: {id: id, parent: parent}}\n"
    )
    return world


def test_all_mappings_in_the_order_of_the_file_and_trees_as_deep_as_they_are(family):
    family.old("INSERT INTO parent VALUES (?, ?)", [(number, number + 1 if number < 9 else None) for number in range(1, 10)])
    family.old("INSERT INTO child VALUES (?, ?)", [(number, number) for number in range(1, 10)])
    found = reconcile.backfill_all(family.plan, ["children", "parents"], chunk_rows=2)
    assert list(found) == ["parents", "children"]
    assert family.new("SELECT count(*) FROM parents") == family.new("SELECT count(*) FROM children") == [(9,)]
    assert all(reconcile.reconcile(family.plan, name).clean for name in found)


def test_a_parent_goes_after_its_children(family):
    family.old("INSERT INTO parent VALUES (1, NULL), (2, 1); INSERT INTO child VALUES (1, 1), (2, 1);")
    family.new(
        "INSERT INTO parents VALUES (1, NULL), (2, 1), (3, NULL), (4, 3); INSERT INTO children VALUES (1, 1), (2, 3), (3, 4);"
    )
    found = reconcile.backfill_all(family.plan, budget=ALL)
    assert {name: each.state for name, each in found.items()} == {"parents": "done", "children": "done"}
    assert found["parents"].counts.deleted == 2
    assert all(reconcile.reconcile(family.plan, name).clean for name in found)


def test_what_waits_for_ever_is_named_and_everything_else_is_written(family):
    family.old("INSERT INTO parent VALUES (1, NULL); INSERT INTO child VALUES (1, 1), (2, 77), (3, 1);")
    with pytest.raises(Refusal, match=r"children: 1 rows wait for rows that do not come or go, such as \[2\]"):
        reconcile.backfill_all(family.plan)
    assert family.new("SELECT id FROM children ORDER BY id") == [(1,), (3,)]
    assert state(family, mapping="children") == "waiting"
    family.old("INSERT INTO parent VALUES (77, NULL)")
    assert reconcile.backfill_all(family.plan)["children"].counts == Counts(inserted=1)
    assert all(reconcile.reconcile(family.plan, name).clean for name in ("parents", "children"))
