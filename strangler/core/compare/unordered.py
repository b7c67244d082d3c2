"""How the items of a list pair whose order does not count: by a member, or by value as far as values count."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from strangler.core.compare.align import Choice, Couple, Items, Pairing, alike, in_turn, pair_in_stages, pairs_of_equals
from strangler.core.compare.loose import Loose
from strangler.core.compare.patterns import State
from strangler.core.compare.rules import Here
from strangler.core.document import Element
from strangler.core.exact import Number

States = list[State[Here]]


def pair_by_value(ours: Items, theirs: Items, states: tuple[States, States], loose: Loose) -> Pairing:
    """Pair items, of which `states` are the places, by what they are worth under the other rules.

    Equal items first, then items that the other rules take for equal, then items that share something no other has, then in
    the order of their values.
    """
    marks = [loose.all(side.values, places) for side, places in zip((ours, theirs), states, strict=True)]
    stages = [pairs_of_equals(ours.prints, theirs.prints), _by_rank(pairs_of_equals(*marks)), alike, _by_rank(in_turn)]
    return pair_in_stages(ours, theirs, stages)


def pair_by_key(ours: Items, theirs: Items, key: str) -> Pairing:
    """Pair items whose member `key` is the same; several with the same one, and those without, in their order."""
    return pair_in_stages(ours, theirs, [pairs_of_equals(_keys(ours, key), _keys(theirs, key)), _keyless_in_turn(key)])


def _keys(items: Items, key: str) -> list[int]:
    """Prints of the items' keys; an item without one goes by all that it is."""
    found = [_key_of(item, key) for item in items.values]
    return [
        whole if value is None else hash((key, items.source.of(value))) for value, whole in zip(found, items.prints, strict=True)
    ]


def _key_of(item: Any, key: str) -> Any:
    """The member, the attribute (``@sku``) or the child by which an item is paired, or None."""
    if type(item) is dict:
        return item.get(key)
    if type(item) is not Element:
        return None
    if key.startswith("@"):
        return item.attributes.get(key[1:])
    return next((child for child in item.children if isinstance(child, Element) and child.name == key), None)


def _keyless_in_turn(key: str) -> Choice:
    """A stage that pairs the items that have no key, one by one."""

    def choose(ours: Items, theirs: Items, left: list[int], right: list[int]) -> list[Couple]:
        keyless = (
            [index for index in indexes if _key_of(side.values[index], key) is None]
            for side, indexes in ((ours, left), (theirs, right))
        )
        return in_turn(ours, theirs, *keyless)

    return choose


def _by_rank(choice: Choice) -> Choice:
    """A stage that is given the items in the order of their values: those that are nearly the same are neighbours there."""

    def choose(ours: Items, theirs: Items, left: list[int], right: list[int]) -> list[Couple]:
        ranked = (sorted(indexes, key=lambda at: _rank(side.values[at])) for side, indexes in ((ours, left), (theirs, right)))
        return choice(ours, theirs, *ranked)

    return choose


def _rank(value: Any) -> tuple[str, Any]:
    if type(value) is str:
        return "string", value
    if type(value) is Number:
        try:
            return "number", Decimal(value)
        except InvalidOperation:  # an exponent beyond all bounds
            return "large number", str(value)
    return type(value).__name__, 0
