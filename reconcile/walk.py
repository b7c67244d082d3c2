"""Walking all keys of a mapping through the applier, chunk by chunk; and applying a few keys by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection

from reconcile.applier import apply
from reconcile.budget import Allowance, Budget
from reconcile.chunk import Key
from reconcile.pair import Pair
from reconcile.report import Counts, Progress

CHUNK_ROWS = 1000

OnProgress = Callable[[Progress], None]


def backfill(pair: Pair, size: int, budget: Budget, on_progress: OnProgress) -> Counts:
    """Apply every key of either side. What was applied before an error stays; running again goes over it unchanged."""
    _refuse_null_keys(pair)
    allowance = _allowance(pair, budget)
    allowance.foresee()
    counts = Counts()
    for number, chunk in enumerate(pair.chunks(size), start=1):
        counts += apply(pair, {*pair.old.keys(chunk), *pair.new.keys(chunk)}, allowance)
        on_progress(Progress(pair.mapping.name, number, counts.rows, allowance.source_rows, counts))
    return counts


def apply_keys(pair: Pair, keys: Collection[Key], budget: Budget) -> Counts:
    """Apply a few keys, under a budget of their own."""
    return apply(pair, keys, _allowance(pair, budget))


def _allowance(pair: Pair, budget: Budget) -> Allowance:
    return Allowance(pair.mapping.name, budget, standing=pair.new.count(), source_rows=pair.old.count())


def _refuse_null_keys(pair: Pair) -> None:
    for side in (pair.old, pair.new):
        side.refuse_null_keys()
