"""The `strangler` command. Each sub-command lives in a module of its own, imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import click

from strangler import __version__
from strangler.core.errors import StranglerError

# name -> (module, or module:name, one-line help); help stands here so that `--help` imports nothing else
COMMANDS = {
    "demo": ("demo", "See it work: samples, traffic, proxy and data, in one command."),
    "init": ("init", "Write a first routes.yaml, from traffic or an OpenAPI document if there is one."),
    "discover": ("discover", "List the endpoints that traffic shows, and say what to strangle first, and why."),
    "serve": ("serve", "Run the proxy."),
    "check": ("check", "Read routes.yaml and report every problem."),
    "explain": ("explain", "Say where a request goes, and why."),
    "status": ("status", "Say where every route stands, how it goes, and what to do."),
    "top": ("top", "The same, live."),
    "flip": ("flip", "Move a route, or a group, to another stage."),
    "rollback": ("flip:rollback", "Take a route, or a group, back at once."),
    "cutover": ("cutover", "Move a group's writes and the ownership of their data, in one step."),
    "hold": ("flip_hold", "Let a route, or a group, climb no further."),
    "resume": ("flip_hold:resume", "Let it climb again."),
    "journal": ("journal", "Say who moved what, when and why."),
    "record": ("record", "Record what passes the running proxy, without its secrets."),
    "diffs": ("diffs", "Say how often the two sides agree, what they differ in, and why."),
    "replay": ("replay", "Ask a recording again, and say how far the answers agree: a gate for builds."),
    "progress": ("progress", "Show how far the migration is, and what was retired."),
    "schema": ("schema", "Print the JSON Schema of routes.yaml, for editors."),
    "outbox": ("outbox", "Events: their table, their delivery to every sink, and what could not be delivered."),
    "data": ("data", "Mappings: check, backfill, apply and reconcile the two databases."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, called = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(import_module(f"strangler.cli.{module}"), called or "command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="strangler")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def cli(debug: bool) -> None:
    """Replace a legacy application one endpoint and one table at a time, with proof at every step."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 unexpected, 2 usage or config, 3 a finding or refusal, 4 unreachable,
    5 database, 6 sink. An error is one line on standard error; `--debug` adds the traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" in arguments:
        sys.exit(cli.main(arguments, standalone_mode=False) or 0)
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        return cli.main(list(arguments), prog_name="strangler", standalone_mode=False) or 0
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "strangler"
        click.echo(f"strangler: {error.format_message()} (see `{path} --help`)", err=True)
        return error.exit_code
    except StranglerError as error:
        click.echo(f"strangler: {error}" if "\n" not in str(error) and not hasattr(error, "problems") else str(error), err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:  # `strangler … | head`
        sys.stderr.close()
        return 0
    except Exception as error:
        click.echo(f"strangler: unexpected {type(error).__name__}: {error} (run again with --debug, and tell us)", err=True)
        return 1
