"""Arms added up over steps: which sides, which cells, and since when."""

from __future__ import annotations

from strangler.core.records import Batch
from strangler.store.rows import SumRow
from strangler.store.store import Store
from tests.contract.store.given import MINUTE, NOW

HOUR = 3600.0


def test_the_first_cells_of_a_side_are_added_up_by_the_step(store: Store) -> None:
    arms = {
        (MINUTE, "orders", "shadow", "", "served by legacy"): [1, 2, 100],
        (MINUTE + 59, "orders", "shadow", "", "served by legacy"): [4],
        (MINUTE + 60, "orders", "canary", "", "served by legacy"): [0, 5],
        (MINUTE, "orders", "shadow", "v1", "legacy"): [7],
        (MINUTE, "", "", "", "served by modern"): [8],
        (MINUTE, "orders", "shadow", "", "servedXby legacy"): [9],
    }
    store.record(Batch(arms=arms), store.begin_run(NOW, "1"))
    first = [SumRow(NOW, "", "", "served by modern", 8), SumRow(NOW, "orders", "shadow", "served by legacy", 7)]
    later = [SumRow(NOW + HOUR, "orders", "canary", "served by legacy", 5)]
    assert store.sums("served by ", 2, HOUR) == first + later
    assert store.sums("served by ", 2, HOUR, since=NOW + HOUR) == later
    assert {row.stage: row.total for row in store.sums("served by l", 3, 24 * HOUR)} == {"canary": 5, "shadow": 107}
