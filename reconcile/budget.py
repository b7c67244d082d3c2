"""How many rows one call may delete. Deletes are the dangerous verb: a wrong `where`, a restored or an emptied source all
look like rows that have gone.
"""

from __future__ import annotations

from dataclasses import dataclass

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
