"""A pass from its beginning to its record: opened, compared, remembered, and gone on with after a kill."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from secrets import token_hex

from reconcile.comparing import history
from reconcile.comparing.compare import OnCheckpoint, Options, Start, compare
from reconcile.comparing.history import Record
from reconcile.comparing.tally import KEYS_KEPT, Tally
from reconcile.databases.chunk import Key
from reconcile.databases.database import Database, opened
from reconcile.databases.pair import Pair, opened_pair
from reconcile.mapping.canonical import key_text
from reconcile.mapping.model import Mapping, Plan
from reconcile.reports.report import Progress, Report, Verdict
from strangler.core.errors import DatabaseError, Refusal

OnProgress = Callable[[Progress], None]


def run(
    plan: Plan,
    name: str,
    options: Options,
    on_progress: OnProgress,
    token: str,
    *,
    resume: bool = False,
    incremental: bool = False,
) -> Report:
    """One pass, recorded. A record that cannot be kept is said in the report, and is no reason not to make one."""
    with opened_pair(plan, name) as pair, opened(plan.databases, history.place(plan, name)) as (database,):
        untested = _untested(pair, options, token)
        if untested is not None:
            return untested
        if incremental and not _stands_on_clean(database, pair.mapping):
            return _ended(pair, "no full pass was clean since the mapping was written: make one", Refusal.exit_code)
        try:
            record, start = _begin(database, pair, token, resume=resume, full=not incremental)
        except (DatabaseError, Refusal) as error:
            return _unrecorded(compare(pair, options, on_progress, changed=incremental), error)
        report = compare(pair, options, on_progress, start=start, changed=incremental, on_checkpoint=_checkpoints(record))
        return _finished(record, report, pair.mapping.definition)


def check_keys(
    plan: Plan, name: str, keys: Iterable[Iterable[object]] | None, options: Options, on_progress: OnProgress
) -> Report:
    """Only some rows, as a person or a cutover asks for them. Nothing is recorded: it says nothing about the others."""
    with opened_pair(plan, name) as pair:
        parsed = [pair.source.parse_key(tuple(key)) for key in keys or ()]
        return compare(pair, options, on_progress, keys=parsed)


def _untested(pair: Pair, options: Options, token: str) -> Report | None:
    """A pass that ended before it began, since it would not have found what was planted; None if it would, or nobody asked."""
    if not options.selftest:
        return None
    from reconcile.comparing import selftest  # which few passes need

    try:
        found = selftest.run(pair, options, token)
    except DatabaseError as error:
        return _ended(pair, f"self-test: {error}")
    return None if found.passed else _ended(pair, str(found))


def _stands_on_clean(database: Database, mapping: Mapping) -> bool:
    """Only a clean full pass, of the mapping as it is now, says that what did not change since is equal."""
    last = history.latest(database, mapping.name, full=True)
    return last is not None and last.verdict is Verdict.CLEAN and last.definition == mapping.definition


def _ended(pair: Pair, failure: str, exit_code: int = DatabaseError.exit_code) -> Report:
    return Report(pair.mapping.name, str(pair.source), str(pair.target), failure=failure, exit_code_of_failure=exit_code)


def unrecorded(plan: Plan, name: str, options: Options, on_progress: OnProgress) -> Report:
    """One full pass that leaves no trace."""
    with opened_pair(plan, name) as pair:
        return _untested(pair, options, token_hex(8)) or compare(pair, options, on_progress)


def _begin(database: Database, pair: Pair, token: str, *, resume: bool, full: bool) -> tuple[Record, Start]:
    name, definition = pair.mapping.name, pair.mapping.definition
    found = history.go_on(database, name, token, definition=definition) if resume and full else None
    if found is None:
        return history.begin(database, name, token, full=full, definition=definition), Start()
    record, progress = found
    keys = [pair.source.parse_key_text(text) for text in progress.keys]
    low = pair.source.parse_key_text(progress.low)
    return record, Start(low, progress.old_rows, progress.new_rows, progress.chunks, keys)


def _checkpoints(record: Record) -> OnCheckpoint:
    def checkpoint(low: Key, tally: Tally, suspects: Collection[Key]) -> None:
        if len(tally.found) <= KEYS_KEPT:
            keys = [key_text(key) for key in (*tally.found, *suspects)]
            record.checkpoint(history.Progress(key_text(low), tally.old_rows, tally.new_rows, tally.chunks, keys))

    return checkpoint


def _finished(record: Record, report: Report, definition: str) -> Report:
    try:
        record.finish(report, definition)
    except (DatabaseError, Refusal) as error:
        return _unrecorded(report, error)
    return report


def _unrecorded(report: Report, error: Exception) -> Report:
    return replace(report, notes={**report.notes, f"pass could not be recorded: {error}": 1})
