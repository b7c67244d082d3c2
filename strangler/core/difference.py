"""One typed difference between two answers, and the path to where it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Path = tuple[str | int, ...]
"""Names and indexes from the root of a document. Of a header difference: the header's name, in lower case."""


class Kind(StrEnum):
    """What differs."""

    TYPE = "type"
    VALUE = "value"
    MISSING = "missing"  # control has it, candidate has not
    EXTRA = "extra"
    ORDER = "order"  # the same items, in another order
    LENGTH = "length"  # of a list
    HEADER = "header"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. What one side has not is None, which `kind` tells from a null."""

    path: Path
    kind: Kind
    control: Any = None
    candidate: Any = None

    def swapped(self) -> Difference:
        """The same difference, seen from the other side."""
        return Difference(self.path, _SWAPPED.get(self.kind, self.kind), self.candidate, self.control)


_SWAPPED = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}
_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff-]*")


def render_path(path: Path) -> str:
    """The path as rules write it: ``$.items[0]['odd name']`` (RFC 9535)."""
    return "$" + "".join(map(render_step, path))


def render_step(step: str | int) -> str:
    """One step of a path, as rules write it."""
    if isinstance(step, int):
        return f"[{step}]"
    if _NAME.fullmatch(step):
        return f".{step}"
    quoted = step.replace("\\", "\\\\").replace("'", "\\'")
    return f"['{quoted}']"
