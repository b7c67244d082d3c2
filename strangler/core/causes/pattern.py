"""Path patterns: what of a path is the same in every request. Indexes and the keys of dictionaries become ``[*]``.

Whether an object is a dictionary (names are data) or a record (names are the schema) is told by its keys first, since those
look the same in a request with one entry as in one with a thousand; by the shape of its entries only where the keys say
nothing. A record taken for a dictionary merges causes that belong apart, so doubt makes a record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from strangler.core.difference import Kind, Path, render_step
from strangler.core.document import Element
from strangler.core.moment import read

STATUS = "status"
ANY = "[*]"

_IDS = re.compile(
    r"[+-]?\d+"  # a number
    r"|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # a UUID
    r"|[A-Za-z]{0,12}[-:#/. ]\d[\d-]*"  # SKU-1, order:17
    r"|[A-Za-z]{0,12}_?\d{4,}"  # SKU0001
    r"|(?=.*\d)(?=.*[a-f])[0-9a-f]{12,}"  # a hash
    r"|(?=(?:.*\d){4})[0-9A-Za-z_-]{20,}"  # a token
    r"|[^@\s]+@[^@\s]+\.[^@\s]+",  # an address
    re.ASCII,
)
_CODE = re.compile(r"[A-Z]{2,3}|[a-z]{2}-[A-Z]{2}", re.ASCII)  # EUR, DE, en-US
_PLURAL = re.compile(r".*(?:[^su]s|[Bb]y_?[A-Z]?[a-z]+|[Mm]ap)")
_NOT_PLURAL = frozenset({"details", "settings", "options", "params", "parameters", "props", "properties", "attributes", "totals"})
_MANY = 8  # entries of one shape, of which each would be a field of its own in a record
_FEW = 3
_ENOUGH = 50  # entries that are looked at
_DEEPEST = 60  # steps that a pattern has, at most


def pattern_of(path: Path, kind: Kind, *documents: Any) -> str:
    """The pattern of a difference's path.

    Args:
        documents: values of the documents it was found in; they tell a dictionary from a record.
    """
    if kind is Kind.STATUS:
        return STATUS
    if kind is Kind.HEADER:
        return str(path[0])
    end = "" if len(path) <= _DEEPEST else "..*"
    return "$" + "".join(_steps(path[:_DEEPEST], documents)) + end


def _steps(path: Path, places: tuple[Any, ...]) -> Iterator[str]:
    name, in_markup = "", any(isinstance(place, Element) for place in places)
    for step in path:
        if in_markup and isinstance(step, int):  # it is there only where an element has siblings of its name
            continue
        varies = isinstance(step, int) or is_id(step) or any(is_dictionary(place, name) for place in places)
        yield ANY if varies else render_step(step)
        places = tuple(_below(place, step) for place in places)
        name = "" if isinstance(step, int) else step


def _below(place: Any, step: str | int) -> Any:
    if isinstance(place, dict) and isinstance(step, str):
        return place.get(step)
    if isinstance(place, list) and isinstance(step, int) and step < len(place):
        return place[step]
    return None


def is_id(key: str) -> bool:
    """Whether a name is data by its own looks."""
    return len(key) <= 200 and bool(_IDS.fullmatch(key) or read(key))


def is_dictionary(place: Any, name: str) -> bool:
    """Whether an object's names are data, as far as its entries tell; `name` is what it is called itself."""
    if not isinstance(place, dict) or not place:
        return False
    some = dict(islice(place.items(), _ENOUGH))
    if all(map(_CODE.fullmatch, some)):
        return len(some) >= _FEW and len({type(value) for value in some.values()}) == 1 and len(set(map(len, some))) == 1
    return _same_shape(some) and (len(some) >= _MANY or _is_plural(name))


def _is_plural(name: str) -> bool:
    return bool(_PLURAL.fullmatch(name)) and name.lower() not in _NOT_PLURAL


def _same_shape(place: Mapping[str, Any]) -> bool:
    """Whether all entries are objects that have most of their names in common with the first."""
    entries = [entry for entry in place.values() if isinstance(entry, dict) and entry]
    if len(entries) != len(place):
        return False
    first = entries[0].keys()
    return all(2 * len(first & entry.keys()) > max(len(first), len(entry)) for entry in entries)
