"""Compound kinds: sections (named fields), lists, mappings with free keys, and alternatives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import is_
from typing import Any

from strangler.core.frozen import Frozen
from strangler.core.spec.kinds import Kind, Schema, Word, describe
from strangler.core.spec.node import MERGE, Map, Node, Pair, Scalar, Sequence, is_merge, merge_sources
from strangler.core.spec.reader import INVALID, Reader, closest, nearest


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a section.

    `attribute` is the parameter of the section's `build` that it fills, where that differs from `key`.
    `doc` is shown by editors.
    """

    key: str
    kind: Kind
    doc: str
    required: bool = False
    attribute: str = ""

    @property
    def target(self) -> str:
        return self.attribute or self.key


class Written(dict[str, Any]):
    """A section as written: only the keys that stand in the file and could be read, with the node they stand in.

    `broken` are the keys that stand there but could not be read, or were misspelt.
    """

    __slots__ = ("broken", "node", "path")

    def __init__(self, node: Node, path: str) -> None:
        super().__init__()
        self.node, self.path = node, path
        self.broken: set[str] = set()

    def has(self, *keys: str) -> bool:
        """Whether a nested key is written here."""
        section: Any = self
        for key in keys:
            if not isinstance(section, Written) or key not in section:
                return False
            section = section[key]
        return True

    def is_broken(self, *keys: str) -> bool:
        """Whether something at or below a nested key could not be read: its problem has been noted, its value is unknown."""
        section: Any = self
        for key in keys:
            if not isinstance(section, Written):
                return False
            if key in section.broken:
                return True
            section = section.get(key)
        return isinstance(section, Written) and (bool(section.broken) or any(section.is_broken(key) for key in section))

    def place(self, *keys: str) -> Node:
        """Where a nested key's value stands; the nearest enclosing place when it is not written here."""
        node = self.node
        for key in keys:
            pair = node.flattened().get(key) if isinstance(node, Map) else None
            if pair is None:
                break
            node = pair.value
        return node


