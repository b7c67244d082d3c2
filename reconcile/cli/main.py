"""The command line: which commands there are, and how errors end it."""

from __future__ import annotations

import sys

import click

from reconcile.cli import looking, moving
from reconcile.cli.capture import capture
from reconcile.cli.outbox import outbox
from reconcile.cli.relaying import dead, relay, resume, status
from reconcile.cli.repairing import repair
from strangler.core.errors import ConfigError, StranglerError, UsageError

_COMMANDS: tuple[click.Command, ...] = (
    *(looking.check, capture, moving.backfill, relay, looking.reconcile, repair),
    *(status, dead, resume, looking.owner, moving.apply),
)


@click.group(help="Move the data: one mapping describes it, everything goes by it.")
def data() -> None:
    pass


for _command in _COMMANDS:
    data.add_command(_command)


@click.group(name="reconcile", commands={**data.commands, outbox.name or "": outbox}, help=data.help)
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def command(context: click.Context, debug: bool) -> None:
    context.obj = debug


def main(arguments: list[str] | None = None) -> int:
    """Run a command line; errors are one line each unless --debug stands before the command."""
    found = sys.argv[1:] if arguments is None else arguments
    debug = bool(found) and found[0] == "--debug"
    try:
        return int(command.main(found, prog_name="python -m reconcile", standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return UsageError.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What was committed stays; run it again to go on.", err=True)
        return 1
    except StranglerError as error:
        if debug:
            raise
        # Problems of a file stand alone, as FILE:LINE:COLUMN, so that editors and terminals can jump to them.
        click.echo(error if isinstance(error, ConfigError) else f"Error: {error}", err=True)
        return error.exit_code
    except Exception as error:
        if debug:
            raise
        click.echo(f"Error: {type(error).__name__}: unexpected; run again with --debug before the command to see where", err=True)
        return StranglerError.exit_code
