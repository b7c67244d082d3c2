"""What the API tells: the same as the commands with --json. Everything here may block."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TypeVar

from strangler.control import history, progress
from strangler.control.accepting import effect_as_json, what_if
from strangler.control.diffs import as_json as report_as_json
from strangler.control.diffs import cause_as_json, example_as_json, ledger_as_json, mismatch_as_json, report
from strangler.control.events import event_as_json, events
from strangler.core.errors import DatabaseError, UsageError
from strangler.core.journal import Entry
from strangler.core.ledger import total
from strangler.core.model import Config, Route
from strangler.core.progress import as_json as progress_as_json
from strangler.core.spec.reader import nearest
from strangler.store.store import Store
from strangler.web import details
from strangler.web.answers import Turned
from strangler.web.desk import Desk
from strangler.web.endpoint import Asked

T = TypeVar("T")
MINUTE, HALF_HOUR, DAY = 60.0, 1800.0, 86_400.0  # seconds
MOST_STEPS = 1500


def list_diffs(desk: Desk, asked: Asked) -> Any:
    """How often each route's answers agree and what they differ in; with `cause`, that one and its examples."""
    name, cause, now = asked.given["route"], asked.given["cause"], time.time()
    routes = [found(desk.config, name)] if name else desk.config.routes
    with desk.store() as store:
        if cause:
            return _one_cause(store, cause, name, asked.given["limit"])
        since = now - asked.given["since"] if asked.given["since"] else None
        reports = [report(store, route, since=since, limit=asked.given["limit"]) for route in routes]
        return {"store": store.exists, "now": now, "routes": [report_as_json(each) for each in reports]}


def _one_cause(store: Store, id: str, route: str, limit: int) -> Any:
    row = there(lambda: store.cause(id))
    if route and row.route != route:
        raise Turned(404, "not_found", f"cause {row.id} is of another route than {route!r}")
    examples = store.examples(row.route, row.id, limit)
    return {"cause": cause_as_json(row), "examples": [example_as_json(each) for each in examples]}


def show_diff(desk: Desk, asked: Asked) -> Any:
    """One mismatch, with both answers as far as they are kept."""
    with desk.store() as store:
        return mismatch_as_json(there(lambda: store.example(asked.name)))


def try_rule(desk: Desk, asked: Asked) -> Any:
    """What a rule would do to the stored mismatches of a route, or of all that have some."""
    name, rule = asked.given["route"], asked.given["rule"]
    chosen = [found(desk.config, name)] if name else desk.config.routes
    with desk.store() as store:
        routes = [route for route in chosen if name or store.examples(route.name, limit=1)]
        return {"rule": rule, "routes": {each: effect_as_json(one) for each, one in what_if(store, routes, rule).items()}}


def show_history(desk: Desk, asked: Asked) -> Any:
    """How a route, or all of them, went: agreement, who answered, how long it took."""
    name, now = asked.given["route"], time.time()
    since = now - (asked.given["since"] or DAY)
    step = max(asked.given["step"] or HALF_HOUR, MINUTE)
    if (now - since) / step > MOST_STEPS:
        raise Turned(400, "usage", f"that is more than {MOST_STEPS:,} steps: take longer ones")
    with desk.store() as store:
        if name:
            steps = history.of_route(store, found(desk.config, name), since, step, now)
        else:
            steps = history.together(history.of_route(store, route, since, step, now) for route in desk.config.routes)
    return {"now": now, "step": step, "steps": [asdict(each) for each in steps]}


def show_progress(desk: Desk, asked: Asked) -> Any:
    """How far the migration is: routes and traffic by stage, milestones."""
    entries, _ = recorded(desk)
    with desk.store() as store:
        return progress_as_json(progress.progress(desk.config, store, entries, time.time()))


def show_data(desk: Desk, asked: Asked) -> Any:
    """Every mapping, as the data process last said: owner, lag, what is on its way, verdicts."""
    told = details.told(desk.config)
    return {
        "now": time.time(),
        "files": [{"file": name, "at": file["at"], "mappings": file["mappings"]} for name, file in told.items()],
    }


def show_outboxes(desk: Desk, asked: Asked) -> Any:
    """Every outbox, as the data process last said: sinks, dead letters, what was let go."""
    told = details.told(desk.config)
    return {
        "now": time.time(),
        "files": [
            {"file": name, "at": file["at"], "outbox": file["outbox"]} for name, file in told.items() if file.get("outbox")
        ],
    }


def list_journal(desk: Desk, asked: Asked) -> Any:
    """Who moved what, when, why, and what the guard said; newest first."""
    entries, trouble = recorded(desk)
    now, since = time.time(), asked.given["since"]
    chosen = events(entries, _names(desk.config, asked.given["route"]), now - since if since else None)
    shown = chosen[: asked.given["limit"]]
    return {"now": now, "incomplete": trouble or None, "events": [event_as_json(each) for each in shown]}


Recorded = tuple[list[Entry], str]


def recorded(desk: Desk) -> Recorded:
    """All entries of the journal; or those that wait beside the file, and why the store's are missing."""
    try:
        return desk.journal.entries(), ""
    except DatabaseError as error:
        return desk.journal.spooled(), str(error)


def _names(config: Config, name: str) -> frozenset[str] | None:
    """The routes that are asked for; None for all. One that has gone from the file has its history still."""
    if name.startswith("@"):
        return frozenset(route.name for route in config.routes if route.group == name[1:])
    return frozenset({name}) if name else None


def show_ledger(desk: Desk, asked: Asked) -> Any:
    """What became of every request that was seen, of all runs, in all and by route."""
    name = asked.given["route"]
    if name:
        found(desk.config, name)
    with desk.store() as store:
        ledgers = store.ledgers(route=name or None)
        routes = {route: ledger_as_json(ledger) for route, ledger in sorted(ledgers.items())}
        return {"store": store.exists, "total": ledger_as_json(total(ledgers.values())), "routes": routes}


def found(config: Config, name: str) -> Route:
    """The route of that name. Raises Turned."""
    for route in config.routes:
        if route.name == name:
            return route
    hint = nearest(name[:100], [route.name for route in config.routes])
    raise Turned(404, "not_found", f"no route is named {name[:100]!r}{hint}")


def there(look: Callable[[], T]) -> T:
    """What an id names; an id that names nothing, or several, is not found."""
    try:
        return look()
    except UsageError as error:
        raise Turned(404, "not_found", str(error)) from None
