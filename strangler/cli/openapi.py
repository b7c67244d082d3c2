"""Reading an OpenAPI document from a file, in JSON or YAML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from strangler.config.document import decode, parse
from strangler.core.errors import UsageError
from strangler.core.spec.node import DocumentError, Map, Node, Scalar, Sequence
from strangler.traffic.openapi import Surface, surface

_MOST_BYTES = 32 * 2**20


def read_surface(path: Path) -> Surface:
    """What the document describes. Raises UsageError with the file's name if it cannot be read, or is no such document."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{path} has more than 32 MiB: no OpenAPI document has")
    try:
        return surface(_values(data))
    except DocumentError as error:
        raise UsageError(error.problem.render(str(path))) from None
    except UsageError as error:
        raise UsageError(f"{path} {error}") from None


def _values(data: bytes) -> Any:
    text, _ = decode(data)
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass  # YAML may be written with braces, too, and its parser says where it is wrong
    return _plain(parse(text), {})


def _plain(node: Node | None, done: dict[int, Any]) -> Any:
    """Mappings, lists and texts. What several aliases refer to is made once, so that no file grows by being read."""
    if node is None or id(node) in done:
        return done.get(id(node)) if node else None
    value: Any = None
    if isinstance(node, Scalar):
        value = node.text
    elif isinstance(node, Sequence):
        value = [_plain(item, done) for item in node.items]
    elif isinstance(node, Map):
        value = {key: _plain(pair.value, done) for key, pair in node.flattened().items()}
    done[id(node)] = value
    return value
