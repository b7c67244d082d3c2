"""One error tree. Each class knows its exit code (DESIGN: 0 done, 1 unexpected, 2 usage or config, ...)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StranglerError(Exception):
    """Base of every error that a user may see: one line that says what happened and what to do next."""

    exit_code = 1


class UsageError(StranglerError):
    """The command line or an argument is wrong."""

    exit_code = 2


class Refusal(StranglerError):
    """The work was done and the answer is no: guard not met, drift found, parity below the bar."""

    exit_code = 3


class UnreachableError(StranglerError):
    """The proxy or an upstream cannot be reached, or an address cannot be bound."""

    exit_code = 4


class DatabaseError(StranglerError):
    """A database refused or was not there."""

    exit_code = 5


class SinkError(StranglerError):
    """An event could not be handed to its sink."""

    exit_code = 6


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a written file.

    `line` and `column` count from 1; 0 means the problem has no place in the file (the file is missing, say).
    `path` is how the user would write the place: ``routes[2].weight``. A warning does not stop anything.
    """

    line: int
    column: int
    path: str
    message: str
    warning: bool = False

    def render(self, file: str) -> str:
        """The problem as ``FILE:LINE:COLUMN: PATH: MESSAGE``, the form that editors jump to."""
        place = f"{file}:{self.line}:{self.column}" if self.line else file
        subject = f"{self.path}: " if self.path else ""
        return f"{place}: {'warning: ' if self.warning else ''}{subject}{self.message}"


class ConfigError(UsageError):
    """A written file has problems, all of which are carried here; nothing of the file is used."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.render(file) for problem in self.problems))
