"""`strangler progress`: how far the migration is, and the record of one route."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from pathlib import Path

import click

from strangler.cli.diffs_screen import show
from strangler.cli.options import config_option, environment, json_option
from strangler.cli.progress_screen import overview, record
from strangler.cli.terminal import clean, console
from strangler.config.load import load
from strangler.control import progress
from strangler.core import progress as words
from strangler.core import retire
from strangler.core.errors import UsageError
from strangler.core.model import Config, Route
from strangler.core.spec.reader import nearest
from strangler.store.store import Store


@click.command("progress")
@click.argument("route", required=False)
@click.option("--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write one page to this file, too.")
@config_option
@json_option
def command(route: str | None, page: Path | None, path: Path, as_json: bool) -> None:
    """Show how far the migration is: routes and traffic by stage, milestones, and what was retired.

    \b
    strangler progress                           in short
    strangler progress --html progress.html      one page to send or to print
    strangler progress read-order                the record of one route: what was proven before it was retired
    """
    config = load(path, environment())
    if route is not None and page is not None:
        raise UsageError("--html is of all routes: leave the route out")
    entries = progress.entries(config, path)
    now = time.time()
    with closing(Store.open(config.store, config.folder, read_only=True)) as store:
        if route is not None:
            found = progress.decommission(config, _route(config, route), store, entries, now)
            return click.echo(json.dumps(retire.as_json(found))) if as_json else show(console(), record(found))
        so_far = progress.progress(config, store, entries, now)
        wanted = [each for each in config.routes if each.name in so_far.retired] if page or as_json else []
        records = [progress.decommission(config, each, store, entries, now) for each in wanted]
    if as_json:
        click.echo(json.dumps({**words.as_json(so_far), "records": [retire.as_json(each) for each in records]}))
    else:
        show(console(), overview(so_far))
    if page is not None:
        from strangler.web.progress import render

        _write(page, render(so_far, records, title=path.name))
        click.echo(f"written: {page}", err=True)
    return None


def _route(config: Config, name: str) -> Route:
    found = next((route for route in config.routes if route.name == name), None)
    if found is None:
        raise UsageError(f"no route is named {clean(name)!r}{nearest(name, [route.name for route in config.routes])}")
    return found


def _write(page: Path, text: str) -> None:
    """Whole or not at all: somebody may be looking at it."""
    draft = page.with_name(f".{page.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(page)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{page} cannot be written: {error.strerror}") from None
