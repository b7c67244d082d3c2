"""What kind of thing an id names, by where it stands: ``/api/orders/57``, ``order_id``, ``{"order": {"id": 57}}`` are all orders.

Wrong rewriting is worse than none: where nothing says what an id is of, it has no noun, and is left alone.
"""

from __future__ import annotations

import re

# Last words of names that say "this is an id", and what is added to the noun: an order's id and its number are two things.
_LAST = {
    **dict.fromkeys(("id", "uuid", "guid"), ""),
    **dict.fromkeys(("no", "nr", "number"), " number"),
    **dict.fromkeys(("ref", "reference"), " reference"),
}
_VERBS = frozenset({"create", "new", "add", "submit", "place", "save", "store"})
_WORD = re.compile(r"[A-Za-z][A-Za-z_.-]{1,60}")
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SHAPES = (
    ("number", re.compile(r"[0-9]{1,20}")),
    ("uuid", re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")),
    ("token", re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z_-]{3,63}")),
)


def shape(value: str) -> str:
    """What an id looks like: a number, a uuid or a token; "" if it looks like none."""
    return next((name for name, pattern in _SHAPES if pattern.fullmatch(value)), "")


def alike(one: str, other: str) -> bool:
    """Whether two texts are ids that look the same."""
    return bool(found := shape(one)) and found == shape(other)


def noun_of_segment(segment: str) -> str:
    """The noun of a collection in a path: ``orders`` is of order; "" if it names none."""
    return singular(segment) if _WORD.fullmatch(segment) else ""


def noun_of_path(path: str) -> str:
    """What an ``id`` in the document at a path is of: ``/api/orders`` and ``/api/orders/57`` are both of order."""
    segments = [segment for segment in path.split("/") if segment]
    if segments and (shape(segments[-1]) or segments[-1].lower() in _VERBS):
        segments.pop()
    return noun_of_segment(segments[-1]) if segments else ""


def is_collection(path: str) -> bool:
    """Whether a path ends in the name of a collection, not in one of its members."""
    last = path.rstrip("/").rpartition("/")[2]
    return bool(last) and not shape(last)


def noun_of_member(name: str, context: str = "") -> str:
    """What the value of a member, parameter or field is an id of; "" if its name does not say that it is one.

    Args:
        context: of what an ``id`` is that says no more.
    """
    words = [word.lower() for word in _PARTS.findall(name[:80])]
    if not words or words[-1] not in _LAST:
        return ""
    noun = singular("".join(words[:-1])) if words[:-1] else context
    return noun + _LAST[words[-1]] if noun else ""


def others(noun: str) -> tuple[str, ...]:
    """By what else than its id a thing may be found in a path."""
    return f"{noun} number", f"{noun} reference"


def singular(word: str) -> str:
    """A noun without its plural, its separators and its capitals."""
    plain = re.sub(r"[^a-z0-9]", "", word.lower())
    if plain.endswith("ies") and len(plain) > 4:
        return plain[:-3] + "y"
    if plain.endswith(("sses", "xes", "ches", "shes")):
        return plain[:-2]
    return plain[:-1] if plain.endswith("s") and not plain.endswith(("ss", "us", "is")) else plain
