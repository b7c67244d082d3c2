"""The cutover as a protocol (DESIGN section 5): its steps, what a failure at each of them undoes, and what a record that was
found after a crash asks for. No clock, no file, no database.

One record decides. Until it says *decided*, the old owner has the data and the old table the writes, and whoever finds it takes
it back; from then on whoever finds it goes on. While it is open, nobody sends a write of its routes anywhere: they wait. So there
is never a second owner, and for no longer than the writes wait is there none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from strangler.core.flip import Flip, Place
from strangler.core.frozen import Frozen
from strangler.core.model import Stage
from strangler.core.units import Share

Owner = Literal["old", "new"]
OLD: Owner = "old"
NEW: Owner = "new"

VERSION = 1


class Step(StrEnum):
    """What is done, in this order. Each may be done again after a crash."""

    PREPARE = "prepare"  # compare what can be compared before anybody waits
    OPEN = "open"  # the record, undecided
    HOLD = "hold"  # writes wait, in every worker
    DRAIN = "drain"  # those in flight have ended
    CATCH_UP = "catch up"  # the other database has all of them
    VERIFY = "verify"  # and says the same
    KEEP = "keep"  # the writes wait until they are told: nobody else lets them go
    DECIDE = "decide"  # the record says so; there is no way back from here
    BUMP = "bump"  # the owner, in both databases
    LIVE = "live"  # the file, and every worker
    RELEASE = "release"  # the writes
    CLOSE = "close"  # the record: nothing is open any more


FORWARD = tuple(Step)
SHOWN = (Step.PREPARE, Step.HOLD, Step.DRAIN, Step.CATCH_UP, Step.VERIFY, Step.BUMP, Step.LIVE, Step.RELEASE)
_FINISH = (Step.HOLD, Step.DRAIN, Step.KEEP, Step.BUMP, Step.LIVE, Step.RELEASE, Step.CLOSE)


@dataclass(frozen=True, slots=True)
class Move:
    """One cutover, as it was asked for.

    Attributes:
        token: names it, in the record, both databases and the journal.
        name: of the group (``@group``) or the route.
        flips: of its routes.
        mappings: whose owner moves to the side `to`.
        hold: seconds that writes wait at most.
        at: when it began, in seconds since 1970.
    """

    token: str
    name: str
    flips: tuple[Flip, ...]
    mappings: tuple[str, ...]
    to: Owner
    actor: str
    at: float
    hold: float
    reason: str = ""
    forced: bool = False

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(flip.route for flip in self.flips)


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of ownership beside the file.

    Attributes:
        owners: the side and epoch of each mapping that was ever moved; all others belong to the old side.
        move: the cutover under way; None if there is none.
        decided: whether it can only go forward.
    """

    owners: Mapping[str, tuple[str, int]] = field(default_factory=Frozen)
    move: Move | None = None
    decided: bool = False

    @property
    def moved(self) -> frozenset[str]:
        """Mappings that modern owns, for a table: one that was decided counts, since nothing is written until all is done."""
        sides = {name: owner for name, (owner, _) in self.owners.items()}
        if self.move is not None and self.decided:
            sides |= dict.fromkeys(self.move.mappings, self.move.to)
        return frozenset(name for name, owner in sides.items() if owner == NEW)

    @property
    def held(self) -> tuple[str, ...]:
        """Routes whose writes wait."""
        return self.move.routes if self.move is not None else ()

    def opened(self, move: Move) -> Record:
        return replace(self, move=move, decided=False)

    def with_decision(self) -> Record:
        return replace(self, decided=True)

    def closed(self, owners: Mapping[str, tuple[str, int]] | None = None) -> Record:
        """Nothing is open; `owners` are those that both databases name now."""
        return Record(Frozen({**self.owners, **(owners or {})}))


def undo(failed: Step) -> tuple[Step, ...]:
    """What takes a failed cutover back; nothing where it can only go on.

    If the decision could not be written nobody knows whether a crash would find it: then the record is closed before a write is
    let go, however long that takes. Else the writes come first.
    """
    if failed is Step.PREPARE:
        return ()
    if failed is Step.DECIDE:
        return Step.CLOSE, Step.RELEASE
    return (Step.RELEASE, Step.CLOSE) if FORWARD.index(failed) < FORWARD.index(Step.DECIDE) else ()


def recovery(record: Record, bumped: bool = False) -> tuple[Step, ...]:
    """What settles a record that was found: whoever wrote it has gone.

    Args:
        bumped: whether a database says that this cutover has moved an owner already, which is a decision, too.
    """
    if record.move is None:
        return (Step.RELEASE,)
    return _FINISH if record.decided or bumped else (Step.RELEASE, Step.CLOSE)


def encode(record: Record) -> bytes:
    """The record as it is kept."""
    said = {"version": VERSION, "owners": dict(record.owners), "decided": record.decided}
    said["move"] = asdict(record.move) if record.move is not None else None
    return json.dumps(said, ensure_ascii=True, indent=1).encode() + b"\n"


def decode(data: bytes) -> Record:
    """Raises ValueError for anything that `encode` of this version did not write."""
    try:
        said = json.loads(data)
        if said["version"] != VERSION:
            raise ValueError(f"version {said['version']} is not known here")
        owners = {str(name): (_owner(owner), int(epoch)) for name, (owner, epoch) in said["owners"].items()}
        return Record(Frozen(owners), _move(said["move"]) if said["move"] is not None else None, bool(said["decided"]))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"no record of a cutover: {error}") from None


def _move(said: Mapping[str, Any]) -> Move:
    flips = tuple(Flip(each["route"], _place(each["before"]), _place(each["after"])) for each in said["flips"])
    return Move(**{**said, "flips": flips, "mappings": tuple(said["mappings"]), "to": _owner(said["to"])})


def _place(said: Mapping[str, Any]) -> Place:
    return Place(Stage(said["stage"]), Share(float(said["weight"])))


def _owner(said: object) -> Owner:
    if said not in (OLD, NEW):
        raise ValueError(f"an owner is old or new, not {said!r}")
    return NEW if said == NEW else OLD


def in_words(names: Sequence[str]) -> str:
    """Names as people read them."""
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
