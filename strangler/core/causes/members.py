"""Members that one side has and the other has not: left out because they hold nothing, renamed, or wrapped together.

A member is told to be renamed by what it holds, if that is telling, or by its name, if both are spellings of one
(``customer_id``, ``customerId``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from strangler.core.causes.explain import best, explanations, joined
from strangler.core.causes.shapes import is_empty
from strangler.core.causes.step import same
from strangler.core.compare.prints import Prints
from strangler.core.difference import Difference, Kind, Path
from strangler.core.exact import Number

RENAMED, WRAPPED, UNWRAPPED = "renamed_key", "wrapped", "unwrapped"
NULL_MISSING, EMPTY_MISSING = "null_missing", "empty_missing"
WORDS = {
    NULL_MISSING: "null on one side, missing on the other",
    EMPTY_MISSING: "empty on one side, missing on the other",
    RENAMED: "has another name",
}
_TELLING = 3  # letters or digits of a value that is hardly there twice by accident
_DEPTH = 20  # as deep as programs usually nest
_MOST = 200  # members of one object that are tried with each other
_Names = dict[Path, str]


def names_of_members(differences: Sequence[Difference], control: Any, candidate: Any) -> _Names:
    """Transforms of members that are missing or extra, by path; those that have none are not in it.

    Args:
        control, candidate: values of the two documents.
    """
    named: _Names = {}
    for parent, members in _by_parent(differences).items():
        missing = {one.path: one.control for one in members if one.kind is Kind.MISSING}
        extra = {one.path: one.candidate for one in members if one.kind is Kind.EXTRA}
        named |= _all_wrapped(missing, extra, _at(control, parent), _at(candidate, parent))
        named |= {path: name for path, value in {**missing, **extra}.items() if (name := _nothing(value))}
        named |= _renamed(_without(missing, named), _without(extra, named))
    return named


def _by_parent(differences: Iterable[Difference]) -> dict[Path, list[Difference]]:
    found = defaultdict(list)
    for one in differences:
        if one.kind in (Kind.MISSING, Kind.EXTRA) and one.path and isinstance(one.path[-1], str):
            found[one.path[:-1]].append(one)
    return found


def _without(members: Mapping[Path, Any], named: _Names) -> dict[Path, Any]:
    return {path: value for path, value in list(members.items())[:_MOST] if path not in named}


def _at(value: Any, path: Path) -> Any:
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def _nothing(value: Any) -> str:
    if value is None:
        return NULL_MISSING
    return EMPTY_MISSING if is_empty(value) else ""


def _all_wrapped(missing: Mapping[Path, Any], extra: Mapping[Path, Any], control: Any, candidate: Any) -> _Names:
    """The whole object stands in an envelope of its own, on one side."""
    for outside, inside, name in ((extra, control, WRAPPED), (missing, candidate, UNWRAPPED)):
        whole = candidate if name is WRAPPED else control
        alone = len(outside) == 1 and isinstance(whole, dict) and len(whole) == 1
        if alone and inside and same(next(iter(outside.values())), inside):
            return dict.fromkeys((*missing, *extra), name)
    return {}


def _renamed(missing: dict[Path, Any], extra: dict[Path, Any]) -> _Names:
    named: _Names = {}
    for old, new, name in (*_by_name(missing, extra), *_by_value(missing, extra)):
        if old not in named and new not in named:
            named |= {old: name, new: name}
    return named


def _by_name(missing: Mapping[Path, Any], extra: Mapping[Path, Any]) -> Iterator[tuple[Path, Path, str]]:
    """Members whose names are two spellings of one."""
    spelled = {_spelling(path[-1]): path for path in extra}
    for old, value in missing.items():
        new = spelled.get(_spelling(old[-1]))
        name = _moved(value, extra[new]) if new is not None else ""
        if new is not None and name:
            yield old, new, name


def _by_value(missing: Mapping[Path, Any], extra: Mapping[Path, Any]) -> Iterator[tuple[Path, Path, str]]:
    """Members that hold the same, which no other does."""
    prints = Prints()
    olds, news = _by_print(missing, prints), _by_print(extra, prints)
    alone = len(missing) == len(extra) == 1
    for mark in olds.keys() & news.keys():
        value = missing[olds[mark][0]]
        single = len(olds[mark]) == len(news[mark]) == 1
        if single and (is_telling(value) or (alone and type(value) is not bool)):
            yield olds[mark][0], news[mark][0], RENAMED
    if alone and not olds.keys() & news.keys():
        yield from _changed_too(*missing.items(), *extra.items())


def _by_print(members: Mapping[Path, Any], prints: Prints) -> dict[int, list[Path]]:
    found = defaultdict(list)
    for path, value in members.items():
        found[prints.of(value)].append(path)
    return found


def _changed_too(old: tuple[Path, Any], new: tuple[Path, Any]) -> Iterator[tuple[Path, Path, str]]:
    name = _moved(old[1], new[1]) if is_telling(old[1]) else ""
    if name:
        yield old[0], new[0], name


def _moved(value: Any, changed: Any) -> str:
    """Renamed, and at most one transform more; "" if that does not explain it."""
    if same(value, changed) or same(_respelled(value), _respelled(changed)):
        return RENAMED
    also = best(one for one in explanations(value, changed) if "+" not in one.name)
    return joined(RENAMED, also) if also else ""


def _spelling(name: str | int) -> str:
    return re.sub(r"[_\-\s.]", "", str(name)).casefold()


def _respelled(value: Any) -> Any:
    """A value whose members have names in one spelling."""
    return _spell(value, _DEPTH)


def _spell(value: Any, depth: int) -> Any:
    if depth and type(value) is dict:
        return {_spelling(name): _spell(member, depth - 1) for name, member in value.items()}
    if depth and type(value) is list:
        return [_spell(item, depth - 1) for item in value]
    return value


def is_telling(value: Any, depth: int = _DEPTH) -> bool:
    """Whether it is hardly by accident that two members hold this value."""
    if type(value) in (str, Number):
        return len(value.strip("-0.")) >= _TELLING
    if not depth or type(value) not in (dict, list):
        return False
    return any(is_telling(inner, depth - 1) for inner in (value.values() if type(value) is dict else value))
