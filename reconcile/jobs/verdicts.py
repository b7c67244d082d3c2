"""Earlier verdicts of a mapping, as the page and the status show them."""

from __future__ import annotations

from reconcile.comparing import history
from reconcile.mapping.model import Plan
from reconcile.reports.html import MOST_PAST, Past
from reconcile.reports.report import Drift


def past(plan: Plan, name: str) -> list[Past]:
    """The newest first."""
    kinds = [kind.value for kind in Drift]
    return [
        Past(each.ended_at / 1e6, each.verdict.value, sum(int(each.counts.get(kind, 0)) for kind in kinds), each.full)
        for each in history.listed(plan, name, limit=MOST_PAST)
    ]
