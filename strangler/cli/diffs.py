"""`strangler diffs`: what the two sides differ in, and what to do about it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import click
from rich.text import Text

from strangler.cli import diffs_show
from strangler.cli.diffs_follow import More, News, news, news_as_json
from strangler.cli.diffs_har import take_along
from strangler.cli.diffs_screen import accept_screen, cause_screen, effect_screen, followed, overview, show
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.terminal import clean, console
from strangler.config.load import load
from strangler.control.accepting import WAYS, Wish, acceptance_as_json, effect_as_json, ignored_in
from strangler.control.accepting import accept as accept_cause
from strangler.control.accepting import what_if as what_if_of
from strangler.control.diffs import as_json as report_as_json
from strangler.control.diffs import cause_as_json, example_as_json, mismatch_as_json, report
from strangler.core.errors import UsageError
from strangler.core.model import Config, Route
from strangler.core.spec.reader import nearest
from strangler.core.units import parse_duration
from strangler.store.store import Store


class _Commands(click.Group):
    """`diffs [ROUTE]` without a command lists: a route's name stands where the name of a command would."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return super().get_command(ctx, name) or super().get_command(ctx, "list")


@click.group("diffs", cls=_Commands, subcommand_metavar="[ROUTE] | COMMAND [ARGUMENTS]")
def command() -> None:
    """Say how often the two sides agree, what they differ in, and why.

    \b
    strangler diffs                      every route
    strangler diffs read-order           one of them
    strangler diffs --follow             new mismatches as they are found, until Ctrl-C

    `strangler diffs list --help` has the options of these.
    """


