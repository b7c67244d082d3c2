"""`strangler discover`"""

from __future__ import annotations

import json
import os
import sys
from contextlib import closing
from pathlib import Path

import click

from strangler.cli.options import environment, json_option
from strangler.cli.terminal import clean, console
from strangler.core.errors import UsageError
from strangler.core.model import Redact
from strangler.core.redact import Redactor
from strangler.traffic.discovery.data import Names, touched
from strangler.traffic.discovery.endpoint import Clean
from strangler.traffic.discovery.proposal import proposed, render
from strangler.traffic.discovery.ranking import Ranked, rank
from strangler.traffic.discovery.survey import Discovery, Survey
from strangler.traffic.openapi import Surface

_EVERY = 20_000  # requests, after which it is said how far it is
_STDIN = Path("/dev/stdin")


@click.command("discover")
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--openapi", type=click.Path(path_type=Path), help="An OpenAPI document: says what is missing in it, and what in the traffic."
)
@click.option(
    "--mappings", type=click.Path(path_type=Path), help="A mappings file: says whose data an endpoint probably touches."
)
@click.option(
    "--propose", metavar="FILE", type=click.Path(path_type=Path), help="Write a routes.yaml, in the order in which to strangle."
)
@click.option("--shadow", is_flag=True, help="With --propose: what only reads stands at shadow, not at legacy.")
@click.option("--legacy", default="http://127.0.0.1:9001", show_default=True, help="With --propose: where legacy is.")
@click.option("--modern", default="http://127.0.0.1:9002", show_default=True, help="With --propose: where modern is.")
@click.option("--all", "show_all", is_flag=True, help="Show every endpoint, each with all that is known of it.")
@json_option
def command(
    files: tuple[Path, ...],
    openapi: Path | None,
    mappings: Path | None,
    propose: Path | None,
    shadow: bool,
    legacy: str,
    modern: str,
    show_all: bool,
    as_json: bool,
) -> int:
    """List an application's endpoints, as recorded traffic shows them, and say what to strangle first, and why.

    \b
    strangler discover traffic.har
    strangler discover access.log access.log.2.gz --openapi api.yaml --propose routes.yaml
    ssh shop zcat access.log.*.gz | strangler discover -

    FILE is a HAR, flows of mitmproxy, or an access log (common, combined, or JSON of nginx, Caddy, Traefik, Envoy and ours); - is
    standard input. A recording with bodies tells more than a log. Nothing is sent to anybody, and no secret is shown.
    Exit code 3 if no endpoint was found.
    """
    if propose and (propose.exists() or propose.is_symlink()):
        raise UsageError(f"{propose} is there already: name another file, or move that one away")
    if (shadow or _given("legacy") or _given("modern")) and not propose:
        raise UsageError("--shadow, --legacy and --modern belong to --propose")
    surface = _surface(openapi)
    found, ranked = explore(files, surface, mappings, quiet=as_json)
    if propose:
        write(propose, found, ranked, legacy=legacy, modern=modern, stage="shadow" if shadow else "legacy", source=_names(files))
    if as_json:
        from strangler.cli.discover_json import as_json_of

        click.echo(json.dumps(as_json_of(found, ranked)))
    else:
        from strangler.cli.discover_screen import screen

        for part in screen(found, ranked, show_all=show_all, width=console().width):
            console().print(part)
        if propose:
            click.echo(f"{propose}: written; next: strangler check -c {propose}")
    return 0 if found.endpoints else 3


def explore(
    files: tuple[Path, ...], surface: Surface | None, mappings: Path | None, *, quiet: bool = False
) -> tuple[Discovery, tuple[Ranked, ...]]:
    """What recordings tell, and in which order to strangle. What could not be read of them goes to standard error."""
    survey, names = Survey(surface), _mapping_names(mappings)
    for file in files:
        _collect(_STDIN if str(file) == "-" else file, survey, quiet)
    found = survey.result(_cleaner())
    endpoints = touched(found.endpoints, names)
    return found, rank(endpoints, max(0.0, found.last - found.first))


def write(
    path: Path, found: Discovery, ranked: tuple[Ranked, ...], *, legacy: str, modern: str, stage: str = "legacy", source: str = ""
) -> None:
    """Write a routes.yaml that was not there. Raises UsageError if it is, if it cannot be written, or would not be sound."""
    text = render(found, proposed(ranked), legacy=legacy, modern=modern, stage=stage, source=source)
    create(path, text)


def create(path: Path, text: str) -> None:
    """Write a new configuration, which must be sound. Raises UsageError if it is not, and never overwrites."""
    from strangler.config.load import read

    problems = [problem for problem in read(text.encode(), environment(), path.parent).problems if not problem.warning]
    if problems:
        raise UsageError(f"{path} was not written: {problems[0].message}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path} is there already: name another file, or move that one away") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None


def _collect(path: Path, survey: Survey, quiet: bool) -> None:
    from strangler.traffic.reading import read

    recording = read(path)
    with closing(recording):
        for number, entry in enumerate(recording, 1):
            survey.add(entry)
            if number % _EVERY == 0 and not quiet:
                _progress(f"{clean(path.name)}: {number:,} requests")
    if not quiet:
        _progress("")
    for warning in recording.warnings():
        click.echo(clean(warning), err=True)


def _progress(text: str) -> None:
    """One line that is written over, if somebody looks."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[2K{text}", err=True, nl=False)


def _cleaner() -> Clean:
    """Takes secrets out of targets; the key is forgotten with this process."""
    redactor = Redactor(Redact(), os.urandom(32))

    def cleaned(target: str) -> str:
        redactor.begin()
        return redactor.target(target)

    return cleaned


def _surface(path: Path | None) -> Surface | None:
    if path is None:
        return None
    from strangler.cli.openapi import read_surface

    surface = read_surface(path)
    for left_out in surface.left_out[:5]:
        click.echo(f"{path}: left out: {clean(left_out)}", err=True)
    return surface


def _mapping_names(path: Path | None) -> Names:
    """The names by which each mapping may be known, of itself and of its tables."""
    if path is None:
        return {}
    import reconcile

    plan = reconcile.load(path, environment())
    return {one.name: frozenset(name for name in (one.name, one.source.table, one.target.table) if name) for one in plan.mappings}


def _names(files: tuple[Path, ...]) -> str:
    names = [clean(file.name) if str(file) != "-" else "standard input" for file in files]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _given(option: str) -> bool:
    source = click.get_current_context().get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"
