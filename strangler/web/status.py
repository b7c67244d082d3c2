"""Where every route stands, and all that is known of one: as `strangler status` says it. Everything here may block."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from strangler.control.cells import GATE
from strangler.control.diffs import as_json as report_as_json
from strangler.control.diffs import report
from strangler.control.events import event_as_json, events
from strangler.control.flipping import door
from strangler.control.standings import Overview, Proxy, Standing, as_json, next_step, standings, traffic
from strangler.control.tally import BREAKER, BREAKER_STATES, HEALTH, OUT
from strangler.control.totals import Totals
from strangler.core.breaker import State
from strangler.core.journal import holds, unsettled
from strangler.core.model import Route
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.reading import Recorded, found, recorded

EVENTS = 20  # of one route
LOOKING = "the evidence is being looked at: ask again in a moment"


def show_status(desk: Desk, asked: Asked) -> Any:
    """Stage, weight, traffic, agreement, latency, hold and verdict of every route, and what needs a person."""
    return as_json(desk.last_look.latest(lambda: look(desk, desk.config.routes), lambda: glance(desk)))


def show_route(desk: Desk, asked: Asked) -> Any:
    """All that is known of one route, looked at now."""
    route = found(desk.config, asked.name)
    entries, trouble = recorded(desk)
    status = as_json(look(desk, [route], (entries, trouble)))
    with desk.store() as store:
        diffs = report_as_json(report(store, route))
    told = [event_as_json(event) for event in events(entries, frozenset({route.name}))[:EVENTS]]
    standing = status.pop("routes")[0]
    return {**status, "route": standing, "diffs": diffs, "journal": {"incomplete": trouble or None, "events": told}}


def look(desk: Desk, routes: Sequence[Route], journal: Recorded | None = None) -> Overview:
    """Look at these routes; at the journal, too, unless somebody has just done so."""
    config, now = desk.config, time.time()
    entries, trouble = journal or recorded(desk)
    totals = desk.control.totals()
    flows = desk.flow.read(totals, config.routes, time.monotonic())
    found = tuple(
        replace(each, traffic=flows.get(each.route.name, each.traffic))
        for each in standings(config, routes, entries, ailing(totals), now, older=desk.older)
    )
    said = (f"neither evidence nor the whole journal can be read: {trouble}",) if trouble else ()
    return Overview(now, _proxy(desk), found, said, desk.record)


def glance(desk: Desk) -> Overview:
    """What can be told of all routes without evidence and guard."""
    config, now = desk.config, time.time()
    entries, _ = recorded(desk)
    held, open_ = holds(entries), {entry.route for entry in unsettled(entries)}
    flows = desk.flow.read(desk.control.totals(), config.routes, time.monotonic()) or traffic(config, config.routes, now)
    found = tuple(
        Standing(route, None, flows.get(route.name), next_step(route), hold=held.get(route.name), open=route.name in open_)
        for route in config.routes
    )
    return Overview(now, _proxy(desk), found, (LOOKING,), desk.record)


def ailing(totals: Totals) -> Mapping[str, str]:
    """Upstreams that some worker does not use now, and why."""
    found: dict[str, str] = {}
    for (kind, *names), cells in totals.rows.items():
        if kind == GATE and cells[HEALTH] == OUT:
            found[names[1]] = "is out of service by its health checks"
        elif kind == GATE and cells[BREAKER] > BREAKER_STATES[State.CLOSED]:
            found.setdefault(names[1], "is not asked for now: its breaker is open")
    return found


def _proxy(desk: Desk) -> Proxy:
    """Who serves the file: the supervisor, as it says itself."""
    snapshot = desk.world.read()
    state = door.state(snapshot.real)
    if state is None:
        return Proxy(workers=desk.control.settings["slots"])
    workers = sum(place["name"].startswith("worker ") for place in state["crew"])
    current = bool(state["serving"]) and state["digest"] == snapshot.revision
    return Proxy(state["pid"], workers, current, state["problems"])
