"""What an OpenAPI document (3.0, 3.1) or Swagger 2 says an application answers to: methods and paths, and nothing else of it.

Works on plain values, so that it does not matter whether they came from JSON or YAML. References are followed within the document
only, a bounded number of times; nothing is ever fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from strangler.core.errors import UsageError
from strangler.core.template import Literal, Template, parse_template

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MOST_OPERATIONS = 10_000
_MOST_REFERENCES = 16  # one after the other
_HOLE = re.compile(r"\{([^{}]+)\}")
_TYPED = frozenset({"integer", "number", "boolean"})
_FORMATS = frozenset({"uuid", "date", "date-time", "email", "int32", "int64"})


@dataclass(frozen=True, slots=True)
class Hole:
    """A parameter in a path. `typed`: it is no word; `values`: it is one of these."""

    name: str
    typed: bool = False
    values: frozenset[str] = frozenset()

    def takes(self, word: str) -> bool:
        """Whether a word may stand there."""
        return word in self.values if self.values else not self.typed


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Args:
        template: with the base path in front, as routes.yaml would write it.
        name: the operationId, if there is one.
    """

    method: str
    template: Template
    name: str = ""
    deprecated: bool = False
    holes: Mapping[str, Hole] = field(default_factory=dict, compare=False, hash=False)


@dataclass(frozen=True, slots=True)
class Surface:
    """What a document describes.

    Args:
        bases: paths that may stand in front of all others; "" for none.
        left_out: what could not be read of it, in words.
    """

    title: str
    version: str
    operations: tuple[Operation, ...]
    bases: tuple[str, ...] = ("",)
    left_out: tuple[str, ...] = ()

    @property
    def words(self) -> frozenset[str]:
        """All segments of paths that are no parameters."""
        parts = (part for one in self.operations for part in one.template.parts)
        return frozenset(part.text for part in parts if isinstance(part, Literal))

    def below(self, base: str) -> tuple[Operation, ...]:
        """The operations with a base path in front."""
        return tuple(
            Operation(one.method, parse_template(f"{base}{one.template.text}"), one.name, one.deprecated, one.holes)
            for one in self.operations
        )


