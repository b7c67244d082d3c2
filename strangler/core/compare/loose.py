"""Prints of values as far as rules let them count: two items that no rule lets differ have one print, whatever it ignores.

Only for pairing the items of unordered lists: what is paired is compared in full afterwards.
"""

from __future__ import annotations

from typing import Any

from strangler.core.compare.allow import SPELLINGS, is_empty, spelt
from strangler.core.compare.numeral import is_number
from strangler.core.compare.patterns import State
from strangler.core.compare.prints import CONTAINERS, leaf
from strangler.core.compare.rules import Here
from strangler.core.compare.tree import child_states
from strangler.core.document import Element
from strangler.core.exact import Number

_Child = tuple[Any, State[Here]]


class Loose:
    """Loose prints under `words` of treat_equal. What is ignored has none, what is noise or has a tolerance is its type."""

    def __init__(self, words: frozenset[str]) -> None:
        self._words = words
        self._spelling = tuple(word for word in SPELLINGS if word in words)
        self._known: dict[tuple[int, int], int | None] = {}

    def all(self, values: list[Any], states: list[State[Here]]) -> list[int]:
        """Prints of values, each at its place."""
        return [self.of(value, state) or 0 for value, state in zip(values, states, strict=True)]

    def of(self, value: Any, state: State[Here]) -> int | None:
        """The print of a value at a place; None if it does not count."""
        todo = [(value, state)]
        while todo:
            node, at = todo[-1]
            try:
                self._known[id(node), id(at)] = self._print(node, at)
                todo.pop()
            except KeyError:  # something in it is not printed yet
                todo += [child for child in _inside(node, at) if (id(child[0]), id(child[1])) not in self._known]
        return self._known[id(value), id(state)]

    def _print(self, node: Any, state: State[Here]) -> int | None:
        here = state.here
        if here.ignore or (is_empty(node) and self._is_nothing(node)):
            return None
        if here.anything or here.near or here.noisy:
            return hash(type(node))
        return self._whole(node, state) if type(node) in CONTAINERS else self._leaf(node)

    def _is_nothing(self, value: Any) -> bool:
        return "null_missing" in self._words and (value is None or "empty_null" in self._words)

    def _whole(self, node: Any, state: State[Here]) -> int:
        known = self._known
        prints = [known[id(child), id(below)] for child, below in _inside(node, state)]
        if type(node) is dict:
            return hash(frozenset(pair for pair in zip(node, prints, strict=True) if pair[1] is not None))
        if type(node) is list:
            return hash((list, *_told(prints, state)))
        attributes, children = prints[: len(node.attributes)], prints[len(node.attributes) :]
        return hash((node.name, frozenset(zip(node.attributes, attributes, strict=True)), *_told(children, state)))

    def _leaf(self, value: Any) -> int:
        if "empty_null" in self._words and is_empty(value):
            return leaf(None)
        if type(value) is not str:
            return leaf(value)
        if "number_string" in self._words and is_number(value):
            return leaf(Number(value))
        return leaf(spelt(value, self._spelling))


def _told(prints: list[int | None], state: State[Here]) -> list[int]:
    told = [mark or 0 for mark in prints]
    return sorted(told) if state.here.unordered else told


def _inside(node: Any, state: State[Here]) -> list[_Child]:
    """What is in a value, each with its place; attributes of an element too."""
    if type(node) is dict:
        return [(member, state.step(name)) for name, member in node.items()]
    if type(node) is list:
        return [(item, state.step(index)) for index, item in enumerate(node)]
    if type(node) is Element:
        attributes = [(value, state.step(f"@{name}")) for name, value in node.attributes.items()]
        return attributes + list(zip(node.children, child_states(node.children, state), strict=True))
    return []
