"""Commands around the relay: run it, look after what it has given up, and see how everything stands."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.cli import options, screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconcile.relaying.dead import Skipped
    from reconcile.relaying.relay import Step
    from reconcile.reports.standing import Standing

EVERY = 5.0  # seconds between two lines of a relay that runs
MOST_FATES = 20  # keys that are named; `dead list` and `status` have the others
_FATES = {
    "waiting": "cannot be written, and is tried again later and later",
    "deferred": "waits for a row of another mapping",
    "dead": "given up: `dead list` says why",
}


@click.command(help="Copy what is captured until Ctrl-C. Any number of relays may run at once; `strangler serve` runs one.")
@options.mappings
@options.file
@click.option("--once", is_flag=True, help="One round only.")
@click.option("--until-idle", is_flag=True, help="Until nothing is on its way any more.")
@options.json
def relay(names: tuple[str, ...], path: str, once: bool, until_idle: bool, as_json: bool) -> None:
    plan = options.load(path)
    tally = _Tally(quiet=as_json)
    with screen.stopping() as stop:
        api.relay(plan, options.chosen(plan, names), stop=stop, once=once, until_idle=until_idle, on_step=tally)
    if as_json:
        screen.show_json(tally.document())
    else:
        click.echo(tally.line())


class _Tally:
    """What all rounds did together; now and then a line, and every trouble once."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._told, self._shown, self._last = quiet, set[str](), time.monotonic(), 0
        self._fates = set[tuple[str, str, str]]()
        self._counts = dict.fromkeys(("collected", "done", "inserted", "updated", "deleted", "unchanged"), 0)

    def __call__(self, step: Step) -> None:
        found = {"collected": step.collected, "done": step.done, **step.counts.document()}
        self._counts = {name: count + found[name] for name, count in self._counts.items()}
        for where, words in step.troubles.items():
            if (line := f"{where}: {words}") not in self._told:
                self._told.add(line)
                click.echo(line, err=True)
        for place, state in step.fates.items():
            self._tell_fate(*place, state)
        done = self._counts["done"]  # heartbeats are collected all the time: that is no news
        if not self._quiet and done > self._last and time.monotonic() - self._shown >= EVERY:
            self._shown, self._last = time.monotonic(), done
            click.echo(self.line())

    def _tell_fate(self, mapping: str, key: str, state: str) -> None:
        """Once each: what waits may take minutes, and whoever looks on has to know for what."""
        found = (mapping, key, state)
        if state in _FATES and found not in self._fates and len(self._fates) < MOST_FATES:
            self._fates.add(found)
            click.echo(screen.as_typed(f"{mapping} {key}: {_FATES[state]}"), err=True)

    def line(self) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in self._counts.items())

    def document(self) -> dict[str, Any]:
        return {**self._counts, "troubles": sorted(self._told)}


@click.command(help="Go on with a mapping that was halted because too many rows would have been deleted.")
@click.argument("mapping")
@click.option("--max-deletes", type=click.IntRange(0), default=0, show_default=True, help="So many may go within the next hour.")
@options.file
def resume(mapping: str, path: str, max_deletes: int) -> None:
    api.resume(options.load(path), mapping, max_deletes)
    click.echo(f"{mapping}: goes on; up to {max_deletes:,} rows may be deleted within the hour, beside what the budget allows")


@click.group(help="Dead letters: keys that the relay has given up. They are drift until they are dealt with.")
def dead() -> None:
    pass


@dead.command("list", help="All of them, oldest first. Exit 3 if there are any.")
@options.mappings
@options.file
@options.json
@click.option("--skipped", is_flag=True, help="Those that someone let go instead, and why.")
@click.pass_context
def list_(context: click.Context, names: tuple[str, ...], path: str, as_json: bool, skipped: bool) -> None:
    if skipped:
        _show_skipped(api.skipped_dead(options.load(path), names), as_json)
        return
    found = api.dead_letters(options.load(path), names)
    if as_json:
        screen.show_json([letter.document() for letter in found])
    elif found:
        rows = [(each.mapping, each.key, str(each.attempts), screen.ago(each.age), each.error) for each in found]
        screen.show_table(("mapping", "key", "attempts", "age", "why"), rows)
        click.echo(
            screen.as_typed("Next: mend what is said there, then `dead retry MAPPING`; or `dead skip MAPPING KEY --reason …`.")
        )
    else:
        click.echo("no dead letters")
    context.exit(3 if found else 0)