class Section:
    """A mapping with known keys, built by `build` (usually a frozen dataclass, whose defaults then are the defaults).

    `shorthand`, if given, is a scalar kind that may stand for the whole section; its value fills the first field.
    A `partial` section may be completed by another that it overlays, so that required keys are missed only by `make`.
    """

    def __init__(
        self, noun: str, build: Callable[..., Any], *fields: Field, shorthand: Word | None = None, partial: bool = False
    ) -> None:
        self.noun, self.build, self.shorthand, self.partial = noun, build, shorthand, partial
        self.fields = {field.key: field for field in fields}

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        written = Written(node, path)
        if self.shorthand and isinstance(node, Scalar) and not is_nothing(node):
            value = self.shorthand.read(node, path, reader)
            if value is INVALID:
                return INVALID
            written[next(iter(self.fields))] = value
            return written
        pairs = mapping_pairs(node, path, reader, f"{self.noun}, a mapping such as {{{next(iter(self.fields))}: …}}")
        if pairs is None or not reader.spend(node, path, 1 + len(pairs)):
            return INVALID
        for key, pair in pairs.items():
            if key not in self.fields:
                reader.problem(pair.key, _join(path, key), f"unknown key{nearest(key, list(self.fields))}")
                written.broken.add(closest(key, [known for known in self.fields if known not in pairs]))
                continue
            value = _value(self.fields[key], pair.value, _join(path, key), reader)
            if value is INVALID:
                written.broken.add(key)
            else:
                written[key] = value
        for field in self.fields.values():
            if field.required and not self.partial and field.key not in pairs and field.key not in written.broken:
                reader.problem(node, path, f"`{field.key}` is missing: {field.doc}")
        return written

    def overlay(self, written: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
        """What is written over what `defaults` says, key by key, sections within sections likewise."""
        merged = {**defaults, **written}
        for key in written.keys() & defaults.keys():
            kind = self.fields[key].kind
            if isinstance(kind, Section):
                merged[key] = kind.overlay(written[key], defaults[key])
        return merged

    def make(self, written: Any, **given: Any) -> Any:
        """Build the value as run, with arguments that are not in the file `given`; None when a required key is missing
        (its problem has been noted)."""
        arguments = given
        for key, value in written.items():
            field = self.fields[key]
            arguments[field.target] = field.kind.make(value)
        if any(field.required and arguments.get(field.target) is None for field in self.fields.values()):
            return None
        return self.build(**arguments)

    def schema(self) -> Schema:
        defaults = _defaults(self.build)
        properties = {}
        for key, field in self.fields.items():
            properties[key] = {**field.kind.schema(), "description": field.doc}
            if field.target in defaults and isinstance(field.kind, Word):
                shown = field.kind.show(defaults[field.target])
                if shown not in ("", None):  # which stand for none in the model, and cannot be written
                    properties[key]["default"] = shown
        shape: Schema = {"type": ["object", "null"], "properties": properties, "additionalProperties": False}
        required = [field.key for field in self.fields.values() if field.required]
        if required and not self.partial:
            shape |= {"type": "object", "required": required}
        return {"anyOf": [shape, self.shorthand.schema()]} if self.shorthand else shape


class Either:
    """A scalar or a section, told apart by what is written (``breaker: off``, ``breaker: {…}``)."""

    def __init__(self, word: Word, section: Section) -> None:
        self.word, self.section = word, section

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        return self.word.read(node, path, reader) if isinstance(node, Scalar) else self.section.read(node, path, reader)

    def make(self, written: Any) -> Any:
        return self.section.make(written) if isinstance(written, Mapping) else written

    def schema(self) -> Schema:
        return {"anyOf": [self.word.schema(), self.section.schema() | {"type": "object"}]}


class Listed(list[Any]):
    """A list as written: the items that could be read, and the path and node of each."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        super().__init__()
        self.places: list[tuple[str, Node]] = []


class ListOf:
    """A list of one kind, made into a tuple. `unique` refuses a value that stands there twice.

    A list of words is unreadable if one word is; a list of sections keeps the others.
    """

    def __init__(self, kind: Kind, *, unique: bool = False, least: int = 0) -> None:
        self.kind, self.unique, self.least = kind, unique, least

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        if is_nothing(node):
            items: list[Node] = []
        elif isinstance(node, Sequence):
            items = node.items
        else:
            return reader.problem(node, path, f"expected a list, found {describe(node)}: write [ … ], or one `- ` per line")
        if len(items) < self.least:
            return reader.problem(node, path, "is empty: leave the key out, or list at least one")
        found, broken = Listed(), False
        for index, item in enumerate(items):
            place = f"{path}[{index}]"
            value = self.kind.read(item, place, reader)
            if self.unique and value is not INVALID and value in found:
                reader.problem(item, place, f"{describe(item)} stands here twice")
            elif value is INVALID:
                broken = True
            else:
                found.append(value)
                found.places.append((place, item))
        return INVALID if broken and isinstance(self.kind, Word) else found

    def make(self, written: Any) -> tuple[Any, ...]:
        return tuple(self.kind.make(value) for value in written)

    def schema(self) -> Schema:
        shape: Schema = {"type": ["array", "null"], "items": self.kind.schema()}
        if self.least:
            shape |= {"type": "array", "minItems": self.least}
        return shape


class MapOf:
    """A mapping with free keys, frozen when made. `key` reads the keys (a Word); an unreadable value stays INVALID, so
    that its name is still known to whatever refers to it."""

    def __init__(self, key: Word, kind: Kind, noun: str) -> None:
        self.key, self.kind, self.noun = key, kind, noun

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        pairs = mapping_pairs(node, path, reader, f"{self.noun}, a mapping")
        if pairs is None or not reader.spend(node, path, 1 + len(pairs)):
            return INVALID
        found = Written(node, path)
        for text, pair in pairs.items():
            name = self.key.read(pair.key, _join(path, text), reader)
            value = self.kind.read(pair.value, _join(path, text), reader)
            if name in found:
                reader.problem(pair.key, _join(path, text), "stands twice: it is the same as one above")
            elif name is not INVALID:
                found[name] = value
            if value is INVALID:
                found.broken.add(name)
        return found

    def make(self, written: Any) -> Mapping[Any, Any]:
        return Frozen((name, None if value is INVALID else self.kind.make(value)) for name, value in written.items())

    def schema(self) -> Schema:
        shape: Schema = {"type": ["object", "null"], "additionalProperties": self.kind.schema()}
        if self.key.pattern:
            shape["propertyNames"] = {"pattern": self.key.pattern}
        return shape


def _value(field: Field, node: Node, path: str, reader: Reader) -> Any:
    if field.required and isinstance(field.kind, Word) and is_nothing(node):
        return reader.problem(node, path, f"has no value: write {field.kind.noun}")
    return field.kind.read(node, path, reader)


def mapping_pairs(node: Node, path: str, reader: Reader, noun: str) -> dict[str, Pair] | None:
    """The pairs of a mapping by key; notes duplicate keys and bad merges. None, with the problem noted, if it is none."""
    if is_nothing(node):
        return {}
    if not isinstance(node, Map):
        reader.problem(node, path, f"expected {noun}, found {describe(node)}")
        return None
    pairs = node.flattened()
    if len(pairs) == len(node.pairs) and all(map(is_, pairs.values(), node.pairs)):
        return pairs
    seen: dict[str, Scalar] = {}
    for pair in node.pairs:
        first = seen.setdefault(pair.key.text, pair.key)
        if first is not pair.key and not is_merge(pair):
            reader.problem(pair.key, _join(path, pair.key.text), f"stands twice: first on line {first.start.line + 1}")
        if is_merge(pair) and merge_sources(pair.value) is None:
            reader.problem(pair.value, path, f"{MERGE} merges a mapping, or a list of mappings, not {describe(pair.value)}")
    return pairs


def is_nothing(node: Node) -> bool:
    """Whether a key was written with no value behind it (``routes:`` and then nothing)."""
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _defaults(build: Callable[..., Any]) -> dict[str, Any]:
    if not dataclasses.is_dataclass(build):
        return {}
    return {field.name: field.default for field in dataclasses.fields(build) if field.default is not dataclasses.MISSING}
