"""What the data process does again and again: relay, jobs on a schedule. Each returns when it is told to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping

import reconcile
from reconcile.databases.database import opened
from reconcile.jobs import turn
from reconcile.jobs.schedule import Cron
from reconcile.jobs.turn import Turn
from reconcile.mapping.model import Plan
from reconcile.relaying import crew
from strangler.core.errors import StranglerError

Say = Callable[[str], None]
Job = Callable[[Plan, threading.Event, Say], str]

ASK = 60.0  # seconds after which the table is asked for a turn, whatever this machine's clock says


def relay(plan: Plan, stop: threading.Event, say: Say) -> None:
    """Relay everything that is captured; each trouble is told once."""
    told = frozenset[str]()

    def tell(troubles: Mapping[str, str]) -> None:
        nonlocal told
        told = _tell(told, troubles.values(), say)

    crew.run(plan, stop, tell=tell)


def jobs(plan: Plan, stop: threading.Event, say: Say) -> None:
    """Wait for turns, and take them."""
    crons = lines(plan)
    if not crons:
        stop.wait()
        return
    with opened(plan.databases, state(plan)) as (database,):
        turn.ensure(database, *crons)
        asked = 0.0
        while not stop.is_set():
            now = time.time()
            if now - asked >= ASK or any(cron.is_due(asked, now) for cron in crons.values()):
                asked = now
                for name, cron in crons.items():
                    if found := turn.take(database, name, holder(), cron.is_due):
                        do(found, plan, stop, say)
            stop.wait(1.0)


def lines(plan: Plan) -> Mapping[str, Cron]:
    """The schedule, by job. Raises UsageError for a line that is never due."""
    schedule = plan.schedule
    written = {} if schedule is None else {"reconcile": schedule.reconcile, "sweep": schedule.sweep}
    return {name: Cron(line) for name, line in written.items() if line is not None}


def state(plan: Plan) -> str:
    """The database with the toolkit's own tables that belong to neither side."""
    return plan.state or plan.mappings[0].target.database


def holder() -> str:
    return f"{socket.gethostname()} {os.getpid()}"


def do(found: Turn, plan: Plan, stop: threading.Event, say: Say) -> None:
    """Do a job whose turn it is. It ends early when the turn is lost: then somebody else is at it."""
    say(f"{found.name}: began")
    with turn.renewing(found) as lost:
        try:
            outcome = _JOBS[found.name](plan, _Either(stop, lost), say)
        except StranglerError as error:
            outcome = f"failed: {error}"
    mine = found.end(outcome)
    say(f"{found.name}: {outcome if mine else 'ended late: another process has taken its turn'}")


class _Either(threading.Event):
    """Set as soon as one of two is; only ever asked."""

    def __init__(self, *events: threading.Event) -> None:
        super().__init__()
        self._events = events

    def is_set(self) -> bool:
        return super().is_set() or any(event.is_set() for event in self._events)

    def wait(self, timeout: float | None = None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (deadline is None or time.monotonic() < deadline):
            self._events[0].wait(0.2 if deadline is None else min(0.2, max(0.0, deadline - time.monotonic())))
        return self.is_set()


def _reconcile(plan: Plan, stop: threading.Event, say: Say) -> str:
    """Compare every mapping; one that cannot be compared does not keep the others from it."""
    found: dict[str, str] = {}
    for name in plan.names:
        if stop.is_set():
            return f"stopped before {name}"
        try:
            report = reconcile.reconcile(plan, name)
        except StranglerError as error:
            found[name] = str(error)
        else:
            found[name] = next(report.lines()).removeprefix(f"{name}: ")
        say(f"reconcile: {name}: {found[name]}")
    return "; ".join(f"{name} {verdict}" for name, verdict in found.items())


def _sweep(plan: Plan, stop: threading.Event, say: Say) -> str:
    """Apply everything again, which sees what no trigger does; then compare."""
    for name, done in reconcile.backfill_all(plan, restart=True, stop=stop).items():
        say(f"sweep: {name}: {done.counts}")
    return "stopped" if stop.is_set() else _reconcile(plan, stop, say)


_JOBS: Mapping[str, Job] = {"reconcile": _reconcile, "sweep": _sweep}


def _tell(told: frozenset[str], troubles: Iterable[str], say: Say) -> frozenset[str]:
    now = frozenset(troubles)
    for words in sorted(now - told):
        say(f"relay: {words}")
    if told and not now:
        say("relay: goes on")
    return now
