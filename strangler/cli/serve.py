"""`strangler serve`"""

from __future__ import annotations

from pathlib import Path

import click

from strangler.cli.options import config_option, environment
from strangler.control.serve import Serving


@click.command("serve")
@config_option
def command(path: Path) -> None:
    """Run the proxy until SIGTERM or Ctrl-C; requests in flight are finished.

    SIGHUP reads the file again: if it has any problem, what was served before goes on.
    """
    Serving(path, environment(), lambda line: click.echo(line)).run()