def surface(document: Any) -> Surface:
    """Read a document. Raises UsageError if it is none."""
    if not isinstance(document, Mapping) or not (document.get("openapi") or document.get("swagger")):
        raise UsageError("is no OpenAPI document: it has neither `openapi:` nor `swagger:` at its top")
    paths = document.get("paths")
    if not isinstance(paths, Mapping):
        raise UsageError("has no `paths:`, so it describes no endpoint")
    reader = _Reader(document)
    operations = tuple(reader.operations(paths))
    info = document.get("info")
    title = _text(info.get("title")) if isinstance(info, Mapping) else ""
    version = _text(document.get("openapi") or document.get("swagger"))
    return Surface(title[:200], version[:20], operations, _bases(document), tuple(dict.fromkeys(reader.left_out)))


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self.left_out: list[str] = []

    def operations(self, paths: Mapping[Any, Any]) -> Iterator[Operation]:
        number = 0
        for path, item in paths.items():
            item = self._resolved(item)
            if not isinstance(item, Mapping) or not _text(path).startswith("/"):
                continue
            for method in METHODS:
                operation = self._resolved(item.get(method))
                if not isinstance(operation, Mapping):
                    continue
                number += 1
                if number > MOST_OPERATIONS:
                    self.left_out.append(f"everything after the first {MOST_OPERATIONS:,} operations")
                    return
                try:
                    yield self._operation(_text(path), method, item, operation)
                except ValueError as error:
                    self.left_out.append(f"{method.upper()} {path}: {error}"[:300])

    def _operation(self, path: str, method: str, item: Mapping[Any, Any], operation: Mapping[Any, Any]) -> Operation:
        holes = {hole.name: hole for each in (item, operation) for hole in self._holes(each.get("parameters"))}
        text, names = _as_template(path)
        return Operation(
            method.upper(),
            parse_template(text),
            _text(operation.get("operationId"))[:200],
            operation.get("deprecated") in (True, "true"),
            {ours: holes.get(theirs, Hole(theirs)) for ours, theirs in names.items()},
        )

    def _holes(self, parameters: Any) -> Iterator[Hole]:
        for parameter in parameters[:200] if isinstance(parameters, list) else ():
            parameter = self._resolved(parameter)
            if isinstance(parameter, Mapping) and parameter.get("in") == "path":
                schema = self._resolved(parameter.get("schema")) or parameter  # Swagger 2 has the type right there
                schema = schema if isinstance(schema, Mapping) else {}
                kinds = schema.get("type")
                typed = bool(_TYPED.intersection(map(_text, kinds if isinstance(kinds, list) else [kinds])))
                listed = schema.get("enum")
                values = frozenset(map(_text, listed[:1000])) if isinstance(listed, list) else frozenset()
                yield Hole(_text(parameter.get("name")), typed or _text(schema.get("format")) in _FORMATS, values)

    def _resolved(self, value: Any) -> Any:
        """What a reference refers to, if that is in the document; None if it is not."""
        for _ in range(_MOST_REFERENCES):
            if not isinstance(value, Mapping) or "$ref" not in value:
                return value
            reference = _text(value["$ref"])
            if not reference.startswith("#/"):
                self.left_out.append(f"what is in another document: {reference}"[:300])
                return None
            value = self._at(reference)
        self.left_out.append("references that refer to each other")
        return None

    def _at(self, reference: str) -> Any:
        value: Any = self._document
        for step in reference[2:].split("/")[:32]:
            name = step.replace("~1", "/").replace("~0", "~")
            value = value.get(name) if isinstance(value, Mapping) else None
        return value


def _as_template(path: str) -> tuple[str, dict[str, str]]:
    """A path of the document as a template of ours, and which of its names stands for which of theirs.

    A parameter that is but a part of a segment becomes one for the whole segment, with a regex: ``/images/{id}.png``.
    """
    names: dict[str, str] = {}
    segments = [_segment(segment, names) for segment in path.partition("?")[0].split("/")]
    return "/".join(segments), names


def _segment(segment: str, names: dict[str, str]) -> str:
    found = _HOLE.findall(segment)
    if not found:
        return segment
    name = re.sub(r"\W+", "_", found[0], flags=re.ASCII).strip("_")
    name = name if name[:1].isalpha() else f"p_{name}"
    name = name if name not in names else f"{name}_{len(names) + 1}"
    names[name] = found[0]
    if len(found) == 1 and segment == f"{{{found[0]}}}":
        return f"{{{name}}}"
    pieces = _HOLE.split(segment)
    return f"{{{name}:{'.+'.join(re.escape(piece) for piece in pieces[::2])}}}"


def _bases(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Base paths, those of the document first, and none at all, since a gateway may have taken them off."""
    found = [_text(document.get("basePath"))] if document.get("swagger") else []
    servers = document.get("servers")
    for server in servers[:20] if isinstance(servers, list) else ():
        if isinstance(server, Mapping):
            found.append(_path_of(_text(server.get("url")), server.get("variables")))
    bases = [base.rstrip("/") for base in found if base.startswith("/")]
    return tuple(dict.fromkeys([*(base for base in bases if _is_base(base)), ""]))


def _path_of(url: str, variables: Any) -> str:
    def default(found: re.Match[str]) -> str:
        variable = variables.get(found[1]) if isinstance(variables, Mapping) else None
        return _text(variable.get("default")) if isinstance(variable, Mapping) else ""

    try:
        return urlsplit(_HOLE.sub(default, url)).path
    except ValueError:
        return ""


def _is_base(base: str) -> bool:
    try:
        return bool(parse_template(base or "/"))
    except ValueError:
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""
