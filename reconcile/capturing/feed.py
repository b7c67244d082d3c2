"""What is captured: a table, and those of its columns that carry a mapping's key. One row goes to the outbox per changed row
and feed, whichever and however many mappings listen to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from reconcile.mapping.model import Mapping

Which = Literal["old", "new"]


@dataclass(frozen=True, slots=True)
class Feed:
    """A captured table and the columns, in the mapping's order, whose values are written as the key.

    Attributes:
        images: whether its rows are kept as well, as they were before and after each change. It is the same feed either way.
    """

    table: str
    columns: tuple[str, ...]
    images: bool = field(default=False, compare=False)

    @property
    def name(self) -> str:
        """``table:column,column``; the three special characters in a name are escaped, so no two feeds share one."""
        return f"{_escaped(self.table)}:{','.join(_escaped(column) for column in self.columns)}"


def feeds(mapping: Mapping, side: Which = "old") -> tuple[Feed, ...]:
    """The feeds that a mapping listens to while this side is the owner."""
    emits = mapping.emit is not None
    if side == "new":
        return (Feed(mapping.target.table, mapping.target.key, emits),)
    if mapping.source.table is not None:
        return (Feed(mapping.source.table, mapping.source.key, emits),)
    return tuple(Feed(table, _columns(written)) for table, written in mapping.source.captured_from.items())


def _columns(written: str | tuple[str, ...]) -> tuple[str, ...]:
    return (written,) if isinstance(written, str) else tuple(written)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
