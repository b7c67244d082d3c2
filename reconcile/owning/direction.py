"""From the owner to the other side: the one direction in which a mapping's rows are ever written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reconcile.databases.pair import Pair, opened_back_pair, opened_pair
from reconcile.mapping.model import Plan
from reconcile.owning.ownership import NEW, Ownership, agreed


@contextmanager
def opened_from_owner(plan: Plan, name: str) -> Iterator[tuple[Pair, Ownership]]:
    """A mapping's pair, its source being the owner. Raises Refusal if the databases disagree on who that is."""
    ownership = agreed(plan, name)
    opening = opened_back_pair if ownership.owner == NEW else opened_pair
    with opening(plan, name) as pair:
        yield pair, ownership
