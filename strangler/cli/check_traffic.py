"""`strangler check --traffic`: what a configuration would do with the requests that came lately."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from strangler.cli.diffs_screen import show
from strangler.cli.terminal import clean, console, count, moment, share, shorten
from strangler.config.keyfile import REDACTION
from strangler.config.load import load
from strangler.core.errors import UsageError
from strangler.core.model import Config
from strangler.core.redact import Redactor
from strangler.core.redact.overall import redactor_of
from strangler.core.replan import REFUSED, Change, Plan, plan
from strangler.store.store import Store

_LONGEST = 100  # characters of an example


def traffic(config: Config, against: Path | None, environ: Mapping[str, str], as_json: bool) -> int:
    """Show the plan. Returns the exit code: 0, or 3 if nothing was recorded."""
    before = load(against, environ) if against else None
    kept_by = before or config  # the store of the file that is served, if one is named
    with closing(Store.open(kept_by.store, kept_by.folder, read_only=True)) as store:
        recents = store.requests()
    if not recents:
        said = "no request was recorded yet: `strangler serve` keeps a sample, from the first route on"
        click.echo(json.dumps({"requests": 0, "drawn": 0}) if as_json else said, err=not as_json)
        return 3
    found = plan(recents, config, before, _redactor(kept_by, environ))
    if as_json:
        click.echo(json.dumps(as_json_of(found)))
    else:
        show(console(), screen(found, str(against) if against else ""))
    return 0


def _redactor(config: Config, environ: Mapping[str, str]) -> Redactor | None:
    """By which the requests were redacted; None if there is no key, or not for us. Never makes one."""
    if not environ.get(REDACTION.variable) and not os.path.exists(os.path.join(config.folder, REDACTION.file)):
        return None
    with suppress(UsageError):
        return redactor_of(config, REDACTION.find(environ, config.folder))
    return None


def screen(found: Plan, against: str) -> Iterator[RenderableType]:
    """The answer, then each change, then what is approximate."""
    changed = found.requests - found.unchanged
    than = f"than by {clean(against)}" if against else "than when they came"
    answer = (
        "nothing changes" if not found.changes else f"{share(round(changed), round(found.requests))} would go otherwise {than}"
    )
    yield Text.assemble((answer, "bold"), f": {_about(changed)} of {_requests(found.requests)}")
    yield Text(f"{count(found.drawn, 'request')} drawn from them, {moment(found.first)} to {moment(found.last)}", "dim")
    for change in found.changes:
        yield Text()
        yield _change(change)
    if found.doubts:
        yield Text()
        yield Text("approximate, as the requests are kept without their secrets:")
        for doubt, number in sorted(found.doubts.items(), key=lambda item: -item[1]):
            yield Text(f"  {clean(doubt)} ({_requests(number)})")


def _change(change: Change) -> RenderableType:
    before, after = (clean(name) or "no route" for name in (change.before, change.after))
    if {new for _, new in change.served} == {REFUSED}:
        after = REFUSED
    head = before if before == after else f"{before} → {after}"
    lines = [Text(line) for line in _lines(change)]
    examples = [Text(f"such as {shorten(clean(each), _LONGEST)}", "dim") for each in change.examples]
    return Group(
        Text.assemble((head, "bold"), f": {_requests(change.requests)}"), Padding(Group(*lines, *examples), (0, 0, 0, 2))
    )


def _lines(change: Change) -> Iterator[str]:
    for (old, new), number in sorted(change.served.items(), key=lambda item: -item[1]):
        if new == REFUSED != old:
            yield f"{_about(number)} refused, now served by {clean(old)} (a path that servers read differently)"
        elif old == REFUSED != new:
            yield f"{_about(number)} served by {clean(new)}, now refused"
        elif old != new:
            yield f"{_about(number)} served by {clean(new)}, now by {clean(old)}"
    if change.gains >= 0.5:
        yield f"{_about(change.gains)} more copied"
    if change.loses >= 0.5:
        yield f"{_about(change.loses)} fewer copied"
    if change.doubtful:
        yield f"{_about(change.doubtful)} of these are approximate"


def _about(number: float) -> str:
    return f"{round(number):,}"


def _requests(number: float) -> str:
    return count(round(number), "request")


def as_json_of(found: Plan) -> dict[str, Any]:
    """The plan as JSON-able values."""
    return {
        "requests": round(found.requests),
        "drawn": found.drawn,
        "first": found.first,
        "last": found.last,
        "unchanged": round(found.unchanged),
        "changes": [_change_as_json(change) for change in found.changes],
        "approximate": {doubt: round(number) for doubt, number in found.doubts.items()},
    }


def _change_as_json(change: Change) -> dict[str, Any]:
    return {
        "before": change.before or None,
        "after": change.after or None,
        "requests": round(change.requests),
        "served": [{"before": old, "after": new, "requests": round(number)} for (old, new), number in change.served.items()],
        "refused": round(change.refused),
        "gains_copies": round(change.gains),
        "loses_copies": round(change.loses),
        "approximate": round(change.doubtful),
        "examples": change.examples,
    }
