"""Databases end one of two transactions that wait for each other, and expect it to be tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from strangler.core.errors import DatabaseError

Result = TypeVar("Result")

_TIMES = 6
_POSTGRESQL = {"40P01", "40001"}
_MARIADB = {1213, 1020}


def outlast(action: Callable[[], Result]) -> Result:
    """Do it, and do it again if its transaction was the one that was ended. It must begin and end its transaction itself."""
    for _ in range(_TIMES):
        try:
            return action()
        except DatabaseError as error:
            if not is_contention(error):
                raise
    return action()


def is_contention(error: DatabaseError) -> bool:
    """Whether the database ended the transaction only because of another one."""
    original = getattr(error.__cause__, "orig", None)
    arguments = getattr(original, "args", ()) or (None,)
    return getattr(original, "sqlstate", None) in _POSTGRESQL or arguments[0] in _MARIADB
