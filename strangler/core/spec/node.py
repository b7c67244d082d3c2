"""The written document as a tree that still knows where everything stood.

Built from a stream of YAML events rather than from a composed tree, for three reasons: aliases keep their own place
(a flip must not edit the anchor they point to), depth is bounded without recursion (a composer written in C overflows
the stack on a hostile file), and no scalar is resolved to a type before the field that expects it is known, so that
``no``, ``on`` and ``1.10`` stay what was written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from strangler.core.errors import Problem

MAX_DEPTH = 64
MERGE = "<<"
_CORE_TAGS = ("str", "int", "float", "bool", "null", "map", "seq", "merge")
_KNOWN_TAGS = {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in _CORE_TAGS)}


class Mark(Protocol):
    """A place in the text, counted from 0."""

    index: int
    line: int
    column: int


@dataclass(slots=True, eq=False)
class Node:
    """Any written value. `start` and `end` are where it stands (an anchor or tag included)."""

    start: Mark
    end: Mark


@dataclass(slots=True, eq=False)
class Scalar(Node):
    """A written word, number or text. `plain` is False when it was quoted or a block."""

    text: str
    plain: bool


@dataclass(slots=True, eq=False)
class Pair:
    """One ``key: value`` line. `alias` is where ``*name`` stands when the value is an alias."""

    key: Scalar
    value: Node
    alias: tuple[Mark, Mark] | None = None


@dataclass(slots=True, eq=False)
class Map(Node):
    """A mapping, pairs in written order, duplicates kept."""

    pairs: list[Pair]
    flow: bool
    _merged: dict[str, Pair] | None = field(default=None, init=False, repr=False)

    def flattened(self) -> dict[str, Pair]:
        """Pairs by key with merge keys applied: what is written here wins over what is merged, the first of several
        merged mappings wins over the next (https://yaml.org/type/merge.html). Of duplicates the first is kept.
        Not to be changed by the caller."""
        found = _first_by_key(self.pairs)
        if MERGE not in found:
            return found
        if self._merged is None:
            self._merged = self._merge()
        return self._merged

    def _merge(self) -> dict[str, Pair]:
        found = _first_by_key(pair for pair in self.pairs if not is_merge(pair))
        for pair in self.pairs:
            if is_merge(pair):
                for source in merge_sources(pair.value) or ():
                    for key, merged in source.flattened().items():
                        found.setdefault(key, merged)
        return found


@dataclass(slots=True, eq=False)
class Sequence(Node):
    """A list. `aliases` holds, per index, where ``*name`` stands when that item is an alias."""

    items: list[Node]
    flow: bool
    aliases: dict[int, tuple[Mark, Mark]] = field(default_factory=dict)


def merge_sources(node: Node) -> list[Map] | None:
    """The mappings that a merge key's value brings in; None when it is not a mapping or a list of mappings."""
    nodes = node.items if isinstance(node, Sequence) else [node]
    maps = [source for source in nodes if isinstance(source, Map)]
    return maps if len(maps) == len(nodes) else None


def is_merge(pair: Pair) -> bool:
    """Whether a pair is a merge key; in quotes it is a key like any other."""
    return pair.key.plain and pair.key.text == MERGE


def _first_by_key(pairs: Iterable[Pair]) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for pair in pairs:
        if pair.key.text not in found:
            found[pair.key.text] = pair
    return found


class DocumentError(Exception):
    """The text is not a document that can be read; carries the one problem found."""

    def __init__(self, mark: Mark | None, message: str) -> None:
        self.problem = Problem(mark.line + 1 if mark else 0, mark.column + 1 if mark else 0, "", message)
        super().__init__(message)

    @classmethod
    def behind(cls, text: str, message: str) -> DocumentError:
        """A problem right behind `text`, the beginning of the document."""
        error = cls(None, message)
        error.problem = Problem(text.count("\n") + 1, len(text) - text.rfind("\n"), "", message)
        return error


@dataclass(slots=True)
class _Open:
    """A mapping or list under construction, with the key that waits for its value."""

    node: Map | Sequence
    anchor: str | None
    key: Scalar | None = None


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, Node | None] = {}  # None while the anchored node is still open

    def add(self, node: Node, alias: tuple[Mark, Mark] | None = None) -> None:
        """Hang a finished node where it belongs: as the root, as a list item, or as key or value of a mapping."""
        if not self.stack:
            self.root = node
            return
        place = self.stack[-1]
        if isinstance(place.node, Sequence):
            if alias:
                place.node.aliases[len(place.node.items)] = alias
            place.node.items.append(node)
        elif place.key is None:
            if not isinstance(node, Scalar):
                raise DocumentError(alias[0] if alias else node.start, "a key must be a plain word")
            place.key = node
        else:
            place.node.pairs.append(Pair(place.key, node, alias))
            place.key = None

    def open(self, node: Map | Sequence, anchor: str | None) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise DocumentError(node.start, f"nested deeper than {MAX_DEPTH} levels")
        if anchor:
            self.anchors[anchor] = None
        self.stack.append(_Open(node, anchor))

    def close(self, end: Mark) -> None:
        done = self.stack.pop()
        done.node.end = end
        if isinstance(done.node, Map):
            done.node.flattened()  # now, while what it merges is done: merges of merges neither recurse nor multiply
        if done.anchor:
            self.anchors[done.anchor] = done.node
        self.add(done.node)

    def alias(self, name: str, start: Mark, end: Mark) -> None:
        if name not in self.anchors:
            raise DocumentError(start, f"*{name} refers to nothing: no &{name} stands above it")
        target = self.anchors[name]
        if target is None:
            raise DocumentError(start, f"*{name} refers to itself")
        self.add(target, (start, end))


def build(events: Iterable[Any]) -> Node | None:
    """Build the tree of the one document in a stream of YAML events (named as PyYAML names them).

    Returns None for an empty document. Raises DocumentError for aliases without anchor, tags, keys that are not plain
    words, nesting deeper than `MAX_DEPTH`, and a second document.
    """
    builder, documents = _Builder(), 0
    for event in events:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            _check_tag(event)
            node = Scalar(event.start_mark, event.end_mark, event.value, event.style is None or event.style == "")
            if event.anchor:
                builder.anchors[event.anchor] = node
            builder.add(node)
        elif kind == "MappingStartEvent":
            _check_tag(event)
            builder.open(Map(event.start_mark, event.end_mark, [], bool(event.flow_style)), event.anchor)
        elif kind == "SequenceStartEvent":
            _check_tag(event)
            builder.open(Sequence(event.start_mark, event.end_mark, [], bool(event.flow_style)), event.anchor)
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            builder.close(event.end_mark)
        elif kind == "AliasEvent":
            builder.alias(event.anchor, event.start_mark, event.end_mark)
        elif kind == "DocumentStartEvent":
            documents += 1
            if documents > 1:
                raise DocumentError(event.start_mark, "a second document starts here: keep everything in one, without ---")
    return builder.root


def _check_tag(event: Any) -> None:
    if event.tag not in _KNOWN_TAGS:
        raise DocumentError(event.start_mark, f"the tag {event.tag} is not allowed: write the plain value")
