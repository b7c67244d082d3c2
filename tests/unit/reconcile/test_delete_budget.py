"""How many rows may go: the arithmetic, and that nothing goes when it is too many."""

import pytest

from reconcile.budget import Budget
from strangler.core.errors import Refusal
from strangler.core.units import Share


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
