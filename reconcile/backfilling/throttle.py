"""What holds a backfill back: a limit of rows a second, and whatever says that the databases are behind.

Both are asked between chunks, when no transaction is open.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import literal_column, select

from reconcile.databases.database import opened
from reconcile.mapping.model import Plan
from strangler.core.errors import UsageError

Behind = Callable[[], str | None]
"""Why to wait, such as ``replication is 12 behind, the limit is 5``; None if there is no reason."""


@dataclass(frozen=True, slots=True)
class Throttle:
    """What a backfill is held back by.

    Attributes:
        rows_per_second: on average since the call began; 0 is no limit.
        behind: asked before each chunk.
    """

    rows_per_second: float = 0.0
    behind: Behind = lambda: None

    def rest(self, rows: int, seconds: float) -> float:
        """Seconds to wait, after so many rows in so many seconds, to be within the limit."""
        return max(0.0, rows / self.rows_per_second - seconds) if self.rows_per_second else 0.0


def throttle(plan: Plan, rows_per_second: float | None, behind: Behind | None) -> Throttle:
    """What is asked for, and for the rest what the file says."""
    said = plan.throttle
    if behind is None and said.behind is not None:
        behind = asking(plan, said.behind.database, said.behind.sql, said.behind.above)
    rate = said.rows_per_second if rows_per_second is None else rows_per_second
    return Throttle(rate, behind) if behind is not None else Throttle(rate)


def asking(plan: Plan, name: str, sql: str, above: float) -> Behind:
    """Wait while a query's number, in one of the plan's databases, is above a limit.

    NULL (no replica is connected, say) is above every limit.
    """

    def behind() -> str | None:
        with opened(plan.databases, name) as (database,), database.reading() as connection:
            found: object = connection.execute(select(literal_column(f"(\n{sql}\n)"))).scalar_one()
        try:
            number = None if found is None else float(str(found))
        except ValueError:
            raise UsageError(f"the throttle's query on database {name} gives no number: let it give one") from None
        if number is not None and number <= above:
            return None
        return f"database {name} is behind: {'NULL' if number is None else f'{number:g}'}, {above:g} allowed"

    return behind
