"""How many rows one call may delete. Deletes are the dangerous verb: a wrong `where`, a restored or an emptied source all
look like rows that have gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from strangler.core.errors import Refusal
from strangler.core.units import Share, format_percent


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `rows`, and at most `share` of the new side's rows (but always one, so that a small table can be kept true).

    Rows that would leave the new side empty are never deleted unless the share is 100 %.
    """

    rows: int = 50
    share: Share = Share(0.05)

    def allowed(self, standing: int) -> int:
        """How many of `standing` rows may go."""
        return min(self.rows, max(1, int(standing * self.share)))

    def refusal(self, deletes: int, standing: int, *, source_rows: int) -> str | None:
        """Why so many deletes are not made; None if they may be."""
        if not deletes:
            return None
        if not source_rows and self.share < 1:
            return f"the old side has no rows, and the new side has {standing:,}: that is not taken for {standing:,} deletions"
        allowed = self.allowed(standing)
        if deletes > allowed:
            limits = f"{self.rows:,} rows and {format_percent(self.share)} of {standing:,}"
            return f"{deletes:,} rows would be deleted, the budget is {allowed:,} ({limits})"
        return None


@dataclass(slots=True)
class Allowance:
    """What is left of a budget within one call, over all its chunks.

    Attributes:
        standing: rows on the new side when the call began; `source_rows` those on the old side.
        spent: rows deleted so far.
    """

    mapping: str
    budget: Budget
    standing: int
    source_rows: int
    spent: int = 0

    def spend(self, deletes: int) -> None:
        """Allow so many more deletes, or raise Refusal; then the caller must not make them."""
        self._refuse(self.spent + deletes)
        self.spent += deletes

    def foresee(self) -> None:
        """Refuse a full pass that is bound to end over the budget before its first row is written.

        Keys are unique on both sides, so at least the difference of the counts would go.
        """
        self._refuse(max(0, self.standing - self.source_rows))

    def _refuse(self, deletes: int) -> None:
        refusal = self.budget.refusal(deletes, self.standing, source_rows=self.source_rows)
        if refusal:
            raise Refusal(
                f"{self.mapping}: {refusal}. Stopped after {self.spent:,} deletions. If those rows really are gone, raise the "
                f"budget: --max-deletes {deletes} --max-delete-share 100%"
            )
