"""The databases of the mappings that move, opened when they are first asked for and kept: during a hold every moment counts."""

from __future__ import annotations

from contextlib import ExitStack

from reconcile.databases.database import Database, opened
from reconcile.databases.pair import Pair, paired
from reconcile.mapping.model import Mapping, Plan
from reconcile.owning.ownership import NEW, OLD, Owner, Ownership, agreement, standing


class Databases:
    """Databases by side, and what they say of who owns. Anything may raise DatabaseError; a pair also ConfigError."""

    def __init__(self, plan: Plan, names: tuple[str, ...]) -> None:
        self.plan, self.names = plan, names
        self.prepared: set[str] = set()  # databases that are known to have the tables a move needs
        self._stack = ExitStack()
        self._open: dict[str, Database] = {}
        self._pairs: dict[str, Pair] = {}

    def close(self) -> None:
        self._stack.close()
        self._open.clear()
        self._pairs.clear()
        self.prepared.clear()

    def named(self, name: str) -> Database:
        """One of the plan's databases."""
        if name not in self._open:
            (self._open[name],) = self._stack.enter_context(opened(self.plan.databases, name))
        return self._open[name]

    def side(self, mapping: Mapping, side: Owner) -> Database:
        """Where a mapping's rows are on one side."""
        return self.named(mapping.source.database if side == OLD else mapping.target.database)

    def pair(self, name: str) -> Pair:
        """A mapping from the old side to the new one, which is how rows are compared whoever owns them."""
        if name not in self._pairs:
            mapping = self.plan.mapping(name)
            self._pairs[name] = paired(self.plan, name, self.side(mapping, OLD), self.side(mapping, NEW))
        return self._pairs[name]

    def says(self, name: str) -> tuple[Ownership, Ownership]:
        """What the old database and the new one say."""
        mapping = self.plan.mapping(name)
        return standing(self.side(mapping, OLD), name), standing(self.side(mapping, NEW), name)

    def owner(self, name: str) -> Owner:
        """What both say. Raises Refusal if they disagree."""
        return "new" if agreement(name, *self.says(name)).owner == NEW else "old"


def other(side: Owner) -> Owner:
    return "old" if side == NEW else "new"


def is_relayed(mapping: Mapping, owner: Owner) -> bool:
    """Whether changes are captured and copied while this side owns: what has no way back stays where it is written."""
    return owner == OLD or mapping.back is not None
