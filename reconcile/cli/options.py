"""What several commands take, said once."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

import reconcile as api
from reconcile.mapping.canonical import key_as_typed
from strangler.core.units import Share, parse_percent

if TYPE_CHECKING:
    from reconcile.applying.budget import Budget
    from reconcile.mapping.model import Plan


def share(context: click.Context, parameter: click.Parameter, words: str) -> Share:
    try:
        return parse_percent(words)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def together(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Several options as one."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


file = click.option("-c", "--config", "path", default="mappings.yaml", show_default=True, metavar="FILE", help="The mappings.")
json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
mappings = click.argument("names", nargs=-1, metavar="[MAPPING]...")
chunk = click.option("--chunk", "chunk_rows", type=click.IntRange(1, 100_000), help="Rows per chunk; by itself: sized by time.")
budget = together(
    click.option("--max-deletes", type=click.IntRange(0), default=50, show_default=True, help="Delete at most so many rows."),
    click.option("--max-delete-share", default="5%", show_default=True, callback=share, help="And at most this share of them."),
)


def load(path: str) -> Plan:
    """The mappings, with this process's environment filled in."""
    return api.load(path, os.environ)


def chosen(plan: Plan, names: tuple[str, ...]) -> tuple[str, ...]:
    """The named mappings, all if none is named; in file order, which is parents first. Raises UsageError for an unknown one."""
    wanted = {plan.mapping(name).name for name in names} or set(plan.names)
    return tuple(name for name in plan.names if name in wanted)


def make_budget(rows: int, share: Share) -> Budget:
    from reconcile.applying.budget import Budget

    return Budget(rows, share)


def split_keys(plan: Plan, name: str, keys: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Keys as typed; the parts of a composite one stand between commas, quoted as in CSV where they hold one."""
    parts = len(plan.mapping(name).source.key)
    return [key_as_typed(key, parts) for key in keys]
