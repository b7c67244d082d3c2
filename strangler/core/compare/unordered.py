"""How the items of a list pair whose order does not count: by a member, or by value as far as values count."""

from __future__ import annotations

from typing import Any

from strangler.core.compare.align import Items, Pairing, pair_by_mark, pair_unordered
from strangler.core.compare.patterns import State
from strangler.core.compare.rules import Here
from strangler.core.document import Element


def pair_unordered_list(ours: Items, theirs: Items, state: State[Here], words: frozenset[str]) -> Pairing:
    """Pair the items of a list under its `unordered` rule."""
    assert state.here.unordered
    key = state.here.unordered[0].key
    if key:
        return pair_by_mark(ours, theirs, (_marks(ours, key), _marks(theirs, key)))
    return pair_unordered(ours, theirs)


def _marks(items: Items, key: str) -> list[int]:
    """Prints of the items' keys; an item without one goes by all that it is."""
    found = [_key(item, key) for item in items.values]
    return [
        whole if value is None else hash((key, items.source.of(value))) for value, whole in zip(found, items.prints, strict=True)
    ]


def _key(item: Any, key: str) -> Any:
    if type(item) is dict:
        return item.get(key)
    if type(item) is not Element:
        return None
    if key.startswith("@"):
        return item.attributes.get(key[1:])
    return next((child for child in item.children if isinstance(child, Element) and child.name == key), None)
