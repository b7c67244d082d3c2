"""The members that a JSON answer has, as paths: ``items[].id``. Two answers of one endpoint have nearly the same."""

from __future__ import annotations

import json
import zlib
from typing import Any

from strangler.traffic.entry import Message

Members = frozenset[str]

MOST_BYTES = 256 * 1024  # of a body that is looked into
_MOST_MEMBERS = 80
_DEEPEST = 4
_ITEMS = 3  # of a list
_TELLING = 3  # fewer members say nothing: many endpoints answer {"status": "ok"}
_ALIKE = 0.65


def document(message: Message) -> Any:
    """The JSON value of a body; None if it is none, too large, or packed in a way that is not known here."""
    if "json" not in message.first("content-type").lower():
        return None
    text = unpacked(message)
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return None


def unpacked(message: Message) -> bytes | None:
    """The body without its content coding; None if it is unknown, too large, or in another coding than gzip and deflate."""
    body, coding = message.body, message.first("content-encoding").strip().lower()
    if body is None or len(body) > MOST_BYTES:
        return None
    if coding in ("", "identity"):
        return body
    if coding not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        machine = zlib.decompressobj(47)
        text = machine.decompress(body, MOST_BYTES)
    except zlib.error:
        return None
    return text if machine.eof else None


def members(value: Any) -> Members:
    """Paths of the members, of the first items of each list."""
    found: set[str] = set()
    _collect(value, "", found, 0)
    return frozenset(found)


def _collect(value: Any, path: str, found: set[str], depth: int) -> None:
    if depth >= _DEEPEST or len(found) >= _MOST_MEMBERS:
        return
    if isinstance(value, dict):
        for name, member in list(value.items())[:_MOST_MEMBERS]:
            found.add(f"{path}.{name}"[:200])
            _collect(member, f"{path}.{name}", found, depth + 1)
    elif isinstance(value, list):
        for item in value[:_ITEMS]:
            _collect(item, f"{path}[]", found, depth)


def tell(found: Members) -> bool:
    """Whether there are enough of them to know an endpoint by."""
    return len(found) >= _TELLING


def alike(one: Members, other: Members) -> bool:
    """Whether two answers could be of one endpoint: nearly the same members, or those of one among the other's."""
    shared = len(one & other)
    return shared >= _ALIKE * len(one | other) or shared == min(len(one), len(other)) >= _TELLING


def holders(found: Members) -> frozenset[str]:
    """Names of members that hold members of their own: ``items``, ``customer``."""
    parents = {path.rpartition(".")[0].removesuffix("[]") for path in found}
    return frozenset(parent.rpartition(".")[2] for parent in parents if parent)


def changed(one: Any, other: Any, path: str = "$", depth: int = 0) -> set[str]:
    """Where two answers to the same request differ, as patterns of the rules in routes.yaml."""
    if depth > _DEEPEST + 2 or type(one) is not type(other):
        return {path} if one != other else set()
    if isinstance(one, dict):
        names = one.keys() | other.keys()
        found: set[str] = set()
        for name in sorted(names, key=str)[:_MOST_MEMBERS]:
            if name not in one or name not in other:
                found.add(f"{path}.{name}")
            elif one[name] != other[name]:
                found |= changed(one[name], other[name], f"{path}.{name}", depth + 1)
        return found
    if isinstance(one, list) and len(one) == len(other):
        pairs = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]][:_MOST_MEMBERS]
        return set().union(*(changed(mine, theirs, f"{path}[*]", depth + 1) for mine, theirs in pairs))
    return {path} if one != other else set()
