"""The commands: parse, call, print. `strangler` mounts `data`; `python -m reconcile` is the same on its own."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from strangler.core.errors import ConfigError, StranglerError, UsageError
from strangler.core.units import Share, parse_percent

if TYPE_CHECKING:
    from reconcile.budget import Budget
    from reconcile.report import Counts, Progress


def _share(context: click.Context, parameter: click.Parameter, words: str) -> Share:
    try:
        return parse_percent(words)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


_file = click.option("-c", "--config", "path", default="mappings.yaml", show_default=True, metavar="FILE", help="The mappings.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_size = click.IntRange(1, 100_000)
_chunk = click.option("--chunk", "chunk_rows", type=_size, default=1000, show_default=True, help="Rows per chunk.")
_budget = _options(
    click.option("--max-deletes", type=click.IntRange(0), default=50, show_default=True, help="Delete at most so many rows."),
    click.option("--max-delete-share", default="5%", show_default=True, callback=_share, help="And at most this share of them."),
)


@click.group(help="Move the data: one mapping describes it, everything goes by it.")
def data() -> None:
    pass


@data.command(help="Read the mappings and look at both schemas; list every problem.")
@_file
@_json
@click.pass_context
def check(context: click.Context, path: str, as_json: bool) -> None:
    problems = api.check(path, os.environ)
    errors = sum(not problem.warning for problem in problems)
    if as_json:
        fields = ("line", "column", "path", "message", "warning")
        _print([{field: getattr(problem, field) for field in fields} for problem in problems])
    else:
        for problem in problems:
            click.echo(problem.render(path))
        click.echo(_sum_up(path, errors, len(problems) - errors))
    context.exit(2 if errors else 0)


@data.command(help="Make the new side say what the old side says. Safe to repeat and to interrupt.")
@click.argument("mapping")
@_file
@_chunk
@_budget
@_json
def backfill(mapping: str, path: str, chunk_rows: int, max_deletes: int, max_delete_share: Share, as_json: bool) -> None:
    plan = api.load(path, os.environ)
    bar = _Progress(quiet=as_json)
    counts = api.backfill(
        plan, mapping, on_progress=bar, chunk_rows=chunk_rows, budget=_make_budget(max_deletes, max_delete_share)
    )
    bar.end()
    _print_counts(mapping, counts, as_json)


@data.command(help="Bring single rows up to date. The parts of a composite KEY are separated by commas.")
@click.argument("mapping")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@_file
@_budget
@_json
def apply(mapping: str, keys: tuple[str, ...], path: str, max_deletes: int, max_delete_share: Share, as_json: bool) -> None:
    plan = api.load(path, os.environ)
    parts = len(plan.mapping(mapping).source.key)
    split = [(key,) if parts == 1 else tuple(next(csv.reader([key]))) for key in keys]
    counts = api.apply(plan, mapping, split, budget=_make_budget(max_deletes, max_delete_share))
    _print_counts(mapping, counts, as_json)


@data.command(help="Compare both sides once. Exit 0: clean; 3: drift, or cannot say; 5: a database failed.")
@click.argument("mapping")
@_file
@_chunk
@_json
@click.option("--values", is_flag=True, help="Show what differing rows hold; masked without it.")
@click.pass_context
def reconcile(context: click.Context, mapping: str, path: str, chunk_rows: int, as_json: bool, values: bool) -> None:
    plan = api.load(path, os.environ)
    bar = _Progress(quiet=as_json)
    report = api.reconcile(plan, mapping, on_progress=bar, chunk_rows=chunk_rows)
    bar.end()
    if as_json:
        _print(report.document(values=values))
    else:
        click.echo("\n".join(report.lines(values=values)))
    context.exit(report.exit_code)


class _Progress:
    """One line on a terminal that is written over; nothing where the output is kept."""

    def __init__(self, *, quiet: bool) -> None:
        self.shown = False
        self.quiet = quiet or not sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if not self.quiet:
            self.shown = True
            click.echo(
                f"\r{progress.mapping}: {progress.rows:,} of {progress.total:,} rows, {progress.share:.0%} ", err=True, nl=False
            )

    def end(self) -> None:
        if self.shown:
            click.echo(err=True)


def _make_budget(rows: int, share: Share) -> Budget:
    from reconcile.budget import Budget

    return Budget(rows, share)


def _sum_up(path: str, errors: int, warnings: int) -> str:
    if not errors and not warnings:
        return f"{path}: no problems"
    return f"{path}: {errors} problem{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"


def _print_counts(mapping: str, counts: Counts, as_json: bool) -> None:
    if as_json:
        _print({"mapping": mapping, **counts.document()})
        return
    click.echo(f"{mapping}: {counts}")
    for text, count in counts.notes.items():
        click.echo(f"  note: {count:,} {text}")


def _print(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


@click.group(name="reconcile", commands=data.commands, help=data.help)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def command(context: click.Context, debug: bool) -> None:
    context.obj = debug


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; errors are one line each unless --debug stands before the command."""
    found = sys.argv[1:] if arguments is None else arguments
    debug = bool(found) and found[0] == "--debug"
    try:
        return int(command.main(found, prog_name="python -m reconcile", standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What was committed stays; run it again to go on.", err=True)
        return 1
    except StranglerError as error:
        if debug:
            raise
        # Problems of a file stand alone, as FILE:LINE:COLUMN, so that editors and terminals can jump to them.
        click.echo(error if isinstance(error, ConfigError) else f"Error: {error}", err=True)
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        click.echo(f"Error: {type(error).__name__}: unexpected; run again with --debug before the command to see where", err=True)
        return StranglerError.exit_code
