"""Fingerprints: one number for a whole value, so that items of lists can be told apart without being walked again.

Equal values have equal prints; other values do too about once in 2 to the power of 60. Prints hold within one process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
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

    def inside(self, value: Any) -> list[int]:
        """Prints of the members of a value with their names, of its items, or of its attributes and children."""
        kind = type(value)
        if kind is dict:
            self.of(value)
            return list(map(hash, self._pairs(value)))
        if kind is list:
            return self.all(value)
        return [*map(hash, value.attributes.items()), *self.all(list(value.children))] if kind is Element else []

    def _whole(self, node: Any) -> int:
        kind = type(node)
        if kind is dict:
            return hash(frozenset(self._pairs(node)))
        if kind is list:
            return hash((list, *self._marks(node)))
        return hash((node.name, frozenset(node.attributes.items()), *self._marks(node.children)))

    def _pairs(self, members: dict[str, Any]) -> list[tuple[str, int]]:
        return list(zip(members, self._marks(members.values()), strict=True))

    def _marks(self, values: Iterable[Any]) -> list[int]:
        """Prints of values of which those that hold others are known. Raises KeyError if one is not."""
        known = self._known
        return [mark(value) if (mark := _LEAVES.get(type(value), _other)) else known[id(value)] for value in values]


def inside(node: Any) -> Iterable[Any]:
    """The values in a container."""
    if type(node) is dict:
        return node.values()
    return node if type(node) is list else node.children


def leaf(value: Any) -> int:
    """The print of a value that holds no others."""
    mark = _LEAVES.get(type(value), _other)
    assert mark
    return mark(value)


def _number(value: str) -> int:
    return hash((Number, plain(value)))


def _other(value: Any) -> int:
    return hash((type(value), value))


_LEAVES: dict[type, Callable[[Any], int] | None] = {str: hash, Number: _number, **dict.fromkeys(CONTAINERS)}
