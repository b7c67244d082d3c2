"""How many rows may go: the arithmetic, and that nothing goes when it is too many."""

import pytest

from reconcile.applying import deletions
from reconcile.applying.applier import apply
from reconcile.applying.budget import WATCHED, Allowance, Budget, Halted, Window
from strangler.core.errors import Refusal
from strangler.core.units import Share
from tests.unit.reconcile.applying_world import Applying

NUMBERED = """
    name: things
    from: {database: old, table: thing, key: id}
    to: {database: new, table: things, key: id}
    columns: {id: id, value: value}
"""


@pytest.mark.parametrize(
    ("budget", "standing", "allowed"),
    [
        (Budget(), 0, 1),
        (Budget(), 1, 1),
        (Budget(), 19, 1),  # 5 % is less than one row: one may always go
        (Budget(), 100, 5),
        (Budget(), 1000, 50),
        (Budget(), 100_000, 50),
        (Budget(10, Share(1.0)), 100, 10),
        (Budget(0), 100, 0),
    ],
)
def test_the_smaller_of_rows_and_share_counts(budget: Budget, standing: int, allowed: int):
    assert budget.allowed(standing) == allowed


def test_an_empty_source_is_never_taken_for_deletions_unless_all_may_go():
    assert "the old side has no rows" in (Budget().refusal(1, 1, source_rows=0) or "")
    assert Budget(50, Share(1.0)).refusal(1, 1, source_rows=0) is None
    assert Budget().refusal(0, 0, source_rows=0) is None


def test_a_source_that_shrank_too_much_stops_before_anything_is_written(numbered):
    numbered.old(
        "WITH RECURSIVE n(i) AS (SELECT 11 UNION ALL SELECT i + 1 FROM n WHERE i < 200) INSERT INTO thing SELECT i, 'x' FROM n"
    )
    numbered.backfill()
    numbered.old("DELETE FROM thing WHERE id > 150")
    numbered.old("UPDATE thing SET value = 'changed' WHERE id = 1")
    with pytest.raises(
        Refusal, match=r"things: 50 rows would be deleted, the budget is 10 .50 rows and 5% of 200.*--max-deletes 50"
    ):
        numbered.backfill(chunk_rows=10)
    assert numbered.new("SELECT count(*), sum(value = 'changed') FROM things") == [(200, 0)]
    assert numbered.backfill(budget=Budget(50, Share(1.0))).deleted == 50


def test_as_many_new_rows_as_gone_ones_do_not_hide_the_deletions(numbered):
    """The counts are equal, so only the walk itself finds out; the chunk that goes over the budget is not written at all."""
    numbered.backfill()
    numbered.old("UPDATE thing SET id = id + 100 WHERE id <= 5")
    with pytest.raises(Refusal, match=r"Stopped after 1 deletions"):
        numbered.backfill(chunk_rows=1)
    assert numbered.new("SELECT count(*) FROM things WHERE id <= 10") == [(9,)]


def test_the_budget_is_per_call_not_per_chunk(numbered):
    numbered.new("INSERT INTO things VALUES (?, ?)", [(number, "extra") for number in (-2, -1, 11, 12)])
    with pytest.raises(Refusal, match=r"budget is 3"):
        numbered.backfill(chunk_rows=2, budget=Budget(3, Share(1.0)))
    assert numbered.new("SELECT count(*) FROM things WHERE value = 'extra'")[0][0] >= 1


def test_an_empty_source_deletes_nothing(numbered):
    numbered.backfill()
    numbered.old("DELETE FROM thing WHERE 1 = 1")
    for attempt in (numbered.backfill, lambda: numbered.apply((3,))):
        with pytest.raises(
            Refusal, match=r"the old side has no rows, and the new side has 10: that is not taken for 10 deletions"
        ):
            attempt()
    assert numbered.new("SELECT count(*) FROM things") == [(10,)]


@pytest.mark.parametrize(("now", "deleted"), [(1000, 7), (1999, 7), (2000, 0), (999, 0)])
def test_a_window_ends_after_its_time_and_when_the_clock_is_put_back(now: int, deleted: int):
    assert Window(1000, deleted=7).at(now, 1000).deleted == deleted


@pytest.mark.parametrize(
    ("window", "deletes", "refused"),
    [
        (Window(0, deleted=0, standing=100), 5, False),
        (Window(0, deleted=0, standing=100), 6, True),
        (Window(0, deleted=4, standing=100), 2, True),  # four went before, whoever deleted them
        (Window(0, deleted=4, standing=100, granted=6), 2, False),
        (Window(0, deleted=4, standing=100, granted=6), 3, True),
        (Window(0, deleted=99, standing=100), 0, False),
    ],
)
def test_what_went_before_in_the_same_window_counts(window: Window, deletes: int, refused: bool):
    assert (window.refusal(Budget(), deletes, source_rows=1) is not None) == refused


