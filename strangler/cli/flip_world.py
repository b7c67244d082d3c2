"""What `flip`, `rollback`, `hold` and `resume` share: who asks, of which world, and what is done when people were told."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from strangler.cli.options import environment
from strangler.cli.terminal import clean
from strangler.control.flipping.settlement import keep
from strangler.control.flipping.world import World
from strangler.core.errors import StranglerError, UsageError
from strangler.core.flip import Flip
from strangler.core.guard.verdict import Judgement
from strangler.core.journal import FILE, LADDER
from strangler.core.model import Config

_LONGEST_NAME = 200

reason_option: Callable[[Any], Any] = click.option("--reason", default="", metavar="TEXT", help="Why; the journal shows it.")
as_option: Callable[[Any], Any] = click.option("--as", "name", metavar="NAME", help="Who asks; you on this machine if not given.")


def world_of(path: Path) -> World:
    """The world of a configuration, with the guard in it."""
    return World(path, environment(), _judge, lambda text: click.echo(f"strangler: {clean(text)}", err=True))


def actor(name: str | None) -> str:
    """Who asks, as the journal will have it. Raises UsageError for a name that means something else there."""
    if name is None:
        return f"{_user()}@{socket.gethostname()}"
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise UsageError(f"--as: write a name of up to {_LONGEST_NAME} letters")
    if name in (FILE, LADDER):
        what = "an edit of the file" if name == FILE else "the automatic ladder"
        raise UsageError(f"--as {name}: in the journal that is {what}; write another name")
    return name


def finish(world: World) -> None:
    """People were told; what is left is to bring the journal into the store."""
    sys.stdout.flush()
    with suppress(StranglerError):  # the next one tries again
        keep(world)


def _user() -> str:
    """Who became root is of more use than that they did."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as containers have them
        return f"uid-{os.getuid()}"


def _judge(config: Config, flips: Sequence[Flip]) -> Mapping[str, Judgement]:
    """The guard is imported when it is asked: a rollback does not wait for a database's library."""
    from strangler.control.flipping.guard import guard

    return guard(config, flips)
