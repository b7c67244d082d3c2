"""Compound kinds: sections (named fields), lists, mappings with free keys, and alternatives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strangler.core.spec.kinds import Kind, Schema, Word, describe
from strangler.core.spec.node import MERGE, Map, Node, Pair, Scalar, Sequence, merge_sources
from strangler.core.spec.reader import INVALID, Reader, nearest


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
    """A section as written: only the keys that stand in the file (and could be read), with the node they stand in."""

    __slots__ = ("node", "path")

    def __init__(self, node: Node, path: str) -> None:
        super().__init__()
        self.node, self.path = node, path

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
    """

    def __init__(self, noun: str, build: Callable[..., Any], *fields: Field, shorthand: Word | None = None) -> None:
        self.noun, self.build, self.shorthand = noun, build, shorthand
        self.fields = {field.key: field for field in fields}

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        written = Written(node, path)
        if self.shorthand and isinstance(node, Scalar) and not is_nothing(node):
            value = self.shorthand.read(node, path, reader)
            if value is INVALID:
                return INVALID
            written[next(iter(self.fields))] = value
            return written
        pairs = mapping_pairs(node, path, reader, self.noun)
        if pairs is None or not reader.spend(node, path):
            return INVALID
        for key, pair in pairs.items():
            field = self.fields.get(key)
            if field is None:
                reader.problem(pair.key, _join(path, key), f"unknown key{nearest(key, list(self.fields))}")
                continue
            value = field.kind.read(pair.value, _join(path, key), reader)
            if value is not INVALID:
                written[key] = value
        for field in self.fields.values():
            if field.required and field.key not in pairs:
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
                properties[key]["default"] = field.kind.show(defaults[field.target])
        shape: Schema = {"type": ["object", "null"], "properties": properties, "additionalProperties": False}
        required = [field.key for field in self.fields.values() if field.required]
        if required:
            shape |= {"type": "object", "required": required}
        return {"anyOf": [shape, self.shorthand.schema()]} if self.shorthand else shape


class Either:
    """A scalar or a section, told apart by what is written (``breaker: off``, ``breaker: {…}``)."""

    def __init__(self, word: Word, section: Section) -> None:
        self.word, self.section = word, section

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        scalar = isinstance(node, Scalar) and not is_nothing(node)
        return self.word.read(node, path, reader) if scalar else self.section.read(node, path, reader)

    def make(self, written: Any) -> Any:
        return self.section.make(written) if isinstance(written, Mapping) else written

    def schema(self) -> Schema:
        return {"anyOf": [self.word.schema(), self.section.schema()]}


class ListOf:
    """A list of one kind, made into a tuple. `unique` refuses a value that stands there twice."""

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
        found: list[Any] = []
        for index, item in enumerate(items):
            value = self.kind.read(item, f"{path}[{index}]", reader)
            if self.unique and value is not INVALID and value in found:
                reader.problem(item, f"{path}[{index}]", f"{describe(item)} stands here twice")
            elif value is not INVALID:
                found.append(value)
        return found

    def make(self, written: Any) -> tuple[Any, ...]:
        return tuple(self.kind.make(value) for value in written)

    def schema(self) -> Schema:
        shape: Schema = {"type": ["array", "null"], "items": self.kind.schema()}
        if self.least:
            shape |= {"type": "array", "minItems": self.least}
        return shape


class MapOf:
    """A mapping with free keys, made into a dict. `key` reads the keys (a Word); an unreadable value stays INVALID, so
    that its name is still known to whatever refers to it."""

    def __init__(self, key: Word, kind: Kind, noun: str) -> None:
        self.key, self.kind, self.noun = key, kind, noun

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        pairs = mapping_pairs(node, path, reader, self.noun)
        if pairs is None or not reader.spend(node, path):
            return INVALID
        found = Written(node, path)
        for text, pair in pairs.items():
            name = self.key.read(pair.key, _join(path, text), reader)
            value = self.kind.read(pair.value, _join(path, text), reader)
            if name is not INVALID:
                found[name] = value
        return found

    def make(self, written: Any) -> dict[str, Any]:
        return {name: None if value is INVALID else self.kind.make(value) for name, value in written.items()}

    def schema(self) -> Schema:
        shape: Schema = {"type": ["object", "null"], "additionalProperties": self.kind.schema()}
        if self.key.pattern:
            shape["propertyNames"] = {"pattern": self.key.pattern}
        return shape


def mapping_pairs(node: Node, path: str, reader: Reader, noun: str) -> dict[str, Pair] | None:
    """The pairs of a mapping by key; notes duplicate keys and bad merges. None, with the problem noted, if it is none."""
    if is_nothing(node):
        return {}
    if not isinstance(node, Map):
        reader.problem(node, path, f"expected {noun}, a mapping, found {describe(node)}")
        return None
    seen: dict[str, Scalar] = {}
    for pair in node.pairs:
        first = seen.setdefault(pair.key.text, pair.key)
        if first is not pair.key and pair.key.text != MERGE:
            reader.problem(pair.key, _join(path, pair.key.text), f"stands twice: first on line {first.start.line + 1}")
        if pair.key.text == MERGE and merge_sources(pair.value) is None:
            reader.problem(pair.value, path, f"{MERGE} merges a mapping, or a list of mappings, not {describe(pair.value)}")
    return node.flattened()


def is_nothing(node: Node) -> bool:
    """Whether a key was written with no value behind it (``routes:`` and then nothing)."""
    return isinstance(node, Scalar) and node.plain and node.text in ("", "~", "null")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _defaults(build: Callable[..., Any]) -> dict[str, Any]:
    if not dataclasses.is_dataclass(build):
        return {}
    return {field.name: field.default for field in dataclasses.fields(build) if field.default is not dataclasses.MISSING}
