"""Applying a plan: each row through the applier, under its locks, only if it is still as witnessed, with what it was kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reconcile.applying.applied import DELETES, UPSERTS, Applied
from reconcile.applying.applier import apply
from reconcile.applying.budget import Allowance, Budget
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Plan
from reconcile.owning.direction import opened_from_owner
from reconcile.owning.ownership import Ownership
from reconcile.repairing import journal
from reconcile.repairing.journal import Journal
from reconcile.repairing.plan import Item, Part, RepairPlan, ordered
from reconcile.reports.report import Counts, Drift, Progress
from strangler.core.errors import Refusal
from strangler.core.units import Share, format_percent

LIMIT = Budget(1_000, Share(0.05))
AT_ONCE = 200
_MOVED = "its source row has come or gone since the plan was made"
OnProgress = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of a mapping's rows of a plan; keys as JSON text.

    Attributes:
        right: rows that were as they should be by then.
        left: rows that were left alone, with why: changed since the plan was made, or frozen.
        failed: rows that the database would not take, or that wait for others, with why.
    """

    mapping: str
    counts: Counts = Counts()
    right: int = 0
    left: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: Repaired) -> Repaired:
        left, failed = {**self.left, **other.left}, {**self.failed, **other.failed}
        return Repaired(self.mapping, self.counts + other.counts, self.right + other.right, left, failed)

    def without(self, items: Iterable[Item]) -> Repaired:
        """Before these rows are tried again."""
        tried = {item.key for item in items}
        return replace(self, failed={key: why for key, why in self.failed.items() if key not in tried})

    @property
    def complete(self) -> bool:
        return not self.left and not self.failed

    def document(self) -> dict[str, Any]:
        """For JSON."""
        rows = {"right": self.right, "left": dict(self.left), "failed": dict(self.failed)}
        return {"mapping": self.mapping, **self.counts.document(), **rows}

    def lines(self) -> Iterator[str]:
        """For people."""
        counts = self.counts
        right = f", {self.right:,} right already" if self.right else ""
        yield f"{self.mapping}: {counts.inserted:,} inserted, {counts.updated:,} updated, {counts.deleted:,} deleted{right}"
        yield from (f"  left alone {key}   {why}" for key, why in self.left.items())
        yield from (f"  not written {key}   {why}" for key, why in self.failed.items())


def run(
    plan: Plan, planned: RepairPlan, limit: Budget, deletes: Budget, on_progress: OnProgress = lambda _: None
) -> dict[str, Repaired]:
    """Write what is planned; by mapping, what became of it.

    Raises Refusal, with nothing written, for a plan over the limit or of another owner; running again goes on.
    """
    for part in planned.parts:
        _refuse_large(part, limit)
    found = {part.mapping: Repaired(part.mapping) for part in planned.parts}
    steps = list(ordered(planned, plan.names))
    while steps:
        tried = sum(len(items) for _, items in steps)
        for part, items in steps:
            found[part.mapping] = found[part.mapping].without(items) + _step(plan, planned.id, part, items, deletes, on_progress)
        steps = _again(found, steps)
        if sum(len(items) for _, items in steps) == tried:
            break
    return found


def _again(found: Mapping[str, Repaired], steps: Sequence[tuple[Part, list[Item]]]) -> list[tuple[Part, list[Item]]]:
    """Rows that failed may only have waited for a row of a later step to go."""
    failed = [(part, [item for item in items if item.key in found[part.mapping].failed]) for part, items in steps]
    return [(part, items) for part, items in failed if items]


def _step(plan: Plan, token: str, part: Part, items: Sequence[Item], deletes: Budget, on_progress: OnProgress) -> Repaired:
    with opened_from_owner(plan, part.mapping) as (pair, ownership):
        _refuse_other_owner(part, ownership)
        journal.ensure(pair.target.database)
        return _Step(pair, token, part, items, _allowance(pair, deletes), on_progress).run()


class _Step:
    """One mapping's rows that come and change, or those that go."""

    def __init__(
        self, pair: Pair, plan: str, part: Part, items: Sequence[Item], allowance: Allowance, on_progress: OnProgress
    ) -> None:
        self.pair, self.plan, self.allowance, self.on_progress = pair, plan, allowance, on_progress
        self.items = {pair.source.parse_key_text(item.key): item for item in items}
        self.known = {pair.source.parse_key_text(item.key): item for item in part.items}
        self.parts = DELETES if items[0].kind is Drift.EXTRA else UPSERTS
        self.done = Repaired(pair.mapping.name)

    def run(self) -> Repaired:
        """Rows that wait for others are tried again as long as that helps."""
        keys: Collection[Key] = sorted(self.items)
        deferred: Mapping[Key, str] = {}
        while keys:
            deferred = self._all(sorted(keys))
            if len(deferred) == len(keys):
                break
            keys = deferred.keys()
        return self.done + Repaired(self.pair.mapping.name, failed={key_text(key): why for key, why in deferred.items()})

    def _all(self, keys: Sequence[Key]) -> dict[Key, str]:
        deferred: dict[Key, str] = {}
        for start in range(0, len(keys), AT_ONCE):
            some = keys[start : start + AT_ONCE]
            book = Journal(self.pair, self.plan, self.known)
            applied = apply(self.pair, some, self.allowance, parts=self.parts, origin="repair", witness=book)
            deferred |= applied.deferred
            self.done += self._repaired(some, applied, book)
            progress = self.done.counts
            self.on_progress(Progress(self.pair.mapping.name, start // AT_ONCE + 1, start + len(some), len(self.items), progress))
        return deferred

    def _repaired(self, keys: Sequence[Key], applied: Applied, book: Journal) -> Repaired:
        left = {key_text(key): book.left[key] for key in applied.left & book.left.keys()}
        changed = {key_text(key): _MOVED for key in applied.left if key not in book.left}
        failed = {key_text(key): why for key, why in applied.failed.items()}
        written = Counts(applied.counts.inserted, applied.counts.updated, applied.counts.deleted)
        others = {*applied.left, *applied.failed, *applied.deferred, *book.written}
        return Repaired(self.pair.mapping.name, written, len(set(keys) - others), left | changed, failed)


def too_much(mapping: str, drifted: int, rows: int, limit: Budget) -> str:
    """Why so many of a mapping's rows are not repaired, and what to do; "" if they are."""
    allowed = limit.rows if limit.share >= 1 else limit.allowed(rows)
    if drifted <= allowed:
        return ""
    return (
        f"{mapping}: {drifted:,} rows would be repaired, the limit is {allowed:,} ({limit.rows:,} rows and "
        f"{format_percent(limit.share)} of {rows:,}): so much drift is more often a mistake in the mapping. If not: "
        f"--max-rows {drifted} --max-share 100%, or `backfill {mapping}`"
    )


def _refuse_large(part: Part, limit: Budget) -> None:
    if why := too_much(part.mapping, len(part.items) + part.more, part.rows, limit):
        raise Refusal(why)


def _refuse_other_owner(part: Part, ownership: Ownership) -> None:
    if ownership.epoch != part.epoch:
        raise Refusal(f"{part.mapping}: its owner has moved since the plan was made: compare again, and make a new plan")


def _allowance(pair: Pair, budget: Budget) -> Allowance:
    return Allowance(pair.mapping.name, budget, standing=pair.target.count(), source_rows=pair.source.count())
