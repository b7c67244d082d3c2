"""The first page: the answer, what needs a person, then every route on its ladder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from strangler.control import history
from strangler.control.history import Step
from strangler.control.standings import Overview, Traffic, Unit, attention
from strangler.core.figures import moment, share
from strangler.core.model import Side, Stage
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.pages import charts
from strangler.web.pages.rendering import segment
from strangler.web.status import glance, look

STAGES = tuple(str(stage) for stage in Stage)


def show(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """What its template is given."""
    seen = latest(desk)
    step, past = desk.past()
    steps = history.together(past.values())
    traffic = sum((each.traffic for each in seen.standings if each.traffic is not None), Traffic())
    return {
        "seen": seen,
        "notes": attention(seen.units, seen.record),
        "rows": [row(unit) for unit in seen.units],
        "traffic": traffic,
        "beyond": sum(each.place.stage in (Stage.MODERN, Stage.RETIRED) for each in seen.standings),
        "stages": STAGES,
        "columns": charts.shares(steps, _told),
        "steps": steps,
        "scale": charts.scale(step),
    }


def latest(desk: Desk) -> Overview:
    """The same look that the API answers with."""
    return desk.last_look.latest(lambda: look(desk, desk.config.routes), lambda: glance(desk))


def row(unit: Unit) -> dict[str, Any]:
    """A line of the table: what flips as one."""
    agree, compared = unit.agreement
    flow = unit.traffic
    return {
        "unit": unit,
        "path": path_of(unit),
        "stage": str(unit.places[0].stage) if len(unit.places) == 1 else "mixed",
        "place": str(unit.places[0]) if len(unit.places) == 1 else "mixed",
        "rung": max(place.stage.rung for place in unit.places),
        "weight": float(unit.places[0].weight),
        "flow": flow,
        "by_modern": share(round(flow.modern * 1e6), round(flow.total * 1e6)) if flow and flow.total else "–",
        "agree": share(agree, compared, 2) if compared else "–",
        "compared": compared,
        "p95": [unit.percentile(side) for side in (Side.LEGACY, Side.MODERN)],
        "next": str(unit.step.after) if unit.step is not None else "",
        "verdict": str(unit.verdict) if unit.verdict is not None else "",
        "word": unit.said,
    }


def path_of(unit: Unit) -> str:
    """Where its page is."""
    return f"/routes/{segment(unit.name)}"


def _told(step: Step) -> str:
    return f"from {moment(step.at)}: {step.requests:,} requests, {share(step.modern, step.requests)} by modern"
