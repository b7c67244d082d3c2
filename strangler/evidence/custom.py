"""A comparison of the user's own, ``compare.python``: a function of two answers that alone says whether they are equal.

It is called as ``function(control, candidate)`` with two `core.answer.Answer`s, whose bodies are decoded, and modern's
translated if the route does that. It returns True if they are equal; False if not; or, instead, what differs: any number of
texts, each a path (``$.items[0].price``) or a short reason. None at all means equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from strangler.core.answer import Answer
from strangler.core.compare.view import Comparison
from strangler.core.difference import Difference, Kind
from strangler.core.jsonpath import parse_pattern

_MOST = 1000  # texts
_LONGEST = 200  # characters of one


class ContractError(Exception):
    """The function returned something else."""


def compare_by(function: Callable[..., Any], control: Answer, candidate: Answer, usual: Comparison) -> Comparison:
    """What the function says of two answers. `usual` shows where they differ if it only says that they do.

    Raises ContractError, and whatever the function raises.
    """
    said = function(control, candidate)
    if said is True:
        return Comparison()
    if said is False:
        return Comparison(usual.differences or (Difference((), Kind.VALUE),), truncated=usual.truncated)
    if isinstance(said, str):
        said = [said]
    if not isinstance(said, Iterable):
        raise ContractError(f"returned {type(said).__name__}, neither True or False nor texts")
    return Comparison(tuple(_difference(text) for text in islice(said, _MOST)))


def _difference(text: object) -> Difference:
    if not isinstance(text, str):
        raise ContractError(f"returned {type(text).__name__} among what differs, which must be texts")
    try:
        steps = parse_pattern(text[:_LONGEST]).steps
    except ValueError:
        return Difference((text[:_LONGEST],), Kind.VALUE)
    return Difference(tuple("*" if step.key is None else step.key for step in steps), Kind.VALUE)
