"""`outbox`: events that the application writes in its own transactions, and who gets them."""

from __future__ import annotations

import getpass
import os
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.cli import options, screen
from strangler.core.errors import UsageError
from strangler.core.units import parse_duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconcile.outbox.letters import DeadLetter
    from reconcile.outbox.status import OutboxStatus, SinkStatus

EVERY = 5.0  # seconds between two lines of a relay that runs
_sinks = click.argument("sinks", nargs=-1, metavar="[SINK]...")
_sink = click.argument("sink")


@click.group(help="Events that leave exactly as often as they should: their table, the relay, and what could not be delivered.")
def outbox() -> None:
    pass


@outbox.command(help="Make the table that the application writes events into. Repeat it at will: what is there stays.")
@options.file
@click.option("--print-sql", is_flag=True, help="Print what would be run, for the DBA, and run nothing.")
def init(path: str, print_sql: bool) -> None:
    from reconcile.outbox.init import init, outbox_of

    plan = options.load(path)
    scripts = init(plan, print_sql=print_sql)
    if print_sql:
        for script in scripts:
            click.echo(script.text)
        return
    table = outbox_of(plan).table
    click.echo(f"{table}: {'made' if scripts else 'is there already'} in database {outbox_of(plan).database}")


@outbox.command(help="Look at the table and the sinks, and list every problem. Exit 2 if there is one.")
@options.file
@options.json
@click.pass_context
def check(context: click.Context, path: str, as_json: bool) -> None:
    from reconcile.outbox.init import outbox_of

    outbox_of(options.load(path))
    problems = [each for each in api.examine(path, os.environ).problems if each.path.partition(".")[0] == "outbox"]
    errors = sum(not problem.warning for problem in problems)
    if as_json:
        screen.show_json(
            [{"path": each.path, "line": each.line, "message": each.message, "warning": each.warning} for each in problems]
        )
    else:
        for problem in problems:
            click.echo(_typed(problem.render(path)))
        click.echo(
            f"{path}: {errors} problem{'s' * (errors != 1)} with its outbox"
            if problems
            else f"{path}: its outbox has no problems"
        )
    context.exit(2 if errors else 0)


@outbox.command(help="Deliver until Ctrl-C. Any number of relays may run at once; `strangler serve` runs one.")
@options.file
@click.option("--until-idle", is_flag=True, help="Until nothing is under way any more. Exit 6 if a sink takes nothing.")
@options.json
def relay(path: str, until_idle: bool, as_json: bool) -> None:
    from reconcile.outbox import rounds
    from reconcile.outbox.relay import OutboxRelay
    from reconcile.outbox.status import status

    plan = options.load(path)
    tally = _Tally(quiet=as_json)
    with screen.stopping() as stop:
        rounds.run(OutboxRelay(plan, tell=tally.tell), plan, stop, until_idle=until_idle, on_look=tally)
    found = status(plan)
    if as_json:
        screen.show_json(found.document())
    else:
        click.echo(_sum_up(found))