def _window(context: click.Context, parameter: click.Parameter, value: str | None) -> str:
    try:
        return value if value and parse_duration(value) else ""
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@command.command("list")
@click.argument("route", required=False)
@click.option("--cause", "cause_id", metavar="ID", help="Only this cause, with its examples.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=5, show_default=True, help="Causes of a route, or examples.")
@click.option("--since", metavar="1h", callback=_window, help="Only what was compared in this time.")
@click.option("--follow", is_flag=True, help="Print new mismatches as they are stored, until Ctrl-C.")
@config_option
@json_option
def listing(route: str | None, cause_id: str | None, limit: int, since: str, follow: bool, path: Path, as_json: bool) -> None:
    """How often each route's answers agree, and the causes of the mismatches: what `strangler diffs` does by itself."""
    config = load(path, environment())
    chosen = _routes(config, route)
    if follow:
        return _follow(config, route, cause_id, as_json)
    now = time.time()
    with _reading(config) as store:
        if cause_id:
            return _one_cause(store, cause_id, route, limit, now, as_json)
        begin = now - parse_duration(since) if since else None
        reports = [report(store, each, since=begin, limit=limit) for each in chosen]
    if as_json:
        shown = {"store": store.exists, "now": now, "routes": [report_as_json(each) for each in reports]}
        return click.echo(json.dumps(shown))
    return show(console(), overview(reports, now, window=since, single=route is not None))


def _one_cause(store: Store, cause_id: str, route: str | None, limit: int, now: float, as_json: bool) -> None:
    row = store.cause(cause_id)
    if route is not None and row.route != route:
        raise UsageError(f"cause {row.id} is of route {clean(row.route)!r}: leave {route!r} out")
    examples = store.examples(row.route, row.id, limit)
    if as_json:
        shown = {"cause": cause_as_json(row), "examples": [example_as_json(each) for each in examples]}
        return click.echo(json.dumps(shown))
    return show(console(), cause_screen(row, examples, now))


def _routes(config: Config, name: str | None) -> Sequence[Route]:
    if name is None:
        return config.routes
    found = [route for route in config.routes if route.name == name]
    if not found:
        raise UsageError(f"no route is named {clean(name)!r}{nearest(name, [route.name for route in config.routes])}")
    return found


def _reading(config: Config) -> closing[Store]:
    return closing(Store.open(config.store, config.folder, read_only=True))


def _follow(config: Config, route: str | None, cause_id: str | None, as_json: bool) -> None:
    if not as_json:
        click.echo("new mismatches, as they are stored (Ctrl-C ends it)", err=True)
    try:
        for each in news(lambda: Store.open(config.store, config.folder, read_only=True), time.sleep):
            if _is_about(each, route, cause_id):
                click.echo(json.dumps(news_as_json(each)) if as_json else followed(each, time.time()))
    except KeyboardInterrupt:
        return


def _is_about(each: News, route: str | None, cause_id: str | None) -> bool:
    name, ids = (each.row.route, (each.row.id,)) if isinstance(each, More) else (each.example.route, each.causes)
    return route in (None, name) and (not cause_id or any(id.startswith(cause_id) for id in ids))


@command.command("show")
@click.argument("example_id", metavar="ID")
@click.option("--whole", is_flag=True, help="Also show the lines that are equal.")
@click.option(
    "--har", is_flag=False, flag_value="-", metavar="[FILE]", help="As a HAR of two entries, control's and the candidate's."
)
@config_option
@json_option
def show_one(example_id: str, whole: bool, har: str | None, path: Path, as_json: bool) -> None:
    """Show one mismatch: the request, what differs, and both answers, side by side if the terminal is wide enough."""
    config = load(path, environment())
    with _reading(config) as store:
        row = store.example(example_id)
    if har is not None:
        return take_along(row.example, har)
    if as_json:
        return click.echo(json.dumps(mismatch_as_json(row)))
    route = next((route for route in config.routes if route.name == row.example.route), None)
    terminal = console()
    ignored = ignored_in(row.example, route)
    return show(terminal, diffs_show.screen(row, time.time(), terminal.width, ignored=ignored, whole=whole))


@command.command("accept")
@click.argument("cause_id", metavar="CAUSE")
@click.option("--as", "way", type=click.Choice(WAYS), help="The list of rules to add to; what fits the cause if not given.")
@click.option("--kind", metavar="KIND", default="", help="Of noise: the shape that the field must keep (clock, uuid, …).")
@click.option("--key", metavar="MEMBER", default="", help="Of an unordered list: the member that pairs its items.")
@click.option("--abs", "absolute", metavar="NUMBER", default="", help="Of a tolerance: how far two numbers may be apart.")
@click.option("--seconds", metavar="NUMBER", default="", help="Of a tolerance: how far two times may be apart.")
@click.option("--dry-run", is_flag=True, help="Say what would be written and what it would clear; change nothing.")
@config_option
@json_option
def accept(
    cause_id: str, way: str | None, kind: str, key: str, absolute: str, seconds: str, dry_run: bool, path: Path, as_json: bool
) -> None:
    """Let a cause pass from now on: writes one rule into routes.yaml, in place, and marks the cause as accepted.

    Evidence is counted anew under the new rules.
    """
    wish = Wish(way or "", kind, key, absolute, seconds)
    found = accept_cause(path, load(path, environment()), cause_id, wish, environment(), dry_run=dry_run)
    if as_json:
        return click.echo(json.dumps(acceptance_as_json(found, path)))
    where = f"{found.place} of route {found.cause.route} in {path}"
    return show(console(), accept_screen(found.rule, where, found.changes, found.effect, dry_run))


@command.command("what-if")
@click.argument("rule")
@click.argument("route", required=False)
@config_option
@json_option
def what_if(rule: str, route: str | None, path: Path, as_json: bool) -> None:
    """Say what a rule would do to the stored mismatches: which it clears, and what else it would hide. Changes nothing.

    \b
    strangler diffs what-if 'ignore $.generated_at' read-order
    strangler diffs what-if 'tolerance $.total abs 0.01'
    """
    config = load(path, environment())
    with _reading(config) as store:
        found = what_if_of(store, [each for each in _routes(config, route) if route or store.examples(each.name, limit=1)], rule)
    if as_json:
        shown = {"rule": rule, "routes": {name: effect_as_json(each) for name, each in found.items()}}
        return click.echo(json.dumps(shown))
    if not found:
        click.echo("no mismatch is stored yet: `strangler diffs` says how to get some")
    for name, each in found.items():
        show(console(), [Text(clean(f"{name}: with {rule}"), "bold"), *effect_screen(each)])
    return None
