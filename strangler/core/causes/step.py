"""What every entry of the tables of transforms is: one way in which a value can be written otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from strangler.core.compare.prints import Prints
from strangler.core.exact import Number
from strangler.core.moment import Moment

Pair = tuple[Any, Any]
_SCALARS = (str, Number, bool, type(None), Decimal, Moment)


def _never(control: Any, candidate: Any) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Step:
    """One transform.

    Attributes:
        words: what happened, for people; the subject is the field.
        reduce: takes away from two values what this transform made different, or None if it has no part in it. If what
            is left is the same, the transform explains the difference.
        weak: whether these two values would fit too easily: one sample alone proves nothing then.
        family: two of one family are never at work together.
    """

    name: str
    words: str
    reduce: Callable[[Any, Any], Pair | None]
    weak: Callable[[Any, Any], bool] = _never
    family: str = ""


def same(one: Any, other: Any) -> bool:
    """Whether nothing is left to explain."""
    if type(one) in _SCALARS or type(other) in _SCALARS:
        return type(one) is type(other) and bool(one == other)
    prints = Prints()
    return prints.of(one) == prints.of(other)


def mirrored(reduce: Callable[[Any, Any], Pair | None]) -> Callable[[Any, Any], Pair | None]:
    """The same transform the other way round."""

    def back(control: Any, candidate: Any) -> Pair | None:
        left = reduce(candidate, control)
        return None if left is None else (left[1], left[0])

    return back


def normaliser(normal: Callable[[str], str]) -> Callable[[Any, Any], Pair | None]:
    """A transform between texts that have one normal form."""

    def reduce(control: Any, candidate: Any) -> Pair | None:
        if type(control) is not str or type(candidate) is not str:
            return None
        left = normal(control), normal(candidate)
        return left if left != (control, candidate) and all(left) else None

    return reduce
