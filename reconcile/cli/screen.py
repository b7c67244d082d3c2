"""What commands print: JSON, counts, tables, and one line of progress."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from reconcile.reports.spoken import spoken

if TYPE_CHECKING:
    from reconcile.reports.report import Counts, Progress


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that what is in hand is finished; a second one ends it at once."""
    stop = threading.Event()

    def ask(number: int, _: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class ProgressLine:
    """One line on a terminal that is written over; nothing where the output is kept."""

    def __init__(self, *, quiet: bool) -> None:
        self.shown = False
        self.quiet = quiet or not sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if not self.quiet:
            self.shown = True
            line = f"{progress.mapping}: {progress.rows:,} of {progress.total:,} rows, {progress.share:.0%}{_pace(progress)}"
            click.echo(f"\r{line[:119]:<119}", err=True, nl=False)

    def end(self) -> None:
        if self.shown:
            click.echo(err=True)


def _pace(progress: Progress) -> str:
    left = "" if progress.seconds_left is None else f", {ago(progress.seconds_left)} left"
    waits = "" if progress.state == "running" else f", {progress.state}"
    return f", {progress.speed:,.0f} rows/s{left}{waits}" if progress.speed else waits


def as_typed(words: str) -> str:
    """Commands that are named between backticks, as they have to be typed by who typed the one that runs."""
    context = click.get_current_context()
    while context.parent is not None and not _is_group(context.command):
        context = context.parent
    return spoken(words, context.command_path)


def _is_group(command: click.Command) -> bool:
    """`strangler data`, or `python -m reconcile`: the command that has the others."""
    return isinstance(command, click.Group) and "backfill" in command.commands


def show_counts(mapping: str, counts: Counts) -> None:
    click.echo(f"{mapping}: {counts}")
    for text, count in counts.notes.items():
        click.echo(f"  note: {count:,} {text}")


def show_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table without lines, as wide as the terminal; as wide as it needs where the output is kept."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = Console(soft_wrap=not sys.stdout.isatty(), highlight=False)
    console.width = console.width if sys.stdout.isatty() else 200
    console.print(table)


def ago(seconds: float | None) -> str:
    """An age as a person says it."""
    if seconds is None:
        return "never"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
