"""Which places of a document are secret: those that the route's patterns name, and those whose own name says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

from strangler.core.compare.patterns import Patterns, State
from strangler.core.document import Element
from strangler.core.jsonpath import Pattern
from strangler.core.redact.names import BESIDE, is_secret


class Place(NamedTuple):
    """Where a walk through a document has come to, and whether everything from there on is secret."""

    state: State[bool]
    secret: bool

    def below(self, key: str | int) -> Place:
        """The place of a member or an item."""
        if self.secret:
            return self
        state = self.state.step(key)
        return Place(state, state.here or (type(key) is str and is_secret(key)))

    def inside(self, name: str) -> Place:
        """The place of an element or attribute, which is also an item of a list, and may have an ``@`` before its name."""
        ways = [self.below(name), self.below(f"@{name}"), self.below(name).below(0)]
        return Place(reduce(State.also, (way.state for way in ways)), any(way.secret for way in ways))

    def beside(self, label: bool, key: str) -> Place:
        """The same place of a member `key`, if it is `label`led as a secret."""
        return Place(self.state, self.secret or (label and key in BESIDE))


class Fields:
    """The patterns of one route."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        state = Patterns(patterns, bool).root
        self.root = Place(state, state.here)
        self._last = {_last_name(pattern) for pattern in patterns}

    def named(self, name: str) -> bool:
        """Whether a value of this name is secret where there are no places: in text, a form, a query."""
        return "" in self._last or name in self._last or is_secret(name)

    def at(self, path: Iterable[str | int]) -> Place:
        """The place at the end of a path."""
        place = self.root
        for key in path:
            place = place.below(key)
        return place

    def of_root(self, element: Element) -> Place:
        """The place of a root element, which is the whole document, or the only member of it."""
        inside = self.root.inside(local(element.name))
        return Place(self.root.state.also(inside.state), self.root.secret or inside.secret)

    def at_markup(self, path: Iterable[str | int]) -> Place:
        """The place at the end of a path into XML or HTML, whether it starts with the root or below it."""
        place = self.root
        for key in path:
            if isinstance(key, str):
                inside = place.inside(local(key))
                place = Place(place.state.also(inside.state), inside.secret) if place is self.root else inside
        return place


def local(name: str) -> str:
    """The name of an element or attribute without its namespace, and without the sign that paths put before attributes."""
    return name.rpartition("}")[2].lstrip("@")


def _last_name(pattern: Pattern) -> str:
    """The last name in a pattern, which is the list's if it ends in an item; "" if it names everything."""
    return next((step.key for step in reversed(pattern.steps) if isinstance(step.key, str)), "")
