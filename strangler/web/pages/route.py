"""One route, or the routes of a group: where it stands, what the guard says, how it goes, why answers differ, what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strangler.control.diffs import Report, report
from strangler.control.events import events
from strangler.control.history import Step
from strangler.control.standings import Overview, Unit, attention, owner_of
from strangler.core.errors import UsageError
from strangler.core.figures import moment, share, took
from strangler.core.flip import members
from strangler.core.model import Config, Route
from strangler.web.answers import Turned
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.pages import charts
from strangler.web.pages.overview import STAGES, row
from strangler.web.reading import recorded
from strangler.web.status import look

CAUSES, EVENTS, MOST_CHARTS = 20, 20, 4


def show(desk: Desk, asked: Asked) -> Mapping[str, Any]:
    """What its template is given."""
    routes = _routes(desk.config, asked.name)
    entries, trouble = recorded(desk)
    seen = look(desk, routes, (entries, trouble))
    unit = Unit(asked.name, seen.standings)
    told = events(entries, frozenset(route.name for route in routes))[:EVENTS]
    with desk.store() as store:
        reports = [report(store, route, limit=CAUSES) for route in routes]
    step, past = desk.past()
    owners = {route.name: owner_of(route, seen.record) for route in routes}
    return {
        "seen": seen,
        "row": row(unit),
        "unit": unit,
        "notes": attention([unit], _record(seen, unit)),
        "stages": STAGES,
        "reports": reports,
        "causes": _ranked(reports),
        "drawn": [_drawn(name, past[name]) for name in [route.name for route in routes][:MOST_CHARTS] if name in past],
        "events": told,
        "incomplete": trouble,
        "owners": owners,
        "owner": next(iter(owners.values())) if len(set(owners.values())) == 1 else None,
        "scale": charts.scale(step),
        "data": list(dict.fromkeys(name for route in routes for name in route.data)),
    }


def _routes(config: Config, name: str) -> tuple[Route, ...]:
    try:
        return members(config, name)
    except UsageError as error:
        raise Turned(404, "not_found", str(error)) from None


def _record(seen: Overview, unit: Unit) -> Any:
    return seen.record if seen.record.move and seen.record.move.name == unit.name else None


def _ranked(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """Causes of all routes together, most mismatches first, each with its share of what was compared on its route."""
    lines = [(line, one) for one in reports for line in one.causes]
    lines.sort(key=lambda pair: pair[0].row.count, reverse=True)
    return [
        {"row": line.row, "example": line.example, "part": share(line.row.count, one.compared), "of": one.compared}
        for line, one in lines
    ]


def _drawn(name: str, steps: Sequence[Step]) -> dict[str, Any]:
    """A route's charts, and the steps that they are of."""
    floor, (durations, top) = charts.floor_of(steps), charts.durations(steps)
    return {
        "route": name,
        "steps": steps,
        "floor": floor,
        "agreement": charts.agreement(steps, floor) if any(step.compared for step in steps) else None,
        "durations": durations,
        "top": took(top),
        "columns": charts.shares(steps, _told),
    }


def _told(step: Step) -> str:
    return f"from {moment(step.at)}: {step.requests:,} requests, {share(step.modern, step.requests)} by modern"
