"""How many rows may go. Deletes are the dangerous verb: a wrong `where`, a restored or an emptied source all look like rows
that have gone. Pure: what was deleted so far is kept in the target (`deletions`), and shared by all who delete.
"""

from __future__ import annotations

from dataclasses import dataclass

from strangler.core.errors import Refusal
from strangler.core.units import Share, format_percent

HOUR = 3_600_000_000  # microseconds


class Halted(Refusal):
    """A mapping's deletions are over the budget: nothing more is written for it until someone decides.

    Attributes:
        deletes: how many deletions a budget would have to allow; `why` says it without what to do.
    """

    def __init__(self, message: str, deletes: int = 0, why: str = "") -> None:
        super().__init__(message)
        self.deletes, self.why = deletes, why


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `rows`, and at most `share` of the target's rows (but always `least`, so that a small table can be kept true).

    Rows that would leave the target empty are never deleted unless the share is 100 %.
    """

    rows: int = 50
    share: Share = Share(0.05)
    least: int = 1

    def allowed(self, standing: int) -> int:
        """How many of `standing` rows may go."""
        return min(self.rows, max(self.least, int(standing * self.share)))

    def refusal(self, deletes: int, standing: int, *, source_rows: int, granted: int = 0) -> str | None:
        """Why so many deletes are not made; None if they may be. `granted` deletes were allowed by name."""
        if deletes <= granted:
            return None
        if not source_rows and self.share < 1:
            return f"the old side has no rows, and the new side has {standing:,}: that is not taken for {standing:,} deletions"
        allowed = self.allowed(standing)
        if deletes > allowed:
            limits = f"{self.rows:,} rows and {format_percent(self.share)} of {standing:,}"
            return f"{deletes:,} rows would be deleted, the budget is {max(allowed, granted):,} ({limits})"
        return None

    def covers(self, deletes: int, standing: int) -> bool:
        """Whether it allows by far what another budget did not."""
        return self.share >= 1 and self.allowed(max(standing, deletes)) >= deletes


WATCHED = Budget(rows=1000, least=20)  # what the relay, which nobody watches, may delete in an hour unless told otherwise


@dataclass(frozen=True, slots=True)
class Window:
    """The deletions of one mapping since a moment (in microseconds, by the target's clock), whoever made them.

    Attributes:
        standing: the target's rows when it was last looked, with those that were deleted since.
        granted: how many may go whatever the budget says, for so long as this window lasts.
    """

    since: int
    deleted: int = 0
    standing: int = 0
    granted: int = 0

    def at(self, now: int, length: int) -> Window:
        """This window, or the next if it is over. A clock that was put back ends it, too."""
        return self if self.since <= now < self.since + length else Window(now)

    def refusal(self, budget: Budget, deletes: int, *, source_rows: int) -> str | None:
        """Why so many more deletes are not made; None if they may be."""
        if not deletes:
            return None
        return budget.refusal(self.deleted + deletes, self.standing, source_rows=source_rows, granted=self.granted)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one caller may delete, of what all callers of a mapping may delete together.

    Attributes:
        standing: rows on the target when the call began; `source_rows` those of the source. Only `foresee` needs them.
        length: of the window, in microseconds.
        halts: whether going over it stops every other caller with the same budget, too, until someone decides.
    """

    mapping: str
    budget: Budget = Budget()
    standing: int = 0
    source_rows: int = 0
    length: int = HOUR
    halts: bool = True

    def foresee(self) -> None:
        """Refuse a full pass that is bound to end over the budget before its first row is written.

        Keys are unique on both sides, so at least the difference of the counts would go.
        """
        deletes = max(0, self.standing - self.source_rows)
        refusal = self.budget.refusal(deletes, self.standing, source_rows=self.source_rows) if deletes else None
        if refusal:
            raise halt(self.mapping, refusal, deletes, 0)


def halt(mapping: str, why: str, deletes: int, deleted: int) -> Halted:
    """The error that says so, and what to do. `deleted` rows went before."""
    return Halted(
        f"{mapping}: {why}. Stopped after {deleted:,} deletions. If those rows really are gone, raise the budget: "
        f"--max-deletes {deletes} --max-delete-share 100%, or `strangler data resume {mapping} --max-deletes {deletes}`",
        deletes,
        why,
    )
