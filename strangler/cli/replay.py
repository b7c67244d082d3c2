"""`strangler replay`: ask a recording again, and say how far the answers agree."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from strangler.cli.diffs_screen import show
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.replay_screen import screen
from strangler.cli.terminal import clean, console
from strangler.config.load import load
from strangler.control.replaying.replay import METHODS, Order, replay
from strangler.control.replaying.report import Report, as_json
from strangler.control.replaying.run import Settings
from strangler.control.replaying.targets import target_of, with_everything, without_file
from strangler.core.errors import UsageError
from strangler.core.model import Config, Side
from strangler.core.spec.reader import nearest
from strangler.core.units import parse_percent
from strangler.traffic.replay.bridge import Given
from strangler.traffic.replay.pace import Pace, parse_rate, parse_speed

_AT_ONCE, _AT_ONCE_TIMED = 8, 256
_METHOD = re.compile(r"[A-Z]{1,20}")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,200}")
T = TypeVar("T")


def _read(parse: Callable[[str], T]) -> Callable[[click.Context, click.Parameter, str | None], T | None]:
    """An option's value by its parser, whose words become the error's."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> T | None:
        try:
            return None if value is None else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--against", required=True, metavar="UPSTREAM|URL", help="Who is asked: an upstream of the file, or any URL.")
@click.option("--control", metavar="UPSTREAM|URL", help="Compare with the answers of somebody live, not with the recorded ones.")
@click.option("--as", "side", type=click.Choice(["legacy", "modern"]), default="modern", show_default=True,
              help="The side that a URL stands for: modern's requests and answers are translated by `adapt`.")  # fmt: skip
@click.option("--route", "routes", multiple=True, metavar="ROUTE", help="Only this route; may be repeated.")
@click.option("--methods", default=",".join(METHODS), show_default=True, metavar="GET,POST,…", help="Methods that are asked.")
@click.option("--yes-write", "yes", count=True, help="Methods that change things are meant; twice if legacy is asked, too.")
@click.option("--speed", metavar="2x", callback=_read(parse_speed), help="As recorded, so many times as fast.")
@click.option("--rate", metavar="50/s", callback=_read(parse_rate), help="So many requests, whether answers come or not.")
@click.option("--concurrency", type=click.IntRange(1, 1000), help=f"Requests at once, as fast as can be.  [default: {_AT_ONCE}]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Ask only the first so many.")
@click.option("--fail-under", "bar", metavar="99.9%", default="100%", show_default=True, callback=_read(parse_percent),
              help="The share of what is compared that must agree.")  # fmt: skip
@click.option("--at-least", "least", type=click.IntRange(1), default=1, show_default=True, metavar="N",
              help="How many must have been compared.")  # fmt: skip
@click.option("--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Sent with every request; may be repeated.")
@click.option("--cookie", "cookies", multiple=True, metavar="NAME=VALUE", help="The same for a cookie; NAME= leaves it out.")
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write the report as one page, too.")
@config_option
@json_option
def command(file: Path, against: str, control: str | None, side: str, path: Path, as_json: bool, **options: Any) -> None:
    """Ask a recording again, and say how far the answers agree with those recorded, or with a live control's.

    \b
    strangler replay traffic.har --against modern --fail-under 99.9%
    strangler replay traffic.har --against http://127.0.0.1:9102 --control legacy
    strangler replay day.har --against modern --speed 4x --html report.html
    strangler replay session.har --against http://127.0.0.1:9102 --methods GET,POST,PUT,DELETE --yes-write

    FILE is a HAR, flows of mitmproxy or an access log. Answers are compared by the routes' own rules; what is put aside is
    counted, with its reason, and never as agreement. Exit codes: 0 agrees, 2 bad input, 3 below the bar or too little compared,
    4 somebody cannot be reached.
    """
    config = _config(path)
    order = _order(file, against, control, Side(side), config, options)
    report = replay(order, config, environment())
    _tell(report, as_json, options["page"])
    sys.exit(report.exit_code)


def _config(path: Path) -> Config:
    """The file's; without one, everything is compared by the defaults."""
    context = click.get_current_context()
    named = context.get_parameter_source("path") is not click.core.ParameterSource.DEFAULT
    if not named and not path.exists():
        return without_file()
    return with_everything(load(path, environment()))


def _order(file: Path, against: str, control: str | None, side: Side, config: Config, options: dict[str, Any]) -> Order:
    names = [route.name for route in config.routes]
    for name in options["routes"]:
        if name not in names:
            raise UsageError(f"no route is named {clean(name)!r}{nearest(name, names)}")
    return Order(
        file,
        target_of(against, config, side),
        target_of(control, config, Side.LEGACY) if control else None,
        _methods(options["methods"]),
        options["yes"],
        options["routes"],
        Given(tuple(map(_header, options["headers"])), dict(map(_cookie, options["cookies"]))),
        _settings(options),
        options["bar"],
        options["least"],
    )


def _settings(options: dict[str, Any]) -> Settings:
    given = [f"--{name}" for name in ("speed", "rate", "concurrency") if options[name] is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} are two ways to send: give one")
    pace = Pace(options["speed"] or 0.0, options["rate"] or 0.0)
    at_once = options["concurrency"] or (_AT_ONCE_TIMED if pace.timed else _AT_ONCE)
    return Settings(pace, at_once, options["limit"] or 0)


def _methods(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(name.strip().upper() for name in text.split(",") if name.strip()))
    odd = [name for name in found if not _METHOD.fullmatch(name) or name in ("CONNECT", "TRACE")]
    if odd or not found:
        raise UsageError(f"{clean(text)!r} are no methods that can be asked: write GET,HEAD,POST")
    return found


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not _NAME.fullmatch(name.strip()) or not value.isprintable():
        raise UsageError(f"{clean(text)!r} is not a header: write 'NAME: VALUE'")
    return name.strip(), value.strip()


def _cookie(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not _NAME.fullmatch(name) or not value.isprintable() or set(value) & set("; ,"):
        raise UsageError(f"{clean(name)!r} is not a cookie: write NAME=VALUE, or NAME= to leave it out")
    return name, value


def _tell(report: Report, as_json_wanted: bool, page: Path | None) -> None:
    """The page first: whoever reads the terminal may stop in the middle."""
    document = as_json(report)
    if page is not None:
        from strangler.web.replay import render

        _write(page, render(document))
        click.echo(f"written: {page}", err=True)
    try:
        click.echo(json.dumps(document)) if as_json_wanted else show(console(), screen(report))
    except BrokenPipeError:  # `strangler replay … | head`, whose verdict still counts
        sys.stderr.close()


def _write(page: Path, text: str) -> None:
    """Whole or not at all: somebody may be looking at it."""
    draft = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(page)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{page} cannot be written: {error.strerror}") from None
