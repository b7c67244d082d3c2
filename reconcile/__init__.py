"""The data side: one mapping describes how rows of an old schema become rows of a new one, and everything goes by it.

    plan = reconcile.load("mappings.yaml", os.environ)
    counts = reconcile.backfill(plan, "customers", on_progress=print)   # Counts(inserted=117, …)
    report = reconcile.reconcile(plan, "customers")                     # Report
    report.clean, report.verdict, report.differences
    reconcile.apply(plan, "customers", [(7,), (8,)])                    # a few keys; a key is a tuple
    reconcile.check("mappings.yaml", os.environ)                        # list of Problem, live schemas included
    reconcile.mapping_names("mappings.yaml")                            # ("customers", …), for `data:` in routes.yaml

Errors are those of `strangler.core.errors`: ConfigError with every problem of the file, Refusal for a finding (an unmapped
value, the delete budget), DatabaseError. Databases are opened per call and closed again. Importing this costs nothing;
SQLAlchemy and the YAML parser come in with the first call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconcile.applying.budget import Budget
    from reconcile.backfilling.status import Status
    from reconcile.backfilling.walk import Backfilled
    from reconcile.capturing.script import Script
    from reconcile.capturing.status import CaptureStatus
    from reconcile.checking.doctor import Examined
    from reconcile.comparing.history import Passed
    from reconcile.comparing.recheck import Patience
    from reconcile.mapping.model import Plan
    from reconcile.owning.ownership import Owner, Ownership
    from reconcile.relaying.dead import Letter, Skipped
    from reconcile.relaying.relay import Step
    from reconcile.repairing.journal import Repair
    from reconcile.repairing.plan import RepairPlan
    from reconcile.repairing.repair import Repaired
    from reconcile.repairing.undo import Undone
    from reconcile.reports.report import Counts, Progress, Report
    from reconcile.reports.standing import Standing
    from strangler.core.errors import Problem

OnProgress = Callable[["Progress"], None]


def load(path: str | Path, environ: Mapping[str, str]) -> Plan:
    """Read a mappings file; ``${NAME}`` is filled in from `environ`. Raises ConfigError with every problem."""
    from reconcile.mapping.file import read

    return read(path, environ).plan


def mapping_names(path: str | Path) -> tuple[str, ...]:
    """The names of a file's mappings, whatever else is wrong with it. Raises ConfigError if it is not YAML."""
    from reconcile.mapping.file import mapping_names

    return mapping_names(path)


def check(path: str | Path, environ: Mapping[str, str]) -> list[Problem]:
    """Everything wrong with a mappings file, and with it and the live schemas; an empty list if nothing is."""
    from reconcile.checking.doctor import check

    return check(path, environ)


def examine(path: str | Path, environ: Mapping[str, str]) -> Examined:
    """The same, with which mappings are two-way, and why the others are not."""
    from reconcile.checking.doctor import examine

    return examine(path, environ)


def backfill(plan: Plan, name: str, **options: Any) -> Counts:
    """Make the new side of a mapping say what the old side says: every row inserted, updated or deleted that needs it.

    The options are those of `backfill_all`. Raises Refusal for a row that cannot be written, with what was done before kept;
    the next call goes on from there.
    """
    return backfill_all(plan, [name], **options)[name].counts


def backfill_all(
    plan: Plan,
    names: Iterable[str] = (),
    *,
    on_progress: OnProgress | None = None,
    chunk_rows: int | None = None,
    budget: Budget | None = None,
    rows_per_second: float | None = None,
    behind: Callable[[], str | None] | None = None,
    restart: bool = False,
    skip: int = 0,
    stop: Event | None = None,
) -> dict[str, Backfilled]:
    """Backfill several mappings (all, without names), parents before children.

    Args:
        chunk_rows: a fixed size; without it chunks are sized to half a second.
        rows_per_second: at most, on average (0 is no limit); without it, what the file's `throttle` says.
        behind: asked between chunks; as long as it gives a reason, the backfill waits. Without it, as the file says.
        restart: begin anew, rather than where the last call stopped.
        skip: so many rows of a mapping may be passed over; they are named in what is returned and by `backfills`.
        stop: when set, it ends after the chunk it is at.
    """
    from reconcile.backfilling import course, walk
    from reconcile.backfilling.sizing import Sizing
    from reconcile.backfilling.throttle import throttle

    conduct = walk.Conduct(
        Sizing(chunk_rows, fixed=True) if chunk_rows else Sizing(),
        throttle(plan, rows_per_second, behind),
        restart,
        skip,
        stop or Event(),
        on_progress or _quiet,
    )
    return course.run(plan, names, conduct, budget)


