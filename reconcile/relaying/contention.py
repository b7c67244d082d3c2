"""Databases end one of two transactions that wait for each other, and expect it to be tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from reconcile.applying.trouble import passes
from strangler.core.errors import DatabaseError

Result = TypeVar("Result")

_TIMES = 6


def outlast(action: Callable[[], Result]) -> Result:
    """Do it, and do it again if its transaction was the one that was ended. It must begin and end its transaction itself."""
    for _ in range(_TIMES):
        try:
            return action()
        except DatabaseError as error:
            if not passes(error.__cause__):
                raise
    return action()
