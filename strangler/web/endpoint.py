"""One endpoint of the API: what it takes, who may ask it, and what answers. The table of them all is `endpoints`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from strangler.web.actors import Actor
from strangler.web.desk import Desk
from strangler.web.fields import Field


class Lane(StrEnum):
    """Work of one kind waits for work of that kind only: a rollback waits for no report, no flip, and no database of rows."""

    READ = "read"
    FLIP = "flip"
    ROLLBACK = "rollback"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was let in. `given` are its fields, `name` is what its path names, if anything."""

    actor: Actor
    given: Mapping[str, Any]
    name: str = ""


Answer = Callable[[Desk, Asked], Any]
"""May block: it is called in a thread. Gives what JSON can hold; raises StranglerError or Turned."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table.

    Attributes:
        says: in one line.
        role: that is needed.
        shows: name of the schema of the answer.
        fields: of the query, or of the body of a POST.
        errors: statuses besides those that any endpoint may give.
        streams: the answer is lines of JSON, which go on for as long as they like; `answer` gives them as they come.
    """

    method: str
    path: str
    says: str
    role: str
    answer: Answer
    shows: str
    fields: tuple[Field, ...] = ()
    lane: Lane = Lane.READ
    errors: Mapping[int, str] = field(default_factory=dict)
    streams: bool = False

    @property
    def name(self) -> str:
        """For programs that are made from the document."""
        return self.answer.__name__
