"""Whether the value at the end of a path is called a secret by what stands beside it, there or anywhere on the way.

``$.fields[0].value`` is one in ``{"fields": [{"name": "password", "value": ...}]}``. Items of lists may have been paired
whatever their places, so any item of a list speaks for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

from strangler.core.difference import Path
from strangler.core.document import Element
from strangler.core.redact.fields import local
from strangler.core.redact.names import BESIDE, labelled

_MOST = 2000  # nodes that are looked at; with more of them any may be one


def is_beside_label(root: Any, path: Path, is_secret: Callable[[str], bool]) -> bool:
    """Whether any step of the path is a value that is labelled as a secret."""
    nodes = [root]
    for step in path:
        if len(nodes) > _MOST:
            return True
        name = local(step) if isinstance(step, str) else ""
        if (name.lower() in BESIDE or name == "#text") and any(labelled(_named(node), is_secret) for node in nodes):
            return True
        nodes = list(islice((child for node in nodes for child in _below(node, step)), _MOST + 1))
    return False


def _named(node: Any) -> Mapping[str, Any]:
    """What may hold a label in a node."""
    if isinstance(node, Element):
        return {local(name).lower(): value for name, value in node.attributes.items()}
    return node if isinstance(node, dict) else {}


def _below(node: Any, step: str | int) -> Iterable[Any]:
    if isinstance(node, Element):
        if isinstance(step, int):  # which of several: all are there already
            return (node,)
        return (child for child in node.children if isinstance(child, Element) and child.name == step)
    if isinstance(node, dict):
        return (node[step],) if step in node else ()
    return node if isinstance(node, list) else ()
