"""The journal as people read it: flips with what became of them, holds, newest first; entries of one flip on one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from strangler.cli.diffs_screen import indented
from strangler.cli.terminal import age, clean, count, moment
from strangler.control.events import Event
from strangler.core.journal import Kind
from strangler.core.model import Config

_MOST_NAMES = 4
_STYLES = {"live": "green", "abandoned": "yellow", "not settled": "bold yellow"}
_TOLD = {Kind.LIVE: "live", Kind.ABANDONED: "abandoned", Kind.INTENDED: "not settled"}


def screen(found: Sequence[Event], now: float, config: Config, *, asked: str = "") -> Iterator[RenderableType]:
    """Events, newest first, or what will appear here and how."""
    if not found:
        where = f" of {clean(asked)}" if asked else ""
        yield Text(f"nothing is journalled{where} yet: `strangler flip ROUTE shadow` is the first step up, and stands here then")
    for event in found:
        yield Group(*_event(event, now, config))


def _event(event: Event, now: float, config: Config) -> Iterator[RenderableType]:
    entry = event.first
    when = f"{moment(entry.at)}  {age(max(now - entry.at, 0)):>6} ago  "
    if event.became in (Kind.HOLD, Kind.RESUME):
        word = "held" if event.became is Kind.HOLD else "resumed"
        what = Text(f"{_names(event, config)} {word}", "yellow" if event.became is Kind.HOLD else "")
    else:
        told = _TOLD[event.became]
        what = Text.assemble(f"{_moves(event, config)}  ", (told, _STYLES[told]), ", held" if event.held else "")
    yield Text.assemble((when, "dim"), what)
    yield indented(Text(clean(_why(event))))


def _moves(event: Event, config: Config) -> str:
    ways = {(change.before, change.after) for change in event.changes}
    if len(ways) == 1:
        ((before, after),) = ways
        return f"{_names(event, config)}: {before} → {after}"
    return clean("; ".join(str(change) for change in event.changes))


def _names(event: Event, config: Config) -> str:
    """The group if all its routes are meant, else the routes."""
    names = [entry.route for entry in event.entries]
    group = next((route.group for route in config.routes if route.name == names[0]), "")
    if len(names) > 1 and group and set(names) == {route.name for route in config.routes if route.group == group}:
        return clean(f"@{group} ({count(len(names), 'route')})")
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return clean(", ".join(names[:_MOST_NAMES])) + more


def _why(event: Event) -> str:
    """Who, what the guard said, and the reason."""
    entry = event.first
    verdicts = list(dict.fromkeys(each.verdict for each in event.entries if each.verdict))
    parts = [f"by {entry.actor}"]
    if entry.forced:
        parts.append(f"forced, although the guard said: {'; '.join(verdicts) or 'nothing'}")
    elif verdicts:
        parts.append(f"guard: {'; '.join(verdicts)}")
    text = ", ".join(parts)
    return f"{text}: {entry.reason}" if entry.reason else text