@pytest.fixture
def hundred(tmp_path, fresh, dialect):
    """A hundred rows on both sides, of which the old side has lost the first thirty."""
    world = Applying(tmp_path, dialect, fresh(dialect), fresh(dialect))
    world.write(NUMBERED)
    world.old("CREATE TABLE thing (id INTEGER PRIMARY KEY, value VARCHAR(20))")
    world.new("CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(20))")
    rows = ", ".join(f"({number}, 'v')" for number in range(1, 101))
    world.old(f"INSERT INTO thing VALUES {rows}")
    world.new(f"INSERT INTO things VALUES {rows}")
    world.old("DELETE FROM thing WHERE id <= 30")
    return world


def test_callers_share_one_budget_and_going_over_it_halts_them_all(hundred):
    assert hundred.apply(1, 2, budget=Budget()).counts.deleted == 2
    assert hundred.apply(3, 4, 5, budget=Budget()).counts.deleted == 3
    with pytest.raises(Halted, match=r"6 rows would be deleted, the budget is 5 .* Stopped after 5 deletions"):
        hundred.apply(6, 50, budget=Budget())
    hundred.old("UPDATE thing SET value = 'new' WHERE id = 50")
    with pytest.raises(Halted, match=r"strangler data resume things --max-deletes 6"):
        hundred.apply(50, budget=Budget())
    assert hundred.new("SELECT count(*) FROM things WHERE value = 'new'") == [(0,)]


def test_a_halted_mapping_says_why_and_goes_on_when_someone_says_how_many_may_go(hundred):
    with pytest.raises(Halted):
        hundred.apply(*range(1, 31), budget=Budget())
    with hundred.pair() as pair:
        halt = deletions.halted(pair.target.database, "things")
        assert halt is not None
        assert (halt.deletes, "30 rows would be deleted, the budget is 5" in halt.why) == (30, True)
        deletions.resume(pair.target.database, "things", 30)
        assert deletions.halted(pair.target.database, "things") is None
    assert hundred.apply(*range(1, 31), budget=Budget()).counts.deleted == 30
    hundred.old("DELETE FROM thing WHERE id = 31")
    with pytest.raises(Halted):
        hundred.apply(31, budget=Budget())


def test_deletions_that_are_rolled_back_are_not_spent(hundred):
    for _ in range(3):
        with pytest.raises(Halted, match="Stopped after 0 deletions"):
            hundred.apply(*range(1, 31), budget=Budget())
    assert hundred.new("SELECT deleted FROM strangler_deletes") == [(0,)]


def test_an_emptied_source_halts_everything(hundred):
    hundred.old("DELETE FROM thing")
    for keys in ((1,), (2, 3)):
        with pytest.raises(Halted, match=r"the old side has no rows, and the new side has 100"):
            hundred.apply(*keys, budget=WATCHED)
    hundred.old("INSERT INTO thing VALUES (50, 'back')")  # a backup that is being restored, say
    with pytest.raises(Halted, match=r"the old side has no rows"):
        hundred.apply(50, budget=WATCHED)
    assert hundred.new("SELECT count(*) FROM things") == [(100,)]


def test_a_caller_that_halts_nobody_is_refused_alone(hundred):
    with hundred.pair() as pair:
        with pytest.raises(Halted):
            apply(pair, [(1,), (2,)], Allowance("things", Budget(1), halts=False))
        assert deletions.halted(pair.target.database, "things") is None


def test_a_new_window_begins_with_the_whole_budget(hundred):
    assert hundred.apply(1, 2, 3, 4, 5, budget=Budget()).counts.deleted == 5
    hundred.new("UPDATE strangler_deletes SET since = since - 3600000000")
    assert hundred.apply(6, 7, 8, 9, budget=Budget()).counts.deleted == 4


def test_no_deletion_is_taken_from_a_source_that_takes_no_writes(tmp_path, fresh, servers, dialect):
    """A replica that lags looks like rows that have gone."""
    if dialect != "mariadb" or servers[dialect].folder is None:
        pytest.skip("only a MariaDB of our own can be made to look like a replica without one")
    world = Applying(tmp_path, dialect, fresh(dialect), fresh("sqlite"))
    world.write(NUMBERED)
    world.old("CREATE TABLE thing (id INTEGER PRIMARY KEY, value VARCHAR(20))", "INSERT INTO thing VALUES (1, 'a'), (2, 'b')")
    world.new("CREATE TABLE things (id INTEGER PRIMARY KEY, value VARCHAR(20))")
    world.apply(1, 2)
    world.old("DELETE FROM thing WHERE id = 1", "UPDATE thing SET value = 'c' WHERE id = 2")
    world.old("SET GLOBAL read_only = 1")
    try:
        with pytest.raises(Refusal, match="follows another one or takes no writes"):
            world.apply(1, 2)
        assert world.apply(2).counts.updated == 1
    finally:
        world.old("SET GLOBAL read_only = 0")
    assert world.apply(1).counts.deleted == 1
