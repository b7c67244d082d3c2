"""`strangler schema`"""

from __future__ import annotations

import json

import click

from strangler.config.jsonschema import schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of routes.yaml, for editors.

    Save it, and put this line at the top of routes.yaml:

    \b
      # yaml-language-server: $schema=strangler.schema.json
    """
    click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