def behind_by_sql(plan: Plan, database: str, sql: str, above: float) -> Callable[[], str | None]:
    """For `backfill_all(behind=…)`: wait while a query gives more than a limit, or NULL. The lag of a replica in seconds, say."""
    from reconcile.backfilling.throttle import asking

    return asking(plan, database, sql, above)


def backfills(plan: Plan) -> list[Status]:
    """What each mapping's backfill is doing, or how it ended; mappings that never had one are left out. Writes nothing."""
    from reconcile.backfilling.status import statuses

    return statuses(plan)


def pause_backfill(plan: Plan, name: str) -> None:
    """Let the backfill that runs, in whatever process, wait after the chunk it is at. Raises UsageError if there is none."""
    from reconcile.backfilling import course

    course.tell(plan, name, "pause")


def continue_backfill(plan: Plan, name: str) -> None:
    """Let a paused backfill go on."""
    from reconcile.backfilling import course

    course.tell(plan, name, "run")


def apply(plan: Plan, name: str, keys: Iterable[tuple[Any, ...]], *, budget: Budget | None = None) -> Counts:
    """The same for a few keys, each a tuple; parts may be text as someone typed them. All are applied, or none."""
    from reconcile.backfilling import course

    return course.apply_keys(plan, name, keys, budget)


def plan_repair(
    plan: Plan, keys: Mapping[str, Iterable[tuple[Any, ...]]], *, more: Mapping[str, int] | None = None
) -> RepairPlan:
    """What repairing these keys, by mapping, would write. Writes nothing; `keys_of_report` takes keys from a comparison.

    The new side is repaired while the old side is the owner, and the other way round. `more`: so many rows differ beside these.
    """
    from secrets import token_hex

    from reconcile.repairing import planning

    return planning.make(plan, keys, token_hex(6), more or {})


def plan_drift(
    plan: Plan,
    names: Iterable[str] = (),
    *,
    most: int = 100_000,
    on_report: Callable[[Report], None] | None = None,
    on_progress: OnProgress | None = None,
) -> RepairPlan:
    """Compare mappings (all, without names), and plan the repair of every row that drifted, at most so many of each.

    Args:
        on_report: told of each comparison.
    """
    from functools import partial
    from secrets import token_hex

    from reconcile.repairing import planning

    compare = partial(reconcile, plan, on_progress=on_progress)
    found = planning.drifted(_chosen(plan, names), compare, most, on_report or (lambda _: None))
    return planning.make(plan, found.keys, token_hex(6), found.more)


def keys_of_report(document: Mapping[str, Any]) -> dict[str, list[tuple[Any, ...]]]:
    """The keys that a comparison's JSON document lists, by mapping."""
    from reconcile.repairing import planning

    return planning.from_report(document)


def more_of_report(document: Mapping[str, Any]) -> dict[str, int]:
    """How many drifted rows a comparison's JSON document counts beside those that it lists, by mapping."""
    from reconcile.repairing import planning

    return planning.more_than_listed(document)


def load_repair(path: str | Path) -> RepairPlan:
    """A plan from the file that `save_repair` wrote."""
    from reconcile.repairing import plan as plans

    return plans.load(path)


def save_repair(planned: RepairPlan, path: str | Path) -> None:
    """Write a plan to a file, to be read by people and by `load_repair`. It holds keys and digests, no other values."""
    from reconcile.repairing import plan as plans

    plans.save(planned, path)


def repair(
    plan: Plan,
    planned: RepairPlan,
    *,
    limit: Budget | None = None,
    budget: Budget | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Repaired]:
    """Write what is planned, row by row only if it is still as witnessed; by mapping, what became of it.

    Args:
        limit: more rows, or a larger share of a mapping's, are refused (1,000 rows and 5 %).
        budget: of deletes, shared with relay and backfill.
    """
    from reconcile.applying.budget import Budget
    from reconcile.repairing import repair

    return repair.run(plan, planned, limit or repair.LIMIT, budget or Budget(), on_progress or _quiet)


def undo_repair(plan: Plan, planned: str) -> Undone:
    """Take a plan back, by its id: rows that are still as it left them become what they were."""
    from reconcile.repairing import undo

    return undo.run(plan, planned)


def repairs(plan: Plan) -> list[Repair]:
    """Every repair that can be undone or was, the newest first. Writes nothing."""
    from reconcile.repairing import undo

    return undo.listed(plan)


def prune_repairs(plan: Plan, days: float) -> int:
    """Forget the row values that are kept for undoing repairs older than so many days. Returns how many rows."""
    from reconcile.repairing import undo

    return undo.prune(plan, days)


