"""`strangler demo`"""

from __future__ import annotations

from pathlib import Path

import click

from strangler.demo.run import run
from strangler.demo.screen import Screen


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=24, show_default=True, help="How long people shop.")
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Leave store and databases there."
)
def command(seconds: float, keep: Path | None) -> None:
    """See it work: two shops, people, the proxy and two databases, in a temporary folder.

    Routes are compared, refused, flipped and rolled back by the same commands that you would type. Exit code 0 only if
    everything it claims really happened.
    """
    run(seconds, Screen(), keep)
