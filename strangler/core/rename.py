"""Renames: members of a JSON document that stand at another place for the other side. Works on what `exact.parse` gave.

A rename moves a member within one object, or within each item of one list: both patterns are the same up to the last
``[*]``, and names after it. That a whole list has another name is a rename of its own. Renames happen in the order in
which they are written, each on what the one before has left; what is not there is not moved.

An object that a rename has emptied goes too, and one that it needs is made. Whatever stands already where a rename wants to
put something is a conflict: overwriting it would lose data, and nobody would see it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strangler.core.exact import Value
from strangler.core.jsonpath import Pattern

_Names = Sequence[str]
_MISSING = object()


class ConflictError(ValueError):
    """Something stands already where a rename would put a member."""


@dataclass(frozen=True, slots=True)
class Rename:
    """One move. `within` leads to the object it happens in; None in it is every item of a list."""

    within: tuple[str | None, ...]
    source: tuple[str, ...]
    target: tuple[str, ...]


def parse_rename(source: Pattern, target: Pattern) -> Rename:
    """The move from one pattern to another. Raises ValueError with what is wrong with them."""
    within, old = _split(source)
    beside, new = _split(target)
    if within != beside:
        raise ValueError(
            f"{source} and {target} must be the same up to the last [*]: a member stays in its list; "
            "the list itself gets its name in a rename of its own"
        )
    if old == new:
        raise ValueError(f"{source} keeps its name: take it out")
    return Rename(within, old, new)


def rename(document: Value, renames: Sequence[Rename]) -> None:
    """Do the renames, in the document itself. Raises ConflictError."""
    for one in renames:
        for place in _places(document, one.within):
            if isinstance(place, dict):
                _move(place, one.source, one.target)


def _split(pattern: Pattern) -> tuple[tuple[str | None, ...], tuple[str, ...]]:
    """What leads to the object, and the names in it."""
    for step in pattern.steps:
        if step.deep or isinstance(step.key, int):
            raise ValueError(f"{pattern}: a rename knows names and [*] only, no index and no ..")
    keys = [step.key for step in pattern.steps]
    last = max((at for at, key in enumerate(keys) if key is None), default=-1) + 1
    names = tuple(str(key) for key in keys[last:])
    if not names:
        raise ValueError(f"{pattern} does not end in a name: a rename moves a member")
    return tuple(None if key is None else str(key) for key in keys[:last]), names


def _places(value: Value, steps: Sequence[str | None]) -> Iterator[Value]:
    if not steps:
        yield value
    elif steps[0] is None:
        for item in value if isinstance(value, list) else ():
            yield from _places(item, steps[1:])
    elif isinstance(value, dict) and steps[0] in value:
        yield from _places(value[steps[0]], steps[1:])


def _move(place: dict[str, Value], source: _Names, target: _Names) -> None:
    """Move a member below `place`; it takes the seat of what it leaves, or the one behind it."""
    first, new = source[0], target[0]
    if first == new and len(source) > 1 and len(target) > 1:
        if isinstance(place.get(first), dict):
            _move(place[first], source[1:], target[1:])
        return
    seats = list(place)
    value = _take(place, source)
    if value is _MISSING:
        return
    added = new not in place
    _put(place, target, value)
    if added:
        at = seats.index(first)
        kept = [first] if first in place and first != new else []
        members = {name: place[name] for name in (*seats[:at], *kept, new, *seats[at + 1 :])}
        place.clear()
        place.update(members)


def _take(place: Value, names: _Names) -> Value:
    """A member, taken out, with the objects that are empty then."""
    name, rest = names[0], names[1:]
    if not isinstance(place, dict) or name not in place:
        return _MISSING
    if not rest:
        return place.pop(name)
    value = _take(place[name], rest)
    if value is not _MISSING and not place[name]:
        del place[name]
    return value


def _put(place: Value, names: _Names, value: Value) -> None:
    name, rest = names[0], names[1:]
    if not isinstance(place, dict) or (not rest and name in place):
        raise ConflictError(f"something stands already at {name!r}")
    if rest:
        _put(place.setdefault(name, {}), rest, value)
    else:
        place[name] = value
