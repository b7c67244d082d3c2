"""Fingerprints: one number for a whole value, so that items of lists can be told apart without being walked again.

Equal values have equal prints; other values do too about once in 2 to the power of 60. Prints hold within one process.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from strangler.core.compare.numeral import plain
from strangler.core.document import Element
from strangler.core.exact import Number

CONTAINERS = frozenset({dict, list, Element})


class Prints:
    """Prints of the values of some documents, which must live as long. What is inside a value is printed once."""

    def __init__(self) -> None:
        self._known: dict[int, int] = {}

    def all(self, values: list[Any]) -> list[int]:
        return [self.of(value) for value in values]

    def of(self, value: Any) -> int:
        """The print of a value, however deep it is nested."""
        if type(value) not in CONTAINERS:
            return leaf(value)
        known, todo = self._known, [value]
        while todo:
            node = todo[-1]
            try:
                known[id(node)] = self._whole(node)
                todo.pop()
            except KeyError:  # something in it is not printed yet
                todo += [child for child in inside(node) if type(child) in CONTAINERS and id(child) not in known]
        return known[id(value)]

    def member(self, name: str, value: Any) -> int:
        """The print of a member with its name."""
        return hash((name, self._print(value)))

    def _print(self, value: Any) -> int:
        kind = type(value)
        if kind is str:
            return hash(value)
        return self._known[id(value)] if kind in CONTAINERS else leaf(value)

    def _whole(self, node: Any) -> int:
        if type(node) is dict:
            return hash(frozenset([(name, self._print(value)) for name, value in node.items()]))
        if type(node) is list:
            return hash((list, *map(self._print, node)))
        return hash((node.name, frozenset(node.attributes.items()), *map(self._print, node.children)))


def inside(node: Any) -> Iterable[Any]:
    """The values in a container."""
    if type(node) is dict:
        return node.values()
    return node if type(node) is list else node.children


def leaf(value: Any) -> int:
    """The print of a value that holds no others."""
    if type(value) is str:
        return hash(value)
    if type(value) is Number:
        return hash((Number, plain(value)))
    return hash((type(value), value))
