"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

config_option: Callable[[Any], Any] = click.option(
    "-c",
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("routes.yaml"),
    envvar="STRANGLER_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration.",
)

json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def environment() -> dict[str, str]:
    """What ``${NAME}`` in a file expands from."""
    return dict(os.environ)
