"""`strangler diffs show --har`: a mismatch for other tools."""

from __future__ import annotations

import io
from pathlib import Path

import click

from strangler.cli.terminal import clean
from strangler.control.taken_along import entries_of
from strangler.core.errors import UsageError
from strangler.core.records import Example
from strangler.traffic import har
from strangler.traffic.saving import Saving


def take_along(example: Example, where: str) -> None:
    """Write it into a file, or print it if `where` is a dash. Raises UsageError if there is such a file."""
    entries = entries_of(example)
    if where == "-":
        file = io.BytesIO()
        har.write(entries, file)
        click.echo(file.getvalue().decode(), nl=False)
        return
    if Path(where).suffix.lower() != ".har":
        raise UsageError(f"--har {clean(where)}: call it .har")
    saving = Saving(Path(where))
    for entry in entries:
        saving.add(entry)
    saving.close()
    click.echo(f"control and candidate in {clean(where)}")
