"""What a repair would do, told before anybody asks: how much by what a pass counted, and to its first rows as they are now.

A few rows are read again on both sides and nothing is counted anew, so it may be asked every now and then. It is no plan, and
nothing can be written by it: `repair plan` makes one, of every row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconcile.applying.budget import Budget
from reconcile.comparing.history import Passed
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Plan
from reconcile.owning.direction import opened_from_owner
from reconcile.owning.ownership import OLD
from reconcile.repairing.plan import kind_of
from reconcile.repairing.reading import read
from reconcile.repairing.repair import LIMIT, too_much
from reconcile.reports.report import Drift

RIGHT, UNMAPPED = "right by now", "cannot be mapped"
_VERBS = {Drift.MISSING: "insert", Drift.CHANGED: "update", Drift.EXTRA: "delete"}
_TURNED = {Drift.MISSING: Drift.EXTRA, Drift.CHANGED: Drift.CHANGED, Drift.EXTRA: Drift.MISSING}


@dataclass(frozen=True, slots=True)
class Outlook:
    """For one mapping.

    Attributes:
        written: the side that would be repaired, ``new`` or ``old``.
        counts: rows by what would be done to them: insert, update, delete.
        refusals: why `repair apply` would not do it unless more is allowed; none if it would.
        rows: what would be done now to each row that was asked for, by its key as JSON text.
    """

    written: str
    counts: Mapping[str, int]
    refusals: tuple[str, ...]
    rows: Mapping[str, str]


def outlook(plan: Plan, passed: Passed, keys: Sequence[str]) -> Outlook:
    """Look at these rows, whose keys are JSON text. Raises Refusal if the databases disagree on who owns the mapping."""
    with opened_from_owner(plan, passed.mapping) as (pair, ownership):
        rows = _rows(pair, keys)
    from_old = ownership.owner == OLD
    counts = {_VERBS[kind if from_old else _TURNED[kind]]: int(passed.counts.get(kind.value, 0)) for kind in Drift}
    source, target = (int(passed.counts.get(side, {}).get("rows") or 0) for side in ("old", "new")[:: 1 if from_old else -1])
    return Outlook("new" if from_old else "old", counts, tuple(_refusals(passed, counts, source, target)), rows)


def _rows(pair: Pair, keys: Sequence[str]) -> dict[str, str]:
    parsed = [pair.source.parse_key_text(key) for key in keys]
    both = read(pair, parsed)
    found = {}
    for key in parsed:
        kind = kind_of(both.wanted.get(key), both.standing.get(key))
        found[key_text(key)] = UNMAPPED if key in both.misfits else _VERBS[kind] if kind else RIGHT
    return found


def _refusals(passed: Passed, counts: Mapping[str, int], source: int, target: int) -> list[str]:
    """As `repair apply` would say it: a pass over what changed does not know how many rows there are."""
    if not passed.full:
        return []
    large = too_much(passed.mapping, sum(counts.values()), max(source, target), LIMIT)
    deletes = Budget().refusal(counts["delete"], target, source_rows=source) if counts["delete"] else None
    found: list[Any] = [large, deletes and f"{deletes}: --max-deletes {counts['delete']} --max-delete-share 100%"]
    return [words for words in found if words]
