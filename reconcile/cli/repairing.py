"""`repair`: plan, apply, undo."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.cli import options, screen
from strangler.core.errors import UsageError
from strangler.core.units import Share, parse_duration

if TYPE_CHECKING:
    from reconcile.mapping.model import Plan
    from reconcile.repairing.plan import RepairPlan
    from reconcile.reports.report import Report

_DAY = 86400.0


@click.group(help="Make drifted rows what the owner's side says: first a plan to read, then exactly that, and back again.")
def repair() -> None:
    pass


@repair.command(help="What would be written. Compares first, unless there is a report of `reconcile --json` to go by.")
@options.mappings
@options.file
@click.option("--report", type=click.File(encoding="utf-8"), help="The rows of this report (- for standard input).")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the plan goes; else repair-ID.json.")
@options.json
def plan(names: tuple[str, ...], path: str, report: Any, out: Path | None, as_json: bool) -> None:
    rows = options.load(path)
    planned = _of_report(rows, _document(report)) if report else _of_passes(rows, names, quiet=as_json)
    file = out or Path(f"repair-{planned.id}.json")
    if planned.rows:
        api.save_repair(planned, file)
    if as_json:
        screen.show_json({**planned.document(), "file": str(file) if planned.rows else None})
        return
    click.echo(screen.as_typed("\n".join(planned.lines()).replace("`repair apply`", f"`repair apply {file}`")))


def _document(report: Any) -> Any:
    try:
        return json.load(report)
    except ValueError:
        raise UsageError(f"{report.name}: not the JSON of `reconcile --json`") from None


def _of_report(rows: Plan, document: Any) -> RepairPlan:
    return api.plan_repair(rows, api.keys_of_report(document), more=api.more_of_report(document))


def _of_passes(rows: Plan, names: tuple[str, ...], *, quiet: bool) -> RepairPlan:
    """Every row that differs; what a comparison could not say is told, and not taken for nothing to do."""
    bar = screen.ProgressLine(quiet=quiet)

    def tell(report: Report) -> None:
        bar.end()
        if report.why_not_clean:
            click.echo(f"{report.mapping}: {report.why_not_clean}", err=True)

    return api.plan_drift(rows, names, on_report=tell, on_progress=bar)


@repair.command(help="Write what is planned, row by row, where it is still as the plan saw it. Exit 3 if rows were left.")
@click.argument("plan_file", metavar="PLAN")
@options.file
@click.option("--max-rows", type=click.IntRange(1), default=1000, show_default=True, help="Refuse a plan with more rows.")
@click.option("--max-share", default="5%", show_default=True, callback=options.share, help="Or with more of a mapping's rows.")
@options.budget
@options.json
@click.pass_context
def apply(
    context: click.Context, /, plan_file: str, path: str, max_rows: int, max_share: Share, max_deletes: int,
    max_delete_share: Share, as_json: bool,
) -> None:  # fmt: skip
    rows, planned = options.load(path), api.load_repair(plan_file)
    limit, budget = options.make_budget(max_rows, max_share), options.make_budget(max_deletes, max_delete_share)
    bar = screen.ProgressLine(quiet=as_json)
    done = api.repair(rows, planned, limit=limit, budget=budget, on_progress=bar).values()
    bar.end()
    if as_json:
        screen.show_json({"mappings": [each.document() for each in done]})
    else:
        click.echo("\n".join(line for each in done for line in each.lines()))
        click.echo(screen.as_typed(f"`repair undo {planned.id}` takes it back"))
    context.exit(0 if all(each.complete for each in done) else 3)


@repair.command(help="Take a repair back, by its ID: rows that are still as it left them. Exit 3 if some are not.")
@click.argument("plan_id", metavar="ID")
@options.file
@options.json
@click.pass_context
def undo(context: click.Context, plan_id: str, path: str, as_json: bool) -> None:
    done = api.undo_repair(options.load(path), plan_id)
    if as_json:
        screen.show_json(done.document())
    else:
        click.echo("\n".join(done.lines()))
    context.exit(3 if done.left else 0)


@repair.command("list", help="Repairs that can be taken back, or were; the newest first.")
@options.file
@options.json
def list_(path: str, as_json: bool) -> None:
    found = api.repairs(options.load(path))
    if as_json:
        screen.show_json([asdict(each) for each in found])
    elif found:
        rows = [(each.plan, ", ".join(each.mappings), _moment(each.at), str(each.applied), str(each.undone)) for each in found]
        screen.show_table(("plan", "mappings", "when", "applied", "undone"), rows)
    else:
        click.echo("no repairs")


@repair.command(help="Forget the row values that are kept for undoing old repairs.")
@click.option("--older-than", default="30d", show_default=True, help="How old, such as 30d.")
@options.file
def prune(older_than: str, path: str) -> None:
    try:
        days = parse_duration(older_than) / _DAY
    except ValueError as error:
        raise UsageError(f"--older-than: {error}") from None
    click.echo(f"{api.prune_repairs(options.load(path), days):,} rows forgotten")


def _moment(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")
