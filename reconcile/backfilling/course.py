"""A backfill over several mappings: parents before children, and what waited for another mapping's rows at the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from secrets import token_hex
from typing import Any

from sqlalchemy import inspect

from reconcile.applying.budget import Allowance, Budget
from reconcile.backfilling import walk, watermark
from reconcile.backfilling.walk import Backfilled, Conduct
from reconcile.backfilling.watermark import WAITING, Lease
from reconcile.databases.chunk import Key
from reconcile.databases.pair import Pair
from reconcile.mapping.model import Plan
from reconcile.owning.direction import opened_from_owner
from reconcile.relaying import pending
from reconcile.relaying.tables import PENDING
from reconcile.reports.report import Counts
from strangler.core.errors import Refusal


def run(plan: Plan, names: Iterable[str], conduct: Conduct, budget: Budget | None) -> dict[str, Backfilled]:
    """Backfill mappings in the order of the file, then let those go on that waited for others.

    Raises Refusal if some still wait when nothing moves any more.
    """
    chosen = {name: plan.mapping(name) for name in names} or {mapping.name: mapping for mapping in plan.mappings}
    found: dict[str, Backfilled] = {}
    for name in (name for name in plan.names if name in chosen):
        found[name] = _backfill(plan, name, conduct, budget)
        if conduct.stop.is_set():
            return found
    _finish(plan, found, replace(conduct, restart=False), budget)
    return found


def apply_keys(plan: Plan, name: str, keys: Iterable[tuple[Any, ...]], budget: Budget | None) -> Counts:
    """Apply a few keys of a mapping, all or none."""
    with opened_from_owner(plan, name) as (pair, _):
        return walk.apply_keys(pair, [pair.source.parse_key(key) for key in keys], _allowance(pair, budget))


def tell(plan: Plan, name: str, wanted: str) -> None:
    """Pause a mapping's backfill, or let it go on."""
    with opened_from_owner(plan, name) as (pair, _):
        watermark.tell(pair.target.database, name, wanted)


def _finish(plan: Plan, found: dict[str, Backfilled], conduct: Conduct, budget: Budget | None) -> None:
    """Children first: a parent's row can only go when no child of it is left."""
    moved = True
    while moved and not conduct.stop.is_set():
        moved = False
        for name in [name for name in reversed(found) if found[name].state == WAITING]:
            again = _backfill(plan, name, conduct, budget)
            moved |= len(again.deferred) < len(found[name].deferred)
            found[name] = replace(again, counts=found[name].counts + again.counts)
    for name, outcome in found.items():
        if outcome.state == WAITING and not conduct.stop.is_set() and not _left_to_relay(plan, name, outcome):
            raise Refusal(_still_waiting(name, outcome))


def _backfill(plan: Plan, name: str, conduct: Conduct, budget: Budget | None) -> Backfilled:
    with opened_from_owner(plan, name) as (pair, _):
        conduct = replace(conduct, on_skipped=partial(_queue, pair))
        return walk.backfill(pair, _allowance(pair, budget), Lease(pair.target.database, name, token_hex(16)), conduct)


def _left_to_relay(plan: Plan, name: str, outcome: Backfilled) -> bool:
    """A child whose parent was born after the parents were walked: where the relay is at work, it brings both, in this order."""
    with opened_from_owner(plan, name) as (pair, _):
        return _queue(pair, {pair.source.parse_key_text(text): why for text, why in outcome.deferred.items()})


def _queue(pair: Pair, left: Mapping[Key, str]) -> bool:
    """Where the relay is at work, it has the rows that are left: it tries them again, and keeps them as dead letters."""
    database = pair.source.database
    if not inspect(database.engine).has_table(PENDING.name):
        return False
    with database.writing() as connection:
        pending.enqueue(connection, pair.mapping.name, left.keys(), "backfill")
    return True


def _allowance(pair: Pair, budget: Budget | None) -> Allowance:
    return Allowance(pair.mapping.name, budget or Budget(), standing=pair.target.count(), source_rows=pair.source.count())


def _still_waiting(name: str, outcome: Backfilled) -> str:
    key, why = next(iter(outcome.deferred.items()))
    return (
        f"{name}: {len(outcome.deferred):,} rows wait for rows that do not come or go, such as {key}: {why}; all others were "
        f"written. Backfill the mapping that has those rows, then `backfill {name}` again"
    )
