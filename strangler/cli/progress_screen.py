"""The screens of `strangler progress`: the answer, milestones, routes, the way so far; and the record of one route."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from strangler.cli.terminal import age, clean, count, share
from strangler.core import retire
from strangler.core.model import Stage
from strangler.core.progress import DAY, NO_ROUTE, Goal, Outlook, Progress, Standing, Step, day
from strangler.core.retire import Decommission

_BAR = 40  # columns
# A letter, a colour and a filling for each stage: any two of them tell it.
_LOOKS = {Stage.LEGACY: ("░", "dim"), Stage.SHADOW: ("▒", "blue"), Stage.CANARY: ("▓", "yellow"),
          Stage.MODERN: ("█", "green"), Stage.RETIRED: ("■", "bold green")}  # fmt: skip
_NO_ROUTE = ("·", "dim")
_OUTLOOKS = {Outlook.DONE: "bold green", Outlook.ON_TIME: "green", Outlook.OPEN: "yellow", Outlook.LATE: "bold red",
             Outlook.UNKNOWN: "yellow"}  # fmt: skip
_MOST_STEPS = 12  # of the way, the last ones


def overview(found: Progress) -> Iterator[RenderableType]:
    """All of it."""
    if not found.standings:
        yield Text("There is no route yet. Add one to `routes:`; from then on its stage and its traffic are shown here.")
        return
    yield _answer(found)
    yield Text()
    yield _shares(found)
    for goal in found.goals:
        yield Text()
        yield _goal(goal)
    yield Text()
    yield _routes(found)
    if len(found.steps) > 1:
        yield Text()
        yield _way(found)
    if found.retired:
        yield Text()
        yield Text(f"retired: {', '.join(map(clean, found.retired))}; `strangler progress ROUTE` prints the record of one")


def _answer(found: Progress) -> Text:
    beyond = sum(found.routes.get(stage, 0) for stage in (Stage.MODERN, Stage.RETIRED))
    text = Text.assemble((f"{beyond} of {count(len(found.standings), 'route')} at modern or retired", "bold"))
    if found.recent.requests:
        text.append(f"; modern answered {share(found.recent.by_modern, found.recent.requests)} of ")
        text.append(f"{count(found.recent.requests, 'request')} in the last day")
    else:
        text.append("; no request was recorded in the last day (`strangler serve` records them)")
    return text


def _shares(found: Progress) -> Table:
    table = _table("", "", *(str(stage) for stage in Stage), "no route")
    routes = {str(stage): number for stage, number in found.routes.items()}
    for name, numbers in (("routes", routes), ("traffic, last day", found.recent.by_stage)):
        total = sum(numbers.values())
        if total:
            cells = [_cell(name, stage, numbers.get(stage, 0), total) for stage in (*map(str, Stage), NO_ROUTE)]
            table.add_row(name, _bar(numbers), *cells)
    return table


def _cell(name: str, stage: str, number: int, total: int) -> str:
    if name == "routes":
        return str(number) if stage else "–"
    return share(number, total, 0)


def _bar(numbers: Mapping[str, int], width: int = _BAR) -> Text:
    """Parts end where the sum up to them does, rounded, so that all together are `width` long."""
    total, counted, drawn = sum(numbers.values()), 0, 0
    text = Text(no_wrap=True)
    for stage in (*map(str, Stage), NO_ROUTE):
        counted += numbers.get(stage, 0)
        glyph, style = _LOOKS[Stage(stage)] if stage else _NO_ROUTE
        end = round(width * counted / total) if total else 0
        text.append(glyph * (end - drawn), style)
        drawn = end
    return text


def _goal(goal: Goal) -> RenderableType:
    due = f", due {goal.due.isoformat()}" if goal.due else ""
    head = Text.assemble(
        (clean(goal.name), "bold"), f"{due}: ", (str(goal.outlook), _OUTLOOKS[goal.outlook]),
        f"; {goal.done} of {count(len(goal.routes), 'route')} retired, {goal.climbed:.0%} of the way climbed",
    )  # fmt: skip
    places = "; ".join(f"{clean(name)} {place}" for name, place in goal.routes.items())
    return Group(head, Padding(Group(Text(goal.words), Text(places, "dim")), (0, 0, 0, 2)))


def _routes(found: Progress) -> Table:
    table = _table("route", "group", "stage", "since", "requests, last day", "by modern", text=3)
    for standing in found.standings:
        table.add_row(*_standing(standing, found.now))
    return table


def _standing(standing: Standing, now: float) -> tuple[RenderableType, ...]:
    glyph, style = _LOOKS[standing.place.stage]
    since = age(now - standing.since) if standing.since is not None else "–"
    by_modern = share(standing.by_modern, standing.requests) if standing.requests else "–"
    place = Text(f"{glyph} {standing.place}", style)
    return clean(standing.route), clean(standing.group) or "–", place, since, f"{standing.requests:,}", by_modern


def _way(found: Progress) -> Group:
    shown = found.steps[-_MOST_STEPS:]
    table = _table("from (UTC)", "routes by stage", "requests", "by modern", text=2)
    for step in shown:
        table.add_row(_when(step), _bar({str(stage): number for stage, number in step.routes.items()}, 24), *_traffic(step))
    legend = "  ".join(f"{glyph} {stage}" for stage, (glyph, _) in _LOOKS.items())
    return Group(table, Text(legend, "dim"))


def _traffic(step: Step) -> tuple[str, str]:
    requests = step.traffic.requests
    return f"{requests:,}", share(step.traffic.by_modern, requests) if requests else "–"


def _when(step: Step) -> str:
    return day(step.at) + ("" if step.seconds >= DAY else f" {int(step.at % DAY // 3600):02d}:00")


def record(found: Decommission) -> Iterator[RenderableType]:
    """The record of one route, as it may be printed and kept."""
    style = "bold green" if not found.missing else "bold yellow"
    yield Text.assemble((clean(found.route), "bold"), ": ", (retire.answer(found), style))
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False, pad_edge=False)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, said in retire.facts(found):
        table.add_row(name, clean(said))
    yield Padding(table, (0, 0, 0, 2))
    yield Text("journal:" if found.entries else "journal: it has no flip of this route")
    for flip in found.entries:
        yield Text("  " + clean(retire.told(flip)))
    yield Text("nothing is missing" if not found.missing else "missing:", "" if found.missing else "green")
    for each in found.missing:
        yield Text("  " + clean(each), "yellow")


def _table(*columns: str, text: int = 2) -> Table:
    """`text`: how many of the columns are read from the left; numbers follow."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < text else "right", overflow="fold")
    return table
