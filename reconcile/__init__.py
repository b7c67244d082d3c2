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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reconcile.budget import Budget
    from reconcile.mapping import Plan
    from reconcile.report import Counts, Progress, Report
    from strangler.core.errors import Problem

OnProgress = Callable[["Progress"], None]


def load(path: str | Path, environ: Mapping[str, str]) -> Plan:
    """Read a mappings file; ``${NAME}`` is filled in from `environ`. Raises ConfigError with every problem."""
    from reconcile.file import read

    return read(path, environ).plan


def mapping_names(path: str | Path) -> tuple[str, ...]:
    """The names of a file's mappings, whatever else is wrong with it. Raises ConfigError if it is not YAML."""
    from reconcile.file import mapping_names

    return mapping_names(path)


def check(path: str | Path, environ: Mapping[str, str]) -> list[Problem]:
    """Everything wrong with a mappings file, and with it and the live schemas; an empty list if nothing is."""
    from reconcile.doctor import check

    return check(path, environ)


def backfill(
    plan: Plan, name: str, *, on_progress: OnProgress | None = None, chunk_rows: int | None = None, budget: Budget | None = None
) -> Counts:
    """Make the new side of a mapping say what the old side says: every row inserted, updated or deleted that needs it."""
    from reconcile import walk
    from reconcile.budget import Budget
    from reconcile.pair import opened_pair

    with opened_pair(plan, name) as pair:
        return walk.backfill(pair, chunk_rows or walk.CHUNK_ROWS, budget or Budget(), on_progress or _quiet)


def apply(plan: Plan, name: str, keys: Iterable[tuple[Any, ...]], *, budget: Budget | None = None) -> Counts:
    """The same for a few keys, each a tuple; parts may be text as someone typed them."""
    from reconcile import walk
    from reconcile.budget import Budget
    from reconcile.pair import opened_pair

    with opened_pair(plan, name) as pair:
        return walk.apply_keys(pair, [pair.old.parse_key(key) for key in keys], budget or Budget())


def reconcile(plan: Plan, name: str, *, on_progress: OnProgress | None = None, chunk_rows: int | None = None) -> Report:
    """Compare both sides of a mapping once. Never writes, and is never clean on an empty, partial or failing pass."""
    from reconcile.compare import compare
    from reconcile.pair import opened_pair
    from reconcile.walk import CHUNK_ROWS

    with opened_pair(plan, name) as pair:
        return compare(pair, chunk_rows or CHUNK_ROWS, on_progress or _quiet)


def _quiet(progress: Progress) -> None:
    pass
