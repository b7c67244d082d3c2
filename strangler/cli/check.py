"""`strangler check`"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import click

from strangler.cli.options import config_option, environment, json_option
from strangler.config.load import Outcome, check, unknown_mappings, warnings_at
from strangler.core.errors import ConfigError, Problem, UsageError
from strangler.core.model import Stage


@click.command("check")
@config_option
@json_option
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--traffic", is_flag=True, help="Say what it would do with the requests that came lately.")
@click.option(
    "--against",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="With --traffic: the configuration to compare with; without it, how each request was decided when it came.",
)
def command(path: Path, as_json: bool, strict: bool, traffic: bool, against: Path | None) -> int:
    """Read routes.yaml, and the mappings it names, and report every problem with its place.

    \b
    strangler check --traffic -c new.yaml --against routes.yaml     plan before apply

    Where routes write data, both databases are asked who owns it: a file whose writes would go to the other side is warned of,
    and `serve` refuses it. Exit code 0 if it is sound, 2 if not; with --traffic 3 if no request was recorded yet.
    """
    if against is not None and not traffic:
        raise UsageError("--against belongs to --traffic")
    environ = environment()
    outcome = check(path, environ)
    problems = [(str(path), problem) for problem in outcome.problems]
    problems += [(file or str(path), problem) for file, problem in _mapping_problems(outcome, environ)]
    astray, unread = _ownership(path, outcome, problems, environ)
    problems += [(str(path), problem) for problem in astray]
    failed = outcome.config is None or any(strict or not problem.warning for _, problem in problems)
    if traffic and not failed and outcome.config is not None:
        from strangler.cli import check_traffic

        for file, problem in problems:
            click.echo(problem.render(file), err=True)
        return check_traffic.traffic(outcome.config, against, environ, as_json)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "sound": not failed,
                    "problems": [{"file": file, **asdict(problem)} for file, problem in problems],
                    "unread": unread,
                }
            )
        )
    else:
        for file, problem in problems:
            click.echo(problem.render(file))
        if unread:
            click.echo(f"{path}: {unread}")
        click.echo(_summary(path, outcome, failed, [problem for _, problem in problems]), err=failed)
    return 2 if failed else 0


def _mapping_problems(outcome: Outcome, environ: Mapping[str, str]) -> Iterator[tuple[str | None, Problem]]:
    """Problems of the mapping files (None: of routes.yaml itself), and routes that name a mapping which none of them has."""
    if outcome.config is None or not outcome.config.mappings:
        return
    import reconcile

    known: set[str] = set()
    try:
        for file in outcome.config.mappings:
            reconcile.load(file, environ)
            known.update(reconcile.mapping_names(file))
    except ConfigError as error:
        yield from ((error.file, problem) for problem in error.problems)
        return
    for problem in unknown_mappings(outcome, known, environ):
        yield None, problem


def _ownership(
    path: Path, outcome: Outcome, problems: list[tuple[str, Problem]], environ: Mapping[str, str]
) -> tuple[tuple[Problem, ...], str]:
    """Writes that the file sends to the wrong side, and what of that could not be looked at."""
    if outcome.config is None or not outcome.config.mappings or any(not problem.warning for _, problem in problems):
        return (), ""
    from strangler.control.cutover.owners import writes_astray

    said, unread = writes_astray(path, outcome.config, environ)
    return warnings_at(outcome, "stage", said, environ), unread


def _summary(path: Path, outcome: Outcome, failed: bool, problems: list[Problem]) -> str:
    warnings = sum(problem.warning for problem in problems)
    counted = [_count(len(problems) - warnings, "problem"), *([_count(warnings, "warning")] if warnings else [])]
    if len(problems) > warnings or outcome.config is None:
        return f"{path}: {', '.join(counted)}: nothing would start"
    if failed:
        return f"{path}: {_count(warnings, 'warning')}, which --strict counts as errors"
    routes = outcome.config.routes
    counts = [f"{count} at {stage}" for stage in Stage if (count := sum(route.stage is stage for route in routes))]
    details = ", ".join([*counts, *counted[1:]])
    return f"{path}: sound, {_count(len(routes), 'route')}{f' ({details})' if details else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
