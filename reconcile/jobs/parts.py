"""What the data process does again and again: relays, jobs on a schedule. Each returns when it is told to stop."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

import reconcile
from reconcile.databases.database import opened
from reconcile.jobs import turn
from reconcile.jobs.look import standings
from reconcile.jobs.marks import look as look_at_marks
from reconcile.jobs.schedule import Cron
from reconcile.jobs.turn import Turn
from reconcile.mapping.model import Plan
from reconcile.outbox.relay import OutboxRelay
from reconcile.relaying import crew
from reconcile.reports.report import Report, Verdict
from strangler.core.data_status import WHOLE
from strangler.core.errors import StranglerError

Say = Callable[[str], None]
Job = Callable[[Plan, threading.Event, Say], str]

_DAY = 86_400.0
ASK = 60.0  # seconds after which the table is asked for a turn, whatever this machine's clock says


def relay(plan: Plan, stop: threading.Event, say: Say) -> None:
    """Relay everything that is captured; each trouble is told once."""
    told = frozenset[str]()

    def tell(troubles: Mapping[str, str]) -> None:
        nonlocal told
        told = _tell(told, troubles.values(), say)

    crew.run(plan, stop, tell=tell)


def outbox(plan: Plan, stop: threading.Event, say: Say) -> None:
    """Deliver the outbox's events; each trouble is told once."""
    if plan.outbox is None or not plan.outbox.sinks:
        stop.wait()
        return
    told = frozenset[str]()

    def tell(troubles: Mapping[str, str]) -> None:
        nonlocal told
        told = _tell(told, (f"{subject}: {why}" for subject, why in troubles.items()), say, "outbox")

    OutboxRelay(plan, tell=tell).run(stop)


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


def marks(plan: Plan, stop: threading.Event, say: Say) -> None:
    """Notice databases that went back."""
    for why in dict.fromkeys(look_at_marks(plan).values()):
        say(f"marks: {why}: all its mappings are unknown until a `reconcile` was clean")


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
    """Compare every mapping: what changed, where that is enough, else all rows."""
    enough = (
        _where_changes_are_enough(plan) if plan.schedule is not None and plan.schedule.sweep is not None else frozenset[str]()
    )
    return _compare_all(plan, enough, stop, say)


def _where_changes_are_enough(plan: Plan) -> frozenset[str]:
    """Mappings of which all rows were equal lately, and every change since is known; the sweep looks at all rows again."""
    return frozenset(
        each.mapping
        for each in standings(plan)
        if each.rests_on_all and each.compared_all_at is not None and time.time() - each.compared_all_at < WHOLE - _DAY
    )


def _compare_all(plan: Plan, enough: Collection[str], stop: threading.Event, say: Say) -> str:
    """One that cannot be compared does not keep the others from it."""
    found: dict[str, str] = {}
    for name in plan.names:
        if stop.is_set():
            return f"stopped before {name}"
        try:
            found[name] = _verdict(_compare(plan, name, changes=name in enough))
        except StranglerError as error:
            found[name] = str(error)
        say(f"reconcile: {name}: {found[name]}")
    return "; ".join(f"{name} {verdict}" for name, verdict in found.items())


def _compare(plan: Plan, name: str, *, changes: bool) -> Report:
    """What changed; all rows where that gives no verdict, or is not asked for."""
    if changes:
        report = reconcile.reconcile(plan, name, incremental=True)
        if report.verdict is not Verdict.CANNOT_SAY:
            return report
    return reconcile.reconcile(plan, name)


def _verdict(report: Report) -> str:
    words = next(report.lines()).removeprefix(f"{report.mapping}: ")
    return words if report.full else f"{words} (what changed since all rows were)"


def _sweep(plan: Plan, stop: threading.Event, say: Say) -> str:
    """Apply everything again, which sees what no trigger does; then compare all rows."""
    for name, done in reconcile.backfill_all(plan, restart=True, stop=stop).items():
        say(f"sweep: {name}: {done.counts}")
    return "stopped" if stop.is_set() else _compare_all(plan, (), stop, say)


_JOBS: Mapping[str, Job] = {"reconcile": _reconcile, "sweep": _sweep}


def _tell(told: frozenset[str], troubles: Iterable[str], say: Say, who: str = "relay") -> frozenset[str]:
    now = frozenset(troubles)
    for words in sorted(now - told):
        say(f"{who}: {words}")
    if told and not now:
        say(f"{who}: goes on")
    return now
