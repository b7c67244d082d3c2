"""Commands that write the other side: backfill, and single keys by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.cli import options, screen
from strangler.core.errors import UsageError
from strangler.core.units import Share

if TYPE_CHECKING:
    from reconcile.backfilling.walk import Backfilled
    from reconcile.mapping.model import Plan


@click.command(help="Make the other side say what the owner's says: the named mappings, or all. Safe to repeat and to interrupt.")
@options.mappings
@options.file
@options.chunk
@click.option("--rate", type=click.FloatRange(0), help="At most so many rows a second, 0 for no limit; else as `throttle` says.")
@click.option(
    "--behind",
    nargs=3,
    type=(str, str, float),
    metavar="DATABASE SQL NUMBER",
    help="Wait while SQL, asked of a database between chunks, gives more (a replica's lag, say); else as `throttle` says.",
)
@click.option("--restart", is_flag=True, help="Begin anew, rather than where the last one stopped.")
@click.option("--skip", type=click.IntRange(0), default=0, show_default=True, help="Pass over at most so many bad rows.")
@click.option("--pause", is_flag=True, help="Let the backfill that runs wait, and do nothing else.")
@click.option("--continue", "go_on", is_flag=True, help="Let a paused backfill go on, and do nothing else.")
@options.budget
@options.json
@click.pass_context
def backfill(
    context: click.Context, /, names: tuple[str, ...], path: str, pause: bool, go_on: bool, as_json: bool, **how: Any
) -> None:
    plan = options.load(path)
    if pause or go_on:
        _tell(plan, options.chosen(plan, names), pause)
        return
    bar = screen.ProgressLine(quiet=as_json)
    with screen.stopping() as stop:
        done = api.backfill_all(plan, names, on_progress=bar, stop=stop, **_conduct(plan, **how))
    bar.end()
    if as_json:
        screen.show_json({"mappings": [_document(name, found) for name, found in done.items()]})
    else:
        _show_backfilled(done)
    context.exit(0 if all(found.state != "stopped" and not found.skipped for found in done.values()) else 3)


def _document(name: str, found: Backfilled) -> dict[str, Any]:
    return {"mapping": name, "state": found.state, **found.counts.document(), "skipped": dict(found.skipped)}


def _tell(plan: Plan, names: tuple[str, ...], pause: bool) -> None:
    for name in names:
        (api.pause_backfill if pause else api.continue_backfill)(plan, name)
        click.echo(f"{name}: {'waits after the chunk it is at' if pause else 'goes on'}")


def _conduct(
    plan: Plan,
    rate: float | None,
    behind: tuple[str, str, float] | None,
    max_deletes: int,
    max_delete_share: Share,
    **others: Any,
) -> dict[str, Any]:
    if behind is not None and behind[0] not in plan.databases:
        raise UsageError(f"--behind: {behind[0]!r} is not one of `databases` in {plan.file}: {', '.join(plan.databases)}")
    budget = options.make_budget(max_deletes, max_delete_share)
    return {"rows_per_second": rate, "behind": behind and api.behind_by_sql(plan, *behind), "budget": budget, **others}


def _show_backfilled(done: Mapping[str, Backfilled]) -> None:
    for name, found in done.items():
        screen.show_counts(name, found.counts)
        for key, why in found.skipped.items():
            click.echo(f"  passed over {key}: {why}")
        if found.state == "waiting":
            click.echo(f"  {len(found.deferred):,} wait for rows of other mappings, and are left to the relay")
        if found.state == "stopped":
            click.echo(screen.as_typed(f"  stopped as asked: `backfill {name}` goes on from here"))


@click.command(help="Bring single rows up to date. The parts of a composite KEY are separated by commas.")
@click.argument("mapping")
@click.argument("keys", nargs=-1, required=True, metavar="KEY...")
@options.file
@options.budget
@options.json
def apply(mapping: str, keys: tuple[str, ...], path: str, max_deletes: int, max_delete_share: Share, as_json: bool) -> None:
    plan = options.load(path)
    budget = options.make_budget(max_deletes, max_delete_share)
    counts = api.apply(plan, mapping, options.split_keys(plan, mapping, keys), budget=budget)
    if as_json:
        screen.show_json({"mapping": mapping, **counts.document()})
    else:
        screen.show_counts(mapping, counts)
