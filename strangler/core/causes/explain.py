"""Which transforms explain that two values differ: one, or two after each other.

A wrong name costs more than none: people act on it. So a transform counts only if it leaves nothing unexplained, and one
that fits too easily (1 and 100 could be anything) is kept apart as weak.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

from strangler.core.causes.numbers import DECIMALS, NOTATIONS, SCALE, SCALES, by_accident
from strangler.core.causes.shapes import SHAPES
from strangler.core.causes.step import Step, same
from strangler.core.causes.texts import TEXTS
from strangler.core.causes.times import TIMES

STEPS: tuple[Step, ...] = (*SHAPES, *NOTATIONS, *TIMES, *SCALES, *TEXTS)  # the more specific first
_PLACE = {step.name: place for place, step in enumerate(STEPS)}
_LONGEST = 20_000  # characters of a text that is looked at


class Explanation(NamedTuple):
    """A transform, or two joined by ``+``; `weak` if the values would fit too easily."""

    name: str
    weak: bool


def explanations(control: Any, candidate: Any) -> tuple[Explanation, ...]:
    """All that explain it, the most specific first; of two transforms only if no single one does."""
    if any(type(value) is str and len(value) > _LONGEST for value in (control, candidate)):
        return ()
    found = tuple(_single(control, candidate)) or tuple(_double(control, candidate))
    return tuple(sorted(dict.fromkeys(found), key=_rank))


def best(found: Iterable[Explanation]) -> str:
    """The name of the most specific one that is not weak, or ""."""
    return next((one.name for one in found if not one.weak), "")


def joined(*names: str) -> str:
    """Names of transforms in their fixed order."""
    return "+".join(sorted(names, key=lambda name: _PLACE.get(name, -1)))


def _rank(one: Explanation) -> list[int]:
    return [_PLACE[name] for name in one.name.split("+")]


def _single(control: Any, candidate: Any) -> Iterator[Explanation]:
    for step in STEPS:
        left = step.reduce(control, candidate)
        if left is not None and same(*left):
            yield Explanation(step.name, step.weak(control, candidate))


def _double(control: Any, candidate: Any) -> Iterator[Explanation]:
    return chain.from_iterable(_after(first, control, candidate) for first in STEPS)


def _after(first: Step, control: Any, candidate: Any) -> Iterator[Explanation]:
    left = first.reduce(control, candidate)
    if left is None:
        return
    for second in STEPS:
        rest = second.reduce(*left) if _combine(first, second) else None
        if rest is not None and same(*rest):
            weak = first.weak(control, candidate) or second.weak(*left)
            weak = weak or ({first.family, second.family} == {SCALE, DECIMALS} and by_accident(*left))
            yield Explanation(joined(first.name, second.name), weak)


def _combine(first: Step, second: Step) -> bool:
    return first is not second and not (first.family and first.family == second.family)
