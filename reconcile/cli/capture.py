"""`capture`: the triggers that write down which keys change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import reconcile as api
from reconcile.cli import options, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconcile.capturing.script import Script
    from reconcile.capturing.status import CaptureStatus
    from reconcile.owning.ownership import Owner

_print_sql = click.option("--print-sql", is_flag=True, help="Print what would be run, for the DBA, and run nothing.")
_side = click.option(
    "--side", type=click.Choice(["old", "new"]), help="In this side's database, for a cutover to come; by itself: in the owner's."
)


@click.group(help="Triggers in the owner's database that write down which keys change: install, look at, pause, remove.")
def capture() -> None:
    pass


@capture.command(help="Capture every change from now on. Repeat it at will: what is installed stays.")
@options.mappings
@options.file
@_print_sql
@_side
def install(names: tuple[str, ...], path: str, print_sql: bool, side: Owner | None) -> None:
    scripts = api.install_capture(options.load(path), names, print_sql=print_sql, side=side)
    _show_scripts(scripts, print_sql, "installed", "everything is installed already")


@capture.command(help="Whether every change is captured, since when, and what waits. Exit 3 if a mapping is unknown.")
@options.mappings
@options.file
@options.json
@click.pass_context
def status(context: click.Context, names: tuple[str, ...], path: str, as_json: bool) -> None:
    found = api.capture_status(options.load(path), names)
    if as_json:
        screen.show_json([each.document() for each in found])
    else:
        _show_status(found)
    context.exit(0 if all(each.known for each in found) else 3)


@capture.command(help="The kill switch: triggers write nothing until `resume`. What is written meanwhile is not captured.")
@options.mappings
@options.file
def pause(names: tuple[str, ...], path: str) -> None:
    for feed in api.pause_capture(options.load(path), names) or ["nothing: no feed was on"]:
        click.echo(f"paused {feed}")


@capture.command(help="Capture again. The mappings stay unknown until a `reconcile` was clean.")
@options.mappings
@options.file
@_side
def resume(names: tuple[str, ...], path: str, side: Owner | None) -> None:
    for feed in api.resume_capture(options.load(path), names, side=side) or ["nothing: no feed was paused"]:
        click.echo(f"resumed {feed}")


@capture.command(help="Take it out of both databases; with the last feed the toolkit's own tables go too.")
@options.mappings
@options.file
@_print_sql
@click.option("--discard", is_flag=True, help="Also drop outbox rows that nobody relayed yet.")
def remove(names: tuple[str, ...], path: str, print_sql: bool, discard: bool) -> None:
    scripts = api.remove_capture(options.load(path), names, discard=discard, print_sql=print_sql)
    _show_scripts(scripts, print_sql, "removed", "there is nothing to remove")


def _show_scripts(scripts: Sequence[Script], print_sql: bool, done: str, nothing: str) -> None:
    for script in scripts:
        click.echo(script.text if print_sql else f"{done} {script.subject} in database {script.database}")
    if not scripts:
        click.echo(f"-- {nothing}" if print_sql else nothing)


def _show_status(found: Sequence[CaptureStatus]) -> None:
    rows = []
    for each in found:
        states = ", ".join(sorted({feed.state for feed in each.feeds}))
        rows.append((each.mapping, "known" if each.known else "unknown", states, f"{each.waiting:,}", screen.ago(each.heartbeat)))
    screen.show_table(("mapping", "changes", "triggers", "waiting", "heartbeat"), rows)
    whys: dict[str, list[str]] = {}
    for each in found:
        if not each.known:
            whys.setdefault(each.why, []).append(each.mapping)
    for why, names in whys.items():
        click.echo(f"{', '.join(names)}: {why}")
    for note in dict.fromkeys(f"{feed.feed}: {blind}" for each in found for feed in each.feeds for blind in feed.blind):
        click.echo(f"note: {note}; only a `reconcile` or a sweep sees it")
    if any(not each.known and {feed.state for feed in each.feeds} == {"installed"} for each in found):
        click.echo(screen.as_typed("Next: `backfill`, then `reconcile`; from a clean pass on, every change is known"))