def reconcile(
    plan: Plan,
    name: str,
    *,
    on_progress: OnProgress | None = None,
    chunk_rows: int | None = None,
    strategy: str | None = None,
    rows_per_second: float | None = None,
    accept_normalisation: bool = False,
    patience: Patience | None = None,
    keys: Iterable[Iterable[object]] | None = None,
    incremental: bool = False,
    selftest: bool = False,
    resume: bool = False,
    record: bool = True,
    on_drift: Callable[[tuple[Any, ...]], None] | None = None,
) -> Report:
    """Compare both sides of a mapping. Writes no row of either, and is never clean on an empty, partial or failing pass.

    Args:
        chunk_rows: at most; without it, what suits the strategy.
        strategy: records, hashes, joined, text, sums or rows; without it the cheapest that can tell.
        accept_normalisation: rows that differ only in how texts write the same (composed letters, blanks at the end) are no
            drift.
        patience: how long to wait for rows that are being written; without it, `stuck_after` is the file's.
        keys: only these; such a pass is not recorded.
        incremental: only keys that were captured since the last clean pass. Refused where that is not known.
        selftest: first prove on a copy of some rows that planted drift is found; if it is not, the pass is worth nothing.
        resume: go on where the newest pass stopped, if it was cut off less than a day ago. Whoever is still at it is stopped.
        record: keep the verdict in the state database (`passes`).
        on_drift: told the key of every drifted row, as it is found; the report has the first 1,000.
    """
    from contextlib import suppress
    from secrets import randbits, token_hex

    from reconcile.comparing import passes
    from reconcile.comparing.compare import Options
    from reconcile.comparing.recheck import Patience
    from reconcile.jobs import marks
    from strangler.core.errors import DatabaseError

    patience = patience or Patience(stuck=plan.stuck_after)
    options = Options(
        chunk_rows, strategy, randbits(62), rows_per_second, accept_normalisation, patience, selftest, on_drift=on_drift
    )
    tell = on_progress or _quiet
    if keys is not None:
        return passes.check_keys(plan, name, keys, options, tell)
    if not record:
        return passes.unrecorded(plan, name, options, tell)
    with suppress(DatabaseError):  # what is wrong with a database is told by the pass
        marks.look(plan, [name])
    return passes.run(plan, name, options, tell, token_hex(8), resume=resume, incremental=incremental)


def passes(plan: Plan, name: str, *, limit: int = 50) -> list[Passed]:
    """The newest comparisons of a mapping that were recorded, the newest first."""
    from reconcile.comparing import history

    return history.listed(plan, name, limit=limit)


def _quiet(progress: Progress) -> None:
    pass


def install_capture(plan: Plan, names: Iterable[str] = (), *, print_sql: bool = False, side: Owner | None = None) -> list[Script]:
    """Have every change of these mappings (all, without names) captured in their owner's database. What is installed stays.

    With `side` in that one's, whoever owns: before a cutover both are captured. Returns what was run; with `print_sql` what
    would be. Raises Refusal for a table that cannot be captured.
    """
    from reconcile.capturing import install

    chosen = _by_owner(plan, names) if side is None else [(side, tuple(_chosen(plan, names)))]
    return [script for where, some in chosen for script in install.install(plan, some, print_sql=print_sql, side=where)]


def capture_status(plan: Plan, names: Iterable[str] = ()) -> list[CaptureStatus]:
    """How capture stands, per mapping, in the owner's database."""
    from reconcile.capturing import status

    return [found for side, some in _by_owner(plan, names) for found in status.status(plan, some, side=side)]


def pause_capture(plan: Plan, names: Iterable[str] = ()) -> list[str]:
    """The kill switch: triggers write nothing from the next statement on. Returns the feeds; their mappings are unknown now."""
    from reconcile.capturing import install

    return [feed for side, some in _by_owner(plan, names) for feed in install.pause(plan, some, side=side)]


def resume_capture(plan: Plan, names: Iterable[str] = (), *, side: Owner | None = None) -> list[str]:
    """Capture again; the mappings stay unknown until a full pass was clean. Returns the feeds. `side` as `install_capture`."""
    from reconcile.capturing import install

    chosen = _by_owner(plan, names) if side is None else [(side, tuple(_chosen(plan, names)))]
    return [feed for where, some in chosen for feed in install.resume(plan, some, side=where)]


def remove_capture(plan: Plan, names: Iterable[str] = (), *, discard: bool = False, print_sql: bool = False) -> list[Script]:
    """Take capture out of both databases, whoever owns them now. An outbox with rows stays, unless they are to be discarded."""
    from reconcile.capturing import install

    chosen = tuple(names) or None
    scripts = [install.remove(plan, chosen, discard=discard, print_sql=print_sql, side=side) for side in ("old", "new")]
    return [script for some in scripts for script in some]


