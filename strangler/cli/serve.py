"""`strangler serve`"""

from __future__ import annotations

from pathlib import Path

import click

from strangler.cli.options import config_option
from strangler.control.supervisor import Order, Supervisor
from strangler.core.units import parse_duration


def _grace(context: click.Context, parameter: click.Parameter, value: str) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("serve")
@config_option
@click.option("--takeover", is_flag=True, help="Take the place of the strangler that serves these addresses now.")
@click.option("--grace", default="30s", show_default=True, callback=_grace, help="What requests in flight get at the end.")
def command(path: Path, takeover: bool, grace: float) -> None:
    """Run the proxy until SIGTERM or Ctrl-C; requests in flight are finished, a second signal ends them.

    SIGHUP reads the file again and opens the access log anew; a changed file is read by itself. If it has any problem, what
    was served before goes on. SIGUSR2 starts a successor from what is installed now, as --takeover does by hand.
    """
    Supervisor(Order(path, grace, takeover)).run()
