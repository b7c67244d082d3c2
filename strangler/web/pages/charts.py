"""Shapes of charts, 100 wide and 100 high; templates stretch them to the room there is, and put the words beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from strangler.control.history import Step

_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Column:
    """A step as a rectangle: `title` says it in words."""

    x: float
    width: float
    y: float
    height: float
    name: str
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through the steps that have a value; parts between gaps stand alone."""

    name: str
    parts: tuple[str, ...]


def scale(step: float) -> str:
    """What a chart's steps are, in words; `step` in seconds."""
    return "in half hours, the last day" if step > 60 else "in minutes, the last hour"


def shares(steps: Sequence[Step], say: Callable[[Step], str]) -> list[Column]:
    """Who answered: two rectangles a step, as high as their part of the busiest step."""
    most, width = max((step.requests for step in steps), default=0) or 1, 100 / max(len(steps), 1)
    found = []
    for index, step in enumerate(steps):
        modern, legacy = 100 * step.modern / most, 100 * step.legacy / most
        x, title = index * width, say(step)
        found.append(Column(x, width * 0.9, 100 - modern, modern, "modern", title))
        found.append(Column(x, width * 0.9, 100 - modern - legacy, legacy, "legacy", title))
    return [column for column in found if column.height > _LEAST]


def agreement(steps: Sequence[Step], floor: float) -> Line:
    """Which share agreed, from `floor` at the bottom to all at the top."""
    return _line("agree", [_part(step.agreed, step.compared) for step in steps], floor, 1.0)


def durations(steps: Sequence[Step]) -> tuple[list[Line], float]:
    """The 95th percentile of both sides, and the seconds at the top."""
    legacy, modern = [step.p95_legacy for step in steps], [step.p95_modern for step in steps]
    top = max((value for value in (*legacy, *modern) if value is not None and value < inf), default=0.0) * 1.1
    return [_line("legacy", legacy, 0.0, top), _line("modern", modern, 0.0, top)] if top else [], top


def floor_of(steps: Sequence[Step]) -> float:
    """The bottom of a chart of agreement: the nearest of a few round shares below the worst step."""
    worst = min((step.agreed / step.compared for step in steps if step.compared), default=1.0)
    return next(floor for floor in (0.99, 0.95, 0.9, 0.5, 0.0) if worst > floor or floor == 0.0)


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _line(name: str, values: Sequence[float | None], bottom: float, top: float) -> Line:
    """A value that stands alone is a dash as wide as its step."""
    width, parts, run = 100 / max(len(values), 1), [], list[tuple[float, float]]()
    for index, value in enumerate([*values, None]):
        if value is not None and value < inf:
            run.append(((index + 0.5) * width, 100 - 100 * (max(value, bottom) - bottom) / (top - bottom)))
        elif run:
            parts.append(_drawn(run, width))
            run = []
    return Line(name, tuple(parts))


def _drawn(run: Sequence[tuple[float, float]], width: float) -> str:
    if len(run) == 1:
        ((x, y),) = run
        run = [(x - width * 0.4, y), (x + width * 0.4, y)]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in run)
