"""Mappings by the side that owns them: capture belongs into the owner's database, and reading begins there."""

from __future__ import annotations

from collections.abc import Iterable

from reconcile.databases.database import opened
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import Owner, Ownership, agreed, set_owner, standing
from strangler.core.errors import Refusal


def by_owner(plan: Plan, names: Iterable[str] = ()) -> dict[Owner, tuple[str, ...]]:
    """The named mappings (all, without names) of each owner, in file order. Raises Refusal if the databases disagree on one."""
    chosen = {plan.mapping(name).name for name in names} or set(plan.names)
    found: dict[Owner, list[str]] = {}
    for name in plan.names:
        if name in chosen:
            found.setdefault("new" if agreed(plan, name).owner == "new" else "old", []).append(name)
    return {owner: tuple(some) for owner, some in found.items()}


def said(plan: Plan, name: str) -> tuple[Ownership, Ownership]:
    """What the old database says of a mapping, and what the new one says."""
    mapping = plan.mapping(name)
    with opened(plan.databases, mapping.source.database, mapping.target.database) as (old, new):
        return standing(old, name), standing(new, name)


def settle(plan: Plan, name: str, owner: str) -> Ownership:
    """Finish a move that was cut off. Raises Refusal where nothing was: a move by hand would lose what is on its way."""
    try:
        found = agreed(plan, name)
    except Refusal:
        return set_owner(plan, name, owner)
    if found.owner != owner:
        raise Refusal(f"{name}: both databases say that the owner is {found}: it moves by `strangler cutover`, not by hand")
    return found
