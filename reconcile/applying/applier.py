"""The one place that writes rows: given keys, it makes the target say what the source says now.

State, not operations. In one transaction of the target it checks the owner, locks the keys, and only then reads the source,
so whoever comes late writes what is true then, and applying twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from reconcile.applying import deletions, locks
from reconcile.applying.applied import BOTH, DELETES, UPSERTS, Applied, Parts, Witness
from reconcile.applying.budget import Allowance, Halted
from reconcile.applying.readiness import prepare
from reconcile.applying.swaps import OutOfReach
from reconcile.applying.transaction import Task, run
from reconcile.applying.trouble import held, passes
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.reports.report import Counts
from strangler.core.errors import DatabaseError

__all__ = ["BOTH", "DELETES", "UPSERTS", "Applied", "Parts", "apply", "apply_all"]

_ATTEMPTS = 4  # at a transaction that the database gave up for another one's sake
_REACHES = 12  # rows of a chain that were not among the keys


def apply(
    pair: Pair,
    keys: Collection[Key],
    allowance: Allowance,
    *,
    parts: Parts = BOTH,
    origin: str = "relay",
    witness: Witness | None = None,
) -> Applied:
    """Bring the rows with these keys up to date; one that cannot be does not keep the others from it.

    Raises Halted for more deletes than the budget has left, Refusal if the target is not this pair's to write or the source not
    one to take deletions from, and DatabaseError where a database fails. Batches before the one that raises stay written.
    """
    return _apply(Task(pair, allowance, parts, origin, witness=witness), keys)


def apply_all(
    pair: Pair, keys: Collection[Key], allowance: Allowance, *, parts: Parts = BOTH, origin: str = "backfill"
) -> Counts:
    """The same, but a row that cannot be written raises, with nothing of its batch written: Refusal or DatabaseError."""
    return _apply(Task(pair, allowance, parts, origin, strict=True), keys).counts


def _apply(task: Task, keys: Collection[Key]) -> Applied:
    if not keys:
        return Applied()
    prepare(task.pair)
    found = Applied()
    for some in _batches(sorted(set(keys)), locks.KEYS_AT_ONCE[task.pair.target.database.dialect]):
        found += _batch(task, some)
    return found


def _batches(keys: Sequence[Key], size: int) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]


def _batch(task: Task, keys: Sequence[Key]) -> Applied:
    """Run the transaction, again with more keys where it needs them."""
    for _ in range(_REACHES):
        try:
            return _asked_for(_persistent(task, keys), keys)
        except OutOfReach as more:
            task = replace(task, reached=task.reached | more.keys, forced=task.forced | more.deletes)
    return _asked_for(_persistent(replace(task, closed=True), keys), keys)


def _asked_for(applied: Applied, keys: Collection[Key]) -> Applied:
    """Without the keys that were only reached for: they have their own turn."""
    own = frozenset(keys)
    deferred = {key: why for key, why in applied.deferred.items() if key in own}
    failed = {key: why for key, why in applied.failed.items() if key in own}
    return Applied(applied.counts, deferred, failed, applied.left & own)


def _persistent(task: Task, keys: Sequence[Key]) -> Applied:
    """Run the transaction; again if the database gave it up for another's sake, and in halves if it fails at its very end."""
    for attempt in range(_ATTEMPTS):
        try:
            return run(task, keys)
        except Halted as halted:
            if task.allowance.halts:
                deletions.keep_halted(task.pair.target.database, task.pair.mapping.name, halted)
            raise
        except DatabaseError as error:
            if not passes(error.__cause__) or attempt == _ATTEMPTS - 1:
                return _at_the_end(task, keys, error)
    raise AssertionError


def _at_the_end(task: Task, keys: Sequence[Key], error: DatabaseError) -> Applied:
    """Constraints that are checked when a transaction ends say nothing of which row it was."""
    why = held(error.__cause__) if isinstance(error.__cause__, DBAPIError) else None
    if why is None or task.strict:
        raise error
    if len(keys) > 1:
        middle = len(keys) // 2
        return _batch(task, keys[:middle]) + _batch(task, keys[middle:])
    outcome: dict[Key, str] = {keys[0]: why.reason}
    return Applied(deferred=outcome) if why.waits else Applied(failed=outcome)
