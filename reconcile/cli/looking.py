"""Commands that only look: check, reconcile."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.cli import options, screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from reconcile.checking.doctor import Examined
    from reconcile.owning.ownership import Ownership
    from reconcile.reports.report import Report

_PROBLEM = ("line", "column", "path", "message", "warning")


@click.command(help="Read the mappings and look at both schemas; list every problem, and which mappings have a way back.")
@options.file
@options.json
@click.pass_context
def check(context: click.Context, path: str, as_json: bool) -> None:
    found = api.examine(path, os.environ)
    errors = sum(not problem.warning for problem in found.problems)
    if as_json:
        problems = [{field: getattr(problem, field) for field in _PROBLEM} for problem in found.problems]
        ways = [{"mapping": name, "two_way": way, "why_not": list(why)} for name, (way, why) in found.ways.items()]
        screen.show_json({"problems": problems, "mappings": ways})
    else:
        for problem in found.problems:
            click.echo(screen.as_typed(problem.render(path)))
        for line in _ways(found):
            click.echo(line)
        click.echo(_sum_up(path, errors, len(found.problems) - errors))
    context.exit(2 if errors else 0)


def _ways(found: Examined) -> Iterator[str]:
    """Whether what is changed on the new side, once it owns the rows, comes back to the old one."""
    for name, (two_way, why) in found.ways.items():
        others = f" (and {len(why) - 1} more)" if len(why) > 1 else ""
        refused = "; a cutover is refused without `one_way: accepted`" if name in found.refused else ""
        yield f"{name}: {'both ways' if two_way else f'not all the way back: {why[0]}{others}{refused}'}"


@click.command(help="Compare both sides of the named mappings, or all. Exit 0: clean; 3: drift, or bad rows; 5: could not check.")
@options.mappings
@options.file
@options.chunk
@click.option("--strategy", help="How: records, hashes, joined, text, sums or rows; by itself the cheapest that can tell.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), help="At most so many rows a second.")
@click.option(
    "--incremental", is_flag=True, help="Only what was captured since the last clean pass; that says less than a full one."
)
@click.option("--self-test", "selftest", is_flag=True, help="First prove on a copy of some rows that planted drift is found.")
@click.option("--resume", is_flag=True, help="Go on where the newest pass was cut off, if that is less than a day ago.")
@click.option(
    "--accept-normalisation", is_flag=True, help="What differs only in how it is spelled (é as one or two) is no drift."
)
@click.option("--values", is_flag=True, help="Show what differing rows hold; masked without it.")
@click.option("--html", "page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page that stands alone, too.")
@options.json
@click.pass_context
def reconcile(
    context: click.Context, /, names: tuple[str, ...], path: str, values: bool, page: Path | None, as_json: bool, **how: Any
) -> None:
    plan = options.load(path)
    reports = []
    for name in options.chosen(plan, names):
        bar = screen.ProgressLine(quiet=as_json)
        reports.append(api.reconcile(plan, name, on_progress=bar, **_conduct(**how)))
        bar.end()
        if not as_json:
            click.echo(screen.as_typed("\n".join(reports[-1].lines(values=values))))
    if as_json:
        screen.show_json({"mappings": [report.document(values=values) for report in reports]})
    if page is not None:
        page.write_text(api.render_html(plan, reports, now=time.time(), values=values), "utf-8")
        click.echo(f"written: {page}", err=True)
    context.exit(_exit_code(reports))


def _conduct(rate: float | None, **others: Any) -> dict[str, Any]:
    return {"rows_per_second": rate, **others}


@click.command(
    help="Which side of each mapping may be written, and how often that moved. It moves by `strangler cutover`. Exit 3: cut off."
)
@options.mappings
@options.file
@options.json
@click.option("--set", "side", type=click.Choice(["old", "new"]), help="Finish a move of the named mappings that was cut off.")
@click.pass_context
def owner(context: click.Context, names: tuple[str, ...], path: str, as_json: bool, side: str | None) -> None:
    plan = options.load(path)
    for name in names if side else ():
        api.settle_owner(plan, name, side or "")
    found = api.owners_said(plan, names)
    if as_json:
        screen.show_json([_owner(name, *said) for name, said in found.items()])
    else:
        rows = [(name, old.owner, str(old.epoch)) if old == new else (name, "?", "?") for name, (old, new) in found.items()]
        screen.show_table(("mapping", "owner", "epoch"), rows)
        for name, (old, new) in found.items():
            if old != new:
                click.echo(f"{name}: {_CUT_OFF.format(old=old, new=new)}")
    context.exit(0 if all(old == new for old, new in found.values()) else 3)


_CUT_OFF = (
    "the old database says {old}, the new one says {new}: a cutover is at it, or was cut off, and nothing is copied meanwhile. "
    "If none is under way, finish it with --set"
)


def _owner(name: str, old: Ownership, new: Ownership) -> dict[str, Any]:
    agreed = old if old == new else None
    said = {side: {"owner": each.owner, "epoch": each.epoch} for side, each in (("old", old), ("new", new))}
    return {"mapping": name, "owner": agreed and agreed.owner, "epoch": agreed and agreed.epoch, "said": said}


def _exit_code(reports: Sequence[Report]) -> int:
    """A finding counts for more than what could not be checked."""
    codes = {report.exit_code for report in reports}
    return 3 if 3 in codes else max(codes, default=0)


def _sum_up(path: str, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{path}: no problems"
    return f"{path}: {errors} problem{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"