class _Tally:
    """Now and then a line, and every trouble once."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._told, self._shown, self._last = quiet, set[str](), time.monotonic(), ""

    def tell(self, troubles: Mapping[str, str]) -> None:
        for subject, words in troubles.items():
            line = words if words.startswith(subject) else f"{subject}: {words}"
            if line not in self._told:
                self._told.add(line)
                click.echo(line, err=True)

    def __call__(self, found: OutboxStatus) -> None:
        if self._quiet or time.monotonic() - self._shown < EVERY:
            return
        line, self._shown = _sum_up(found), time.monotonic()
        if line != self._last:
            click.echo(line)
        self._last = line


def _sum_up(found: OutboxStatus) -> str:
    sinks = (f"{each.name} {each.counts.get('delivered', 0):,} delivered, {each.pending:,} pending" for each in found.sinks)
    return "; ".join((f"{found.waiting:,} not taken over", *sinks))


@outbox.command(help="How every sink stands, and what to do next. Exit 3 if one is not well, or nobody delivers.")
@options.file
@options.json
@click.pass_context
def status(context: click.Context, path: str, as_json: bool) -> None:
    from reconcile.outbox.status import status

    found = status(options.load(path))
    if as_json:
        screen.show_json({**found.document(), "well": found.is_well})
    else:
        _show(found)
    context.exit(0 if found.is_well else 3)


_COLUMNS = ("sink", "state", "pending", "oldest", "dead", "held", "delivered", "failed", "refused", "away")


def _show(found: OutboxStatus) -> None:
    oldest = "" if found.oldest is None else f", the oldest for {screen.ago(found.oldest)}"
    click.echo(f"{found.database}.{found.table}: {found.waiting:,} not taken over yet{oldest}; about {found.kept:,} kept")
    screen.show_table(_COLUMNS, [_row(each) for each in found.sinks])
    for line in _todo(found):
        click.echo(_typed(line))


def _row(each: SinkStatus) -> tuple[str, ...]:
    state = "no relay" if each.is_silent else str(each.state)
    counts = (f"{each.counts.get(name, 0):,}" for name in ("delivered", "failed", "refused", "unavailable"))
    oldest = "–" if each.oldest is None else screen.ago(each.oldest)
    return each.name, state, f"{each.pending + each.unspread:,}", oldest, f"{each.dead:,}", f"{each.held:,}", *counts


def _todo(found: OutboxStatus) -> Iterable[str]:
    """What to do next, the most urgent first."""
    if silent := [each.name for each in found.sinks if each.is_silent and not each.gone]:
        yield f"{', '.join(silent)}: no relay is at work: `outbox relay`, or `strangler serve`"
    for each in found.sinks:
        if each.gone:
            waits = each.pending + each.held + each.dead
            yield f"{each.name}: not in the file any more, and {waits:,} wait for it: `outbox prune --sink {each.name}`"
            continue
        if each.why and not each.is_silent:
            yield f"{each.name}: {each.state}: {each.why}; tried again in {screen.ago(each.resumes)}"
        if each.dead:
            yield f"{each.name}: {each.dead:,} dead letters, {each.held:,} held behind them: `outbox dead {each.name}` says why"
    if found.is_well:
        yield "nothing to do: every sink is served"


@outbox.command(help="Events that could not be delivered, and why, oldest first. Exit 3 if there are any.")
@_sinks
@options.file
@options.json
@click.option("--skipped", is_flag=True, help="Those that someone let go instead, and why.")
@click.pass_context
def dead(context: click.Context, sinks: tuple[str, ...], path: str, as_json: bool, skipped: bool) -> None:
    from reconcile.outbox import letters

    plan = options.load(path)
    if skipped:
        _show_skipped(letters.let_go(plan, sinks), as_json)
        return
    found = letters.dead(plan, sinks)
    if as_json:
        screen.show_json([letter.document() for letter in found])
    else:
        _show_dead(found)
    context.exit(3 if found else 0)


def _show_dead(found: tuple[DeadLetter, ...]) -> None:
    if not found:
        click.echo("no dead letters")
        return
    rows = [
        (
            each.sink,
            str(each.number),
            each.type,
            each.key or "–",
            str(each.attempts),
            f"{each.held:,}",
            screen.ago(each.age),
            each.error,
        )
        for each in found
    ]
    screen.show_table(("sink", "number", "type", "key", "attempts", "held", "age", "why"), rows)
    click.echo(_typed("Next: mend what is said there, then `outbox retry SINK NUMBER`; or `outbox skip SINK NUMBER --reason …`."))


def _show_skipped(found: Iterable[Any], as_json: bool) -> None:
    if as_json:
        screen.show_json([each.document() for each in found])
        return
    rows = [
        (each.sink, str(each.number), each.type, each.key or "–", each.actor, _moment(each.at), each.reason) for each in found
    ]
    screen.show_table(("sink", "number", "type", "key", "who", "when", "reason"), rows)


@outbox.command(help="Send dead letters of a sink again: those with these numbers, or all.")
@_sink
@click.argument("numbers", nargs=-1, type=click.IntRange(1), metavar="[NUMBER]...")
@click.option("--all", "everything", is_flag=True, help="All of this sink's.")
@options.file
def retry(sink: str, numbers: tuple[int, ...], everything: bool, path: str) -> None:
    from reconcile.outbox.letters import retry

    if bool(numbers) == everything:
        raise UsageError("say which: the numbers that `outbox dead` shows, or --all")
    count = retry(options.load(path), sink, numbers)
    click.echo(f"{sink}: {count:,} to be tried again by the next relay")


@outbox.command(help="Let a dead letter go: its sink never gets it, and what is held behind it goes on.")
@_sink
@click.argument("number", type=click.IntRange(1))
@click.option("--reason", required=True, help="Why; it is kept for whoever misses the event.")
@options.file
def skip(sink: str, number: int, reason: str, path: str) -> None:
    from reconcile.outbox.letters import skip

    letter = skip(options.load(path), sink, number, reason, getpass.getuser())
    held = f"; {letter.held:,} behind it go on" if letter.held else ""
    click.echo(f"{sink} {number} ({letter.type}, {letter.id}): let go{held}")


def _instant(context: click.Context, parameter: click.Parameter, words: str | None) -> int | None:
    """µs since 1970, from a moment with its zone, or from how long ago."""
    if words is None:
        return None
    try:
        found = datetime.fromisoformat(words)
        if found.tzinfo is not None:
            return int(found.timestamp() * 1e6)
    except ValueError:
        try:
            return int((time.time() - parse_duration(words)) * 1e6)
        except ValueError:
            pass
    raise click.BadParameter(f"{words!r} is neither a moment such as 2026-11-01T00:00:00Z nor how long ago, such as 2h")


@outbox.command(help="Send a sink again what is kept of the past. Consumers must know an event by its id.")
@_sink
@click.option("--since", callback=_instant, help="Written at this moment or later: 2026-11-01T00:00:00Z, or 2h (ago).")
@click.option("--until", callback=_instant, help="Written before this moment.")
@click.option("--type", "types", multiple=True, help="Of these types only, such as order.*; may be repeated.")
@click.option("--key", help="Of this key only.")
@click.option("--id", "id_", help="The event with this id only.")
@click.option("--all", "everything", is_flag=True, help="Everything that is kept.")
@click.option("--dry-run", is_flag=True, help="Only say how many.")
@options.file
def replay(sink: str, everything: bool, dry_run: bool, path: str, id_: str | None, **which: Any) -> None:
    from reconcile.outbox.replay import Wanted, replay

    wanted = Wanted(id=id_, **which)
    if (wanted == Wanted()) != everything:
        raise UsageError("say which: --since, --until, --type, --key, --id, or --all")
    count = replay(options.load(path), sink, wanted, dry_run=dry_run)
    click.echo(f"{sink}: {count:,} {'would be' if dry_run else 'to be'} sent again")


@outbox.command(help="Forget what every sink has had and is older than `keep`; relays do so by themselves.")
@click.option("--keep", help="Instead of what the file says: 0s, 12h, 7d.")
@click.option("--sink", help="Forget a sink that is not in the file any more, and what it waited for.")
@options.file
def prune(keep: str | None, sink: str | None, path: str) -> None:
    from reconcile.outbox.init import outbox_of
    from reconcile.outbox.place import place
    from reconcile.outbox.prune import forget_sink, prune

    plan = options.load(path)
    if sink is not None:
        click.echo(f"{sink}: forgotten, and {forget_sink(plan, sink):,} events that waited for it")
        return
    try:
        seconds = None if keep is None else parse_duration(keep)
    except ValueError as error:
        raise UsageError(f"--keep: {error}") from None
    with place(plan) as database:
        click.echo(f"{prune(database, outbox_of(plan), keep=seconds):,} events forgotten")


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(sep=" ", timespec="seconds")


def _typed(words: str) -> str:
    """Commands that are named between backticks, as they have to be typed by who typed the one that runs."""
    context = click.get_current_context()
    while context.parent is not None and context.command is not outbox:
        context = context.parent
    return re.sub(r"`outbox\b", f"`{context.command_path}", words)
