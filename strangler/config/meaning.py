"""What a document means, however it is written: merges and aliases resolved, order of keys and quotes forgotten."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from strangler.core.spec.node import MERGE, Map, Node, Pair, Scalar, Sequence, merge_sources
from strangler.core.spec.section import is_nothing


@dataclass(slots=True, eq=False)
class Meaning:
    """Numbers values so that equal meanings have equal numbers, across all documents given to the same one.

    Each node is numbered once, in written order. So aliases that multiply cost nothing, and since an anchor always
    stands before its aliases, the recursion is never deeper than the document is nested.
    """

    _numbers: dict[object, int] = field(default_factory=dict)
    _of: dict[int, int] = field(default_factory=dict)
    _values: dict[int, dict[str, Node]] = field(default_factory=dict)
    _kept: list[Node] = field(default_factory=list)  # ids are unique only while their nodes live

    def of(self, node: Node) -> int:
        """The number of a node."""
        known = self._of.get(id(node))
        if known is None:
            known = self._of[id(node)] = self._number(self._shape(node))
            self._kept.append(node)
        return known

    def values(self, node: Map) -> dict[str, Node]:
        """What a mapping holds by key: its own first, then what it merges, the first of several merged winning."""
        self.of(node)
        return self._values[id(node)]

    def without(self, node: Map, keys: Collection[str]) -> int:
        """The number of a mapping as if it did not have `keys`."""
        return self._number(self._pairs({key: value for key, value in self.values(node).items() if key not in keys}))

    def _number(self, shape: object) -> int:
        return self._numbers.setdefault(shape, len(self._numbers))

    def _shape(self, node: Node) -> object:
        if isinstance(node, Scalar):
            return None if is_nothing(node) else node.text
        if isinstance(node, Sequence):
            return tuple(self.of(item) for item in node.items)
        assert isinstance(node, Map)
        for pair in node.pairs:  # in written order first, so that what is merged is numbered before it is looked into
            self.of(pair.value)
        self._values[id(node)] = self._flatten(node)
        return self._pairs(self._values[id(node)])

    def _pairs(self, values: dict[str, Node]) -> object:
        return frozenset((key, self.of(value)) for key, value in values.items())

    def _flatten(self, node: Map) -> dict[str, Node]:
        found: dict[str, Node] = {}
        for pair in node.pairs:
            if not is_merge(pair):
                found.setdefault(pair.key.text, pair.value)
        for source in sources(node):
            for key, value in self._values[id(source)].items():
                found.setdefault(key, value)
        return found


def is_merge(pair: Pair) -> bool:
    """Whether a pair merges mappings into its own (a quoted ``"<<"`` is a key like any other)."""
    return pair.key.plain and pair.key.text == MERGE


def sources(node: Map) -> list[Map]:
    """The mappings that a mapping merges, the strongest first."""
    return [source for pair in node.pairs if is_merge(pair) for source in merge_sources(pair.value) or ()]