def resume(plan: Plan, name: str, deletes: int = 0) -> None:
    """Go on with a mapping whose deletions were over the budget: from now on so many rows may go within the hour, whatever the
    budget says. Raises UsageError for a negative number."""
    from reconcile.applying.deletions import resume
    from reconcile.owning.direction import opened_from_owner

    with opened_from_owner(plan, name) as (pair, _):
        resume(pair.target.database, name, deletes)


def owners(plan: Plan, names: Iterable[str] = ()) -> dict[str, Ownership]:
    """Who owns each mapping: the side that applications may write. Raises Refusal if the two databases disagree."""
    from reconcile.owning.ownership import agreed

    return {name: agreed(plan, name) for name in _chosen(plan, names)}


def owners_said(plan: Plan, names: Iterable[str] = ()) -> dict[str, tuple[Ownership, Ownership]]:
    """What the old database says of each mapping, and what the new one says. They differ in the middle of a cutover."""
    from reconcile.owning.sides import said

    return {name: said(plan, name) for name in _chosen(plan, names)}


def settle_owner(plan: Plan, name: str, owner: str) -> Ownership:
    """Finish a move that was cut off, so that both databases say the same. Raises Refusal if they do: moving is a cutover."""
    from reconcile.owning.sides import settle

    return settle(plan, name, owner)


def _by_owner(plan: Plan, names: Iterable[str]) -> list[tuple[Owner, tuple[str, ...]]]:
    from reconcile.owning.sides import by_owner

    return list(by_owner(plan, names).items())


def _chosen(plan: Plan, names: Iterable[str]) -> list[str]:
    wanted = {plan.mapping(name).name for name in names} or set(plan.names)
    return [name for name in plan.names if name in wanted]


def relay(
    plan: Plan,
    names: Iterable[str] = (),
    *,
    stop: Event | None = None,
    once: bool = False,
    until_idle: bool = False,
    on_step: Callable[[Step], None] | None = None,
) -> None:
    """Copy what was captured of these mappings (all, without names), until told to stop. Any number of relays may run at once.

    Args:
        once: one round only.
        until_idle: until nothing is on its way any more. Raises Refusal if something is that no waiting will move.
        on_step: told of each round.
    """
    from reconcile.jobs import rounds

    rounds.run(plan, tuple(names), rounds.until(once, until_idle), stop or Event(), on_step or _ignore)


def standings(plan: Plan, names: Iterable[str] = ()) -> list[Standing]:
    """How each mapping stands (owner, capture, relay, backfill, last verdict), and what to do next. Writes nothing."""
    from reconcile.jobs import look

    return look.standings(plan, names)


def render_html(plan: Plan, reports: Iterable[Report], *, now: float, values: bool = False) -> str:
    """Reports as a page that stands alone, with the verdicts so far. `now` in seconds since 1970."""
    from reconcile.jobs import verdicts
    from reconcile.reports import html

    sheets = [html.Sheet(report.document(values=values), verdicts.past(plan, report.mapping)) for report in reports]
    return html.render(sheets, now=now, title=Path(plan.file).name)


def dead_letters(plan: Plan, names: Iterable[str] = ()) -> list[Letter]:
    """Keys that the relay has given up, oldest first. They stay until they are retried, skipped, or change again."""
    from reconcile.relaying import dead

    return list(dead.list(plan, tuple(names)))


def show_dead(plan: Plan, name: str, key: tuple[Any, ...]) -> Letter:
    """One dead letter. Raises UsageError if there is none with this key."""
    from reconcile.relaying import dead

    return dead.show(plan, name, key)


def retry_dead(plan: Plan, name: str, key: tuple[Any, ...] | None = None) -> int:
    """Try one of a mapping's dead letters again, or all. Returns how many."""
    from reconcile.relaying import dead

    return dead.retry(plan, name, key)


def skip_dead(plan: Plan, name: str, key: tuple[Any, ...], reason: str, actor: str) -> Letter:
    """Let a dead letter go. Its row is drift until it changes again, or is repaired; who did it and why is kept."""
    from reconcile.relaying import dead

    return dead.skip(plan, name, key, reason, actor)


def skipped_dead(plan: Plan, names: Iterable[str] = ()) -> list[Skipped]:
    """Dead letters that somebody let go, the latest first."""
    from reconcile.relaying import dead

    return list(dead.skipped(plan, tuple(names)))


def _ignore(step: Step) -> None:
    pass
