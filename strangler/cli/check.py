"""`strangler check`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from strangler.cli.options import config_option, environment, json_option
from strangler.config.load import Outcome, check
from strangler.core.errors import ConfigError, Problem
from strangler.core.model import Config, Stage


@click.command("check")
@config_option
@json_option
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
def command(path: Path, as_json: bool, strict: bool) -> int:
    """Read routes.yaml, and the mappings it names, and report every problem with its place.

    Exit code 0 if it is sound, 2 if not.
    """
    outcome = check(path, environment())
    problems = [(str(path), problem) for problem in outcome.problems]
    problems += _mapping_problems(outcome, path)
    failed = outcome.config is None or any(strict or not problem.warning for _, problem in problems)
    if as_json:
        click.echo(
            json.dumps({"sound": not failed, "problems": [{"file": file, **asdict(problem)} for file, problem in problems]})
        )
    else:
        for file, problem in problems:
            click.echo(problem.render(file))
        click.echo(_summary(path, outcome, failed, problems), err=failed)
    return 2 if failed else 0


def _mapping_problems(outcome: Outcome, path: Path) -> list[tuple[str, Problem]]:
    """Problems of the mapping files, and routes that name a mapping which none of them has."""
    if outcome.config is None or not outcome.config.mappings:
        return []
    import reconcile

    found: list[tuple[str, Problem]] = []
    known: set[str] = set()
    for file in outcome.config.mappings:
        try:
            known.update(reconcile.mapping_names(file))
        except ConfigError as error:
            found.extend((error.file, problem) for problem in error.problems)
    if not found:
        found.extend((str(path), problem) for problem in _unknown_mappings(outcome.config, known))
    return found


def _unknown_mappings(config: Config, known: set[str]) -> list[Problem]:
    return [
        Problem(0, 0, f"routes[{route.index}].data", f"no mapping file has a mapping {name!r} (route {route.name!r})")
        for route in config.routes
        for name in route.data
        if name not in known
    ]


def _summary(path: Path, outcome: Outcome, failed: bool, problems: list[tuple[str, Problem]]) -> str:
    if failed or outcome.config is None:
        errors = sum(not problem.warning for _, problem in problems)
        return f"{path}: {errors} problem{'s' * (errors != 1)}: nothing would start"
    routes = outcome.config.routes
    counts = ", ".join(f"{count} at {stage}" for stage in Stage if (count := sum(route.stage is stage for route in routes)))
    return f"{path}: sound, {len(routes)} route{'s' * (len(routes) != 1)}{f' ({counts})' if counts else ''}"
