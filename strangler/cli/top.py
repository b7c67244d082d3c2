"""`strangler top`: what `status` shows, live, until q or Ctrl-C."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from strangler.cli.options import config_option
from strangler.cli.status import chosen, loaded
from strangler.cli.status_screen import overview
from strangler.cli.terminal import clean, console
from strangler.cli.top_keys import Keys
from strangler.cli.top_watch import Watch
from strangler.core.errors import UnreachableError, UsageError
from strangler.core.units import Seconds, format_duration, parse_duration

LEAST = 0.1  # seconds between two looks


def _interval(context: click.Context, parameter: click.Parameter, value: str) -> Seconds:
    try:
        seconds = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if seconds < LEAST:
        raise click.BadParameter(f"{value} is too short: 100ms or more")
    return seconds


@click.command("top")
@click.argument("route", metavar="[ROUTE|@GROUP]", required=False)
@click.option("--interval", default="1s", show_default=True, callback=_interval, help="Between two looks.")
@click.option("--all", "everything", is_flag=True, help="Every route, also those with nothing to do, and those in groups.")
@config_option
def command(route: str | None, interval: Seconds, everything: bool, path: Path) -> None:
    """Watch every route: traffic as it comes, agreement, latency, verdicts. q or Ctrl-C ends it.

    Exit code 4 if nobody serves the file.
    """
    terminal = console()
    if not terminal.is_terminal or terminal.is_dumb_terminal:
        raise UsageError("top needs a terminal that it can draw on: `strangler status` prints the same once")
    config = loaded(path)
    chosen(config, route)
    with Watch(config, path, lambda now: chosen(now, route)) as watch:
        if not watch.look().proxy.workers:
            raise UnreachableError(f"nobody serves {path}: start `strangler serve`; `strangler status` shows what is known")
        try:
            _show(terminal, watch, path, interval, everything or route is not None)
        except KeyboardInterrupt:
            return


def _show(terminal: Console, watch: Watch, path: Path, interval: Seconds, everything: bool) -> None:
    """Draw until somebody quits. A terminal that takes long gets the time it takes."""
    with Keys() as keys, Live(console=terminal, screen=True, auto_refresh=False) as live:
        while True:
            begun = time.monotonic()
            live.update(_screen(watch, path, terminal.width, interval, everything), refresh=True)
            took = time.monotonic() - begun
            if keys.wait(max(interval - took, took, LEAST)) in ("q", "Q"):
                return


def _screen(watch: Watch, path: Path, width: int, interval: Seconds, everything: bool) -> Group:
    seen = watch.look()
    clock = time.strftime("%H:%M:%S UTC", time.gmtime(seen.now))
    title = Text(clean(f"strangler top  {clock}  every {format_duration(interval)}, q quits"), "dim", no_wrap=True)
    return Group(title, *overview(seen, path, width, everything=everything))
