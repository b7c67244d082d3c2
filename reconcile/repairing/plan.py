"""What a repair is going to write, decided before anything is written: keys, how each differs, and both rows as witnessed.

A plan is a file that a person reads and approves. It holds keys and digests, no other values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from reconcile.mapping.canonical import Cells
from reconcile.reports.report import Drift
from strangler.core.errors import UsageError

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One row that differs.

    Attributes:
        key: JSON text.
        wanted, standing: digests of what the mapping makes of the source row, and of the target row; None where there is none.
        columns: that differ, where both are there.
    """

    key: str
    kind: Drift
    wanted: str | None
    standing: str | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one mapping.

    Attributes:
        written: the side that is repaired, ``new`` or ``old``, as the mapping's owner says; `epoch` the owner's number then.
        rows: on the side that has more, so that a share can be told.
        frozen: keys left out because they were repaired too often, with who writes them if that is known.
        unmapped: keys left out because their source row cannot be mapped, with why.
        more: rows that differ beside those of the plan, which did not fit into it.
    """

    mapping: str
    written: str
    epoch: int
    rows: int
    items: tuple[Item, ...]
    frozen: Mapping[str, str] = field(default_factory=dict)
    unmapped: Mapping[str, str] = field(default_factory=dict)
    more: int = 0

    def of(self, *kinds: Drift) -> list[Item]:
        return [item for item in self.items if item.kind in kinds]


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """A whole plan; `id` names it in the journal, `made_at` is in microseconds on the target's clock."""

    id: str
    made_at: int
    parts: tuple[Part, ...]

    @property
    def rows(self) -> int:
        return sum(len(part.items) for part in self.parts)

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {"version": _VERSION, **asdict(self)}

    def lines(self) -> Iterator[str]:
        """For people: what would be done, then what would not."""
        yield f"plan {self.id}: {self.rows:,} rows to repair"
        for part in self.parts:
            counts = ", ".join(f"{len(part.of(kind)):,} {_VERBS[kind]}" for kind in Drift if part.of(kind))
            yield f"  {part.mapping}: {counts or 'nothing to do'} on the {part.written} side (of {part.rows:,} rows)"
            if part.more:
                yield f"    {part.more:,} more differ and are not in this plan: plan again after it, or `backfill {part.mapping}`"
            yield from (f"    frozen {key}   {why}" for key, why in part.frozen.items())
            yield from (f"    cannot be mapped {key}   {why}" for key, why in part.unmapped.items())
        if self.rows:
            yield f"Next: `repair apply` writes it, `repair undo {self.id}` takes it back."


_VERBS = {Drift.MISSING: "to insert", Drift.EXTRA: "to delete", Drift.CHANGED: "to update"}


def save(plan: RepairPlan, path: str | Path) -> None:
    """Write the plan's file."""
    Path(path).write_text(json.dumps(plan.document(), ensure_ascii=False, indent=1) + "\n", "utf-8")


def load(path: str | Path) -> RepairPlan:
    """Read a plan's file. Raises UsageError if it is none."""
    try:
        return parse(json.loads(Path(path).read_text("utf-8")))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path}: not a plan of this version: write one with `repair plan`") from None


def parse(document: Mapping[str, Any]) -> RepairPlan:
    """A plan from its document."""
    if document["version"] != _VERSION:
        raise ValueError("another version")
    return RepairPlan(str(document["id"]), int(document["made_at"]), tuple(_part(part) for part in document["parts"]))


def digest(salt: str, cells: Cells | None) -> str | None:
    """A row's digest, salted by the plan's id so that equal rows of two plans cannot be told to be equal."""
    if cells is None:
        return None
    return blake2b(b"".join(cells), digest_size=16, key=salt.encode("utf-8")[:64]).hexdigest()


def kind_of(wanted: Cells | None, standing: Cells | None) -> Drift | None:
    """How a row differs; None if it does not."""
    if wanted == standing:
        return None
    return Drift.MISSING if standing is None else Drift.EXTRA if wanted is None else Drift.CHANGED


def why_not(item: Item, salt: str, now: Drift | None, standing: Cells | None) -> str | None:
    """Why a planned row is left alone now that both sides were read again; None if it is to be written.

    The target row must still be the one that was witnessed. The source may have moved on, since what it says now is what is
    written; but then the same thing has to be done to the row: nobody approved a delete where an update was planned.
    """
    if digest(salt, standing) != item.standing:
        return "the row to be repaired has changed since the plan was made"
    if now is not item.kind:
        return f"it was {item.kind.value} when the plan was made, and is {now.value if now else 'right'} now"
    return None


def _part(found: Mapping[str, Any]) -> Part:
    items = tuple(_item(item) for item in found["items"])
    numbers = (int(found["epoch"]), int(found["rows"]))
    more = int(found.get("more", 0))
    return Part(found["mapping"], found["written"], *numbers, items, found["frozen"], found["unmapped"], more)


def _item(found: Mapping[str, Any]) -> Item:
    return Item(found["key"], Drift(found["kind"]), found["wanted"], found["standing"], tuple(found["columns"]))


def ordered(plan: RepairPlan, names: Sequence[str]) -> Iterator[tuple[Part, list[Item]]]:
    """The plan's steps: what comes and what changes with parents first, then what goes with children first."""
    parts = sorted(plan.parts, key=lambda part: names.index(part.mapping))
    yield from _steps(parts, Drift.MISSING, Drift.CHANGED)
    yield from _steps(reversed(parts), Drift.EXTRA)


def _steps(parts: Iterable[Part], *kinds: Drift) -> Iterator[tuple[Part, list[Item]]]:
    for part in parts:
        if items := part.of(*kinds):
            yield part, items