def _show_skipped(found: Sequence[Skipped], as_json: bool) -> None:
    if as_json:
        screen.show_json([each.document() for each in found])
    elif found:
        rows = [(each.mapping, each.key, each.actor, _moment(each.at), each.reason) for each in found]
        screen.show_table(("mapping", "key", "who", "when", "reason"), rows)
    else:
        click.echo("none was let go")


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(sep=" ", timespec="seconds")


@dead.command(help="One of them. The parts of a composite KEY are separated by commas.")
@click.argument("mapping")
@click.argument("key")
@options.file
@options.json
def show(mapping: str, key: str, path: str, as_json: bool) -> None:
    plan = options.load(path)
    found = api.show_dead(plan, mapping, options.split_keys(plan, mapping, (key,))[0]).document()
    if as_json:
        screen.show_json(found)
    else:
        for name, value in found.items():
            click.echo(f"{name:<9} {screen.ago(value) if name == 'age' else value}")


@dead.command(help="Try one again at once, or all of a mapping's.")
@click.argument("mapping")
@click.argument("key", required=False)
@options.file
def retry(mapping: str, key: str | None, path: str) -> None:
    plan = options.load(path)
    count = api.retry_dead(plan, mapping, None if key is None else options.split_keys(plan, mapping, (key,))[0])
    click.echo(f"{mapping}: {count:,} to be tried again by the next relay")


@dead.command(help="Let one go. Its row stays as it is, and is drift, until it changes again or is repaired.")
@click.argument("mapping")
@click.argument("key")
@click.option("--reason", required=True, help="Why; it is kept for whoever finds the drift.")
@options.file
def skip(mapping: str, key: str, reason: str, path: str) -> None:
    plan = options.load(path)
    letter = api.skip_dead(plan, mapping, options.split_keys(plan, mapping, (key,))[0], reason, getpass.getuser())
    click.echo(f"{mapping} {letter.key}: let go")


@click.command(help="How every mapping stands, and what to do next. Exit 3 if one is not clean or not known.")
@options.mappings
@options.file
@options.json
@click.pass_context
def status(context: click.Context, names: tuple[str, ...], path: str, as_json: bool) -> None:
    found = api.standings(options.load(path), names)
    if as_json:
        screen.show_json({"mappings": [each.document() for each in found]})
    else:
        _show_standings(found)
    context.exit(0 if all(each.status.state == "clean" for each in found) else 3)


_COLUMNS = ("mapping", "owner", "changes", "lag", "waiting", "oldest", "dead", "strays", "backfill", "last verdict")


def _show_standings(found: Sequence[Standing]) -> None:
    from reconcile.reports.standing import todo

    screen.show_table(_COLUMNS, [_row(each) for each in found])
    next_ = todo(found)
    for names, words in next_:
        subject = ", ".join(names) if len(names) < len(found) or len(found) == 1 else "all mappings"
        click.echo(screen.as_typed(f"{subject}: {words}"))
    if not next_:
        click.echo("nothing to do: all are clean, and their changes are followed")


def _row(each: Standing) -> tuple[str, ...]:
    changes = each.captured if each.captured != "installed" else "known" if each.known else "unknown"
    verdict = "never compared" if each.verdict is None else str(each.verdict).replace("_", " ")
    age = "" if each.compared_at is None else f", {_ago(each.compared_at)}"
    if each.compared_at != each.compared_all_at and each.compared_all_at is not None:
        age += f" (all rows {_ago(each.compared_all_at)})"
    backfill = each.backfill if each.backfill in ("", "done") else f"{each.backfill} {each.backfilled:.0%}"
    waiting = f"{each.waiting:,}" + (f" ({each.deferred:,} deferred)" if each.deferred else "")
    lag, oldest = ("–" if found is None else screen.ago(found) for found in (each.lag, each.oldest))
    owner = f"{each.owner} ({each.epoch})"
    strays = f"{each.skipped + each.passed_over + each.rogue + each.stranded:,}"
    return each.mapping, owner, changes, lag, waiting, oldest, f"{each.dead:,}", strays, backfill or "–", verdict + age


def _ago(moment: float) -> str:
    return f"{screen.ago(max(0.0, time.time() - moment))} ago"
