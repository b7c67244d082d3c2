"""Looking at everything that `status` and `top` show. What cannot be asked is left out, with the reason."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from strangler.cli.journal import recorded
from strangler.cli.status_metrics import Metrics, SilentError, ask
from strangler.config import file
from strangler.control.cutover.record import record_of
from strangler.control.flipping import door
from strangler.control.standings import Overview, Proxy, Standing, Traffic, split, standings
from strangler.core.errors import UsageError
from strangler.core.journal import Entry
from strangler.core.model import Config, Route

APART = 1.0  # seconds between two readings of the counters, where the store knows nothing of the traffic


def look(config: Config, path: Path, routes: Sequence[Route]) -> Overview:
    """Everything about these routes, once."""
    begun = time.monotonic()
    who, metrics = proxy(config, path)
    seen = with_record(known(config, path, routes, metrics), path)
    if not who.workers:
        return replace(seen, proxy=who, standings=tuple(replace(each, traffic=None) for each in seen.standings))
    if metrics is not None and all(each.traffic is None for each in seen.standings):
        time.sleep(max(APART - (time.monotonic() - begun), 0.0))
        try:
            flowing = with_traffic(seen.standings, metrics, ask(config.admin), max(time.monotonic() - begun, APART))
            return replace(seen, proxy=who, standings=flowing)
        except SilentError as error:
            who = replace(who, silent=str(error))
    return replace(seen, proxy=who)


def with_record(seen: Overview, path: Path) -> Overview:
    """With what is known of cutovers."""
    try:
        return replace(seen, record=record_of(path))
    except UsageError as error:
        return replace(seen, trouble=(*seen.trouble, str(error)))


def known(config: Config, path: Path, routes: Sequence[Route], metrics: Metrics | None) -> Overview:
    """What takes a moment to find out: from store, journal and guard."""
    now, ailing = time.time(), metrics.ailing if metrics is not None else {}
    entries, trouble = _entries(config, path)
    return Overview(now, Proxy(), standings(config, routes, entries, ailing, now), trouble)


def _entries(config: Config, path: Path) -> tuple[list[Entry], tuple[str, ...]]:
    """The journal's, as far as it can be read, and what cannot be known."""
    entries, why = recorded(config, path)
    return entries, (f"neither evidence nor holds can be read, so nothing climbs: {why}",) if why else ()


def proxy(config: Config, path: Path) -> tuple[Proxy, Metrics | None]:
    """Who serves the file, and what it has counted. That is asked over the network, and the other at the supervisor's door: each
    can be known without the other."""
    snapshot = file.read(path)
    state = door.state(snapshot.real)
    metrics, silent = None, ""
    try:
        metrics = ask(config.admin)
    except SilentError as error:
        silent = str(error)
    if state is not None:
        workers = sum(place["name"].startswith("worker ") for place in state["crew"])
        current = bool(state["serving"]) and state["digest"] == snapshot.revision
        return Proxy(state["pid"], workers, current, state["problems"], silent), metrics
    if metrics is not None:
        return Proxy(0, metrics.workers, metrics.ready == metrics.workers and not metrics.refused), metrics
    return Proxy(silent=silent), None


def with_traffic(seen: Sequence[Standing], before: Metrics, after: Metrics, seconds: float) -> tuple[Standing, ...]:
    """With what was served between two readings; not known if the proxy was started anew between them."""
    return tuple(replace(each, traffic=between(each.route, before, after, seconds)) for each in seen)


def between(route: Route, before: Metrics, after: Metrics, seconds: float) -> Traffic | None:
    """What was served of one route between two readings that are so many seconds apart."""
    if before.started != after.started or seconds <= 0:
        return None
    served = {
        upstream: number - before.requests.get((name, upstream), 0)
        for (name, upstream), number in after.requests.items()
        if name == route.name
    }
    return split(route, {upstream: max(number, 0) for upstream, number in served.items()}, seconds)
