"""`strangler serve`"""

from __future__ import annotations

from pathlib import Path

import click

from strangler.cli.options import config_option, environment
from strangler.control.supervisor import Order, Supervisor
from strangler.core.errors import UsageError
from strangler.core.units import parse_duration


def _grace(context: click.Context, parameter: click.Parameter, value: str) -> float:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("serve")
@config_option
@click.option("--takeover", is_flag=True, help="Take the place of the strangler that serves these addresses now.")
@click.option("--only", type=click.Choice(["data"]), help="Run this part alone: the relay and the jobs of `mappings:`.")
@click.option("--grace", default="30s", show_default=True, callback=_grace, help="What requests in flight get at the end.")
def command(path: Path, takeover: bool, only: str | None, grace: float) -> None:
    """Run the proxy until SIGTERM or Ctrl-C; requests in flight are finished, a second signal ends them.

    SIGHUP reads the file again and opens the access log anew; a changed file is read by itself. If it has any problem, what
    was served before goes on. SIGUSR2 starts a successor from what is installed now, as --takeover does by hand.
    """
    if only == "data":
        _run_data(path)
    else:
        Supervisor(Order(path, grace, takeover)).run()


def _run_data(path: Path) -> None:
    """The data process without a supervisor: whatever runs services restarts it."""
    from strangler.cli.data_process import alone  # here, so that the supervisor stays small
    from strangler.config.load import load
    from strangler.control.data_document import path_of

    config = load(path, environment())
    if not config.mappings:
        raise UsageError(f"{path} names no data: add `mappings: [mappings.yaml]`")
    alone(config.mappings, path_of(config), lambda words: click.echo(f"strangler: {words}", err=True))
