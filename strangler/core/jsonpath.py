"""Path patterns into documents: the part of RFC 9535 (JSONPath) that rules need.

``$.items[*].id``, ``$['odd name']``, ``$.a[0]``, ``$..password``. No filters, slices or unions: a rule names a place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_STEP = re.compile(
    r"""\.\.(?P<deep>[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*|\*)"""
    r"""|\.(?P<name>[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*|\*)"""
    r"""|\[(?P<index>0|[1-9]\d{0,8}|\*)\]"""
    r"""|(?P<dots>\.\.)?\[(?:'(?P<single>(?:[^'\\]|\\['\\])*)'|"(?P<double>(?:[^"\\]|\\["\\])*)")\]""",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a member by name, an item by index, or any child (`key` None). `deep`: at any depth below."""

    key: str | int | None
    deep: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed path pattern; `text` is what was written. The empty pattern ``$`` is the whole document."""

    text: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.text


def parse_pattern(text: str) -> Pattern:
    """Read a path pattern. Raises ValueError with what to write instead."""
    if not text.startswith("$"):
        dot = "" if text.startswith("[") else "."
        raise ValueError(f"{text!r} does not start with $: write ${dot}{text.lstrip('.')}")
    steps, position = [], 1
    while position < len(text):
        found = _STEP.match(text, position)
        if not found:
            rest = text[position:]
            raise ValueError(f"{text!r} cannot be read at {rest!r}: write $.name, $['odd name'], $.list[*], $.list[0] or $..name")
        steps.append(_step(found))
        position = found.end()
    return Pattern(text, tuple(steps))


def _step(found: re.Match[str]) -> Step:
    quoted = found["single"] if found["single"] is not None else found["double"]
    if quoted is not None:
        return Step(re.sub(r"\\(.)", r"\1", quoted), bool(found["dots"]))
    if found["index"] is not None:
        return Step(None if found["index"] == "*" else int(found["index"]))
    name = found["deep"] or found["name"]
    return Step(None if name == "*" else name, bool(found["deep"]))
