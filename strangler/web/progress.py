"""Progress as one page that stands alone: no script, nothing to load, for the screen, the phone and the printer.

Shapes are worked out here, words come from `core.progress` and `core.retire`, and the template puts them together. Texts have no
place in the drawings: those are stretched to the width there is, and letters would be too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from strangler.core import retire
from strangler.core.model import Stage
from strangler.core.progress import DAY, Outlook, Progress, Step
from strangler.core.retire import Decommission

# From the bottom of a column to its top, so that what is won grows from the ground; "none" is no route at all.
ORDER = (*(str(stage) for stage in reversed(Stage)), "none")
NAMES = {**{str(stage): str(stage) for stage in Stage}, "none": "no route"}
_MOST_COLUMNS = 30  # with room between them; more are drawn as one area
MARKS = {Outlook.DONE: "✓", Outlook.ON_TIME: "✓", Outlook.OPEN: "±", Outlook.LATE: "!", Outlook.UNKNOWN: "?"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A rectangle of a drawing that is 100 wide and 100 high: what of, how many, and which share of the whole that is."""

    stage: str
    number: int
    share: float
    x: float
    y: float
    width: float
    height: float
    title: str


def render(found: Progress, records: Sequence[Decommission] = (), *, title: str = "") -> str:
    """The page, with the records of what was retired."""
    context = {
        "found": found,
        "records": records,
        "title": title,
        "names": NAMES,
        "order": ORDER,
        "marks": MARKS,
        "routes": _bar({str(stage): number for stage, number in found.routes.items()}),
        "traffic": _bar(_named(found.recent.by_stage)),
        "beyond": sum(found.routes.get(stage, 0) for stage in (Stage.MODERN, Stage.RETIRED)),
        "charts": _charts(found.steps),
        "moment": retire.moment,
        "when": _when,
        "day": lambda at: datetime.fromtimestamp(at, UTC).strftime("%d %b %Y").lstrip("0"),
        "percent": percent,
        "retire": retire,
    }
    return _template().render(context)


@cache
def _template() -> Template:
    loader = PackageLoader("strangler.web", "templates")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.get_template("progress.html")


def percent(part: float, whole: float) -> str:
    """In whole per cent, but never all when it is not, nor nothing when it is something."""
    if not whole:
        return "–"
    text = f"{100 * part / whole:.0f}"
    if text == "100" and part < whole:
        return "> 99 %"
    return "< 1 %" if text == "0" and part else f"{text} %"


def _named(by_stage: Mapping[str, int]) -> Mapping[str, int]:
    return {stage or "none": number for stage, number in by_stage.items()}


def _bar(numbers: Mapping[str, int]) -> list[Piece]:
    """One bar, from left to right."""
    return [
        Piece(stage, number, share, start, 0, 100 * share, 100, f"{NAMES[stage]}: {number:,}")
        for stage, number, share, start in _parts(numbers)
    ]


def _parts(numbers: Mapping[str, int]) -> Iterator[tuple[str, int, float, float]]:
    """What is there, in order: how many, its share, and where it begins, of 100."""
    total, start = sum(numbers.values()), 0.0
    for stage in ORDER:
        number = numbers.get(stage, 0)
        if number:
            yield stage, number, number / total, start
            start += 100 * number / total


def _charts(steps: Sequence[Step]) -> list[tuple[str, str, list[Piece]]]:
    """Name, explanation and columns of what is drawn over time."""
    if len(steps) < 2:
        return []
    routes = [{str(stage): number for stage, number in step.routes.items()} for step in steps]
    traffic = [_named(step.traffic.by_stage) for step in steps]
    drawn = [("Routes by stage", "where routes stood at the end of each step", list(_columns(steps, routes)))]
    if any(traffic):
        drawn.append(("Traffic by stage", "requests by the stage of their route, as shares", list(_columns(steps, traffic))))
    return drawn


def _columns(steps: Sequence[Step], numbers: Sequence[Mapping[str, int]]) -> Iterator[Piece]:
    width = 100 / len(steps)
    drawn = 0.8 * width if len(steps) <= _MOST_COLUMNS else width
    for place, (step, counted) in enumerate(zip(steps, numbers, strict=True)):
        for stage, number, share, start in _parts(counted):
            title = f"{_when(step)}: {NAMES[stage]} {number:,} ({percent(share, 1)})"
            left = place * width + (width - drawn) / 2
            yield Piece(stage, number, share, left, 100 - start - 100 * share, drawn, 100 * share, title)


def _when(step: Step) -> str:
    pattern = "%Y-%m-%d" if step.seconds >= DAY else "%Y-%m-%d %H:%M"
    return datetime.fromtimestamp(step.at, UTC).strftime(pattern)
