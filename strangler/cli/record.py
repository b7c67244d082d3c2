"""`strangler record`: what passes a running proxy, into a file that browsers, mitmproxy and `strangler replay` open."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.live import Live
from rich.text import Text

from strangler.cli.admin_api import lines
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.record_live import Unsaved, line_of
from strangler.cli.record_screen import Told, progress, summary
from strangler.cli.terminal import clean, console
from strangler.config.load import load
from strangler.control.recording.order import headers_of, routes_of
from strangler.core.errors import Refusal, StranglerError, UnreachableError, UsageError
from strangler.core.units import parse_duration, parse_percent, parse_size
from strangler.traffic.har_reading import entry_of
from strangler.traffic.saving import Saving

_FLUSH = 1.0  # seconds
_PARSERS = {"sample": parse_percent, "for": parse_duration, "size": parse_size, "max_body": parse_size}


def _unit(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """As it is written, once it is known to be right."""
    try:
        if value is not None:
            _PARSERS[{"seconds": "for"}.get(parameter.name or "", parameter.name or "")](value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


@click.command("record")
@click.argument("routes", nargs=-1, metavar="[ROUTE|@GROUP]…")
@click.option("-o", "--output", "output", type=click.Path(path_type=Path), help="FILE.har, or FILE.flows for mitmproxy.")
@click.option("--live", is_flag=True, help="Show a line for each exchange as it passes, with a file or without.")
@click.option("--sample", metavar="P", callback=_unit, help="Record a part of the requests: 5%, say. All if not given.")
@click.option("--for", "seconds", metavar="T", default="10m", show_default=True, callback=_unit, help="End after this time.")
@click.option("--size", metavar="S", default="100MiB", show_default=True, callback=_unit, help="End when it is this large.")
@click.option("--count", type=click.IntRange(1, 10**9), metavar="N", help="End after so many exchanges.")
@click.option("--max-body", metavar="S", default="1MiB", show_default=True, callback=_unit, help="Keep no larger body.")
@click.option(
    "--keep", multiple=True, metavar="header:NAME", help="Keep this header AS IT IS, with its secrets. May be repeated."
)
@config_option
@json_option
def command(
    routes: Sequence[str],
    output: Path | None,
    live: bool,
    sample: str | None,
    seconds: str,
    size: str,
    count: int | None,
    max_body: str,
    keep: Sequence[str],
    path: Path,
    as_json: bool,
) -> None:
    """Record what passes the running proxy: requests and the answers that clients got, at whatever stage their routes are.

    Without a ROUTE everything is recorded, also what no route matches. Secrets are replaced by the same tokens as in the stored
    evidence, so the file can be shown; --keep leaves a header as it is. Clients are not slowed down: what is too much is missed,
    and counted. Ends at the first limit, or with Ctrl-C; the file is whole then, and nobody else may read it.

    Exit code 3 if nothing came by, 4 if the proxy went away before the end: the file has what came until then.

    \b
    strangler record -o monday.har --for 10m
    strangler record @orders --sample 5% --count 1000 -o orders.har
    strangler record read-order --live
    """
    if output is None and not live:
        raise UsageError("say where to: -o FILE.har, or --live to look on")
    if live and as_json:
        raise UsageError("--live shows lines and --json prints one document: take one of them")
    config = load(path, environment())
    routes_of(config, routes)
    headers_of(keep)
    asked = {"routes": ",".join(routes), "for": seconds, "size": size, "max_body": max_body, "keep": ",".join(keep)}
    asked |= {"sample": sample} if sample else {}
    asked |= {"count": str(count)} if count else {}
    if keep:
        where = "be shown" if output is None else f"stand in {clean(str(output))}"
        click.echo(f"strangler: {', '.join(keep)} will {where} AS IT IS: whoever has that can use it", err=True)
    saving, told = Unsaved() if output is None else Saving(output), Told(time.monotonic(), parse_duration(seconds))
    failure: StranglerError | None = None
    try:
        with _signals_heeded() as ending, lines(config, "/api/recordings", asked) as found:
            _follow(found, saving, told, ending, live)
    except KeyboardInterrupt:
        told.why = "you"
    except StranglerError as error:
        failure = error
    saving.close()
    _say(told, saving, failure, as_json)


def _follow(found: Iterator[dict[str, Any]], saving: Saving | Unsaved, told: Told, ending: list[int], shown: bool) -> None:
    """Write what comes, until the end, and show it if that is wanted. Raises StranglerError."""
    terminal = console()
    flushed = time.monotonic()
    with Live(Text(), console=terminal, auto_refresh=False, transient=True) as live:
        for line in found:
            if "entry" in line:
                entry = entry_of(line["entry"])
                saving.add(entry)
                if shown:
                    terminal.print(line_of(entry), soft_wrap=True)
            elif "error" in line:
                raise Refusal(clean(str(line["error"])))
            else:
                told.hear(line)
            if "beat" in line or time.monotonic() - flushed > _FLUSH:
                saving.flush()
                flushed = time.monotonic()
                if terminal.is_terminal:
                    live.update(progress(told, saving, flushed), refresh=True)
            if ending:
                told.why = "you"
            if told.why:
                return
    raise UnreachableError("the proxy went away")


@contextmanager
def _signals_heeded() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM, as they come: never in the middle of an entry. Whoever says it twice is not made to wait."""
    heard: list[int] = []

    def hear(number: int, _: object) -> None:
        if heard:
            raise KeyboardInterrupt
        heard.append(number)

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(told: Told, saving: Saving | Unsaved, failure: StranglerError | None, as_json: bool) -> None:
    if failure is not None and not (saving.number and isinstance(failure, UnreachableError)):
        raise failure
    if as_json:
        click.echo(json.dumps(told.plain(saving) | {"error": str(failure) if failure else None}))
    elif saving.number:
        for line in summary(told, saving, time.monotonic()):
            click.echo(line)
    if failure is not None:
        raise UnreachableError(f"{failure}: {saving.path} has what came until then" if saving.path else str(failure))
    if not saving.number:
        made = f"; {saving.path} is not made" if saving.path else ""
        raise Refusal(f"nothing was recorded: no such request came by{made}")
