"""`strangler demo`"""

from __future__ import annotations

import click

from strangler.demo.run import run
from strangler.demo.screen import Screen


@click.command("demo")
@click.option("--seconds", type=click.FloatRange(1, 86_400), default=24, show_default=True, help="How long people shop.")
def command(seconds: float) -> None:
    """See it work: two shops, people, the proxy and two databases, in a temporary folder.

    Exit code 0 only if everything it claims really happened.
    """
    run(seconds, Screen())
