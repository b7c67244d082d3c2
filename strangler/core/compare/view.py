"""What goes into a comparison, and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from strangler.core.difference import Difference
from strangler.core.document import Document
from strangler.core.outcome import Outcome

CAP = 10_000  # differences of one comparison; of ignored ones, as many again


@dataclass(frozen=True, slots=True)
class View:
    """An answer as it is compared.

    Attributes:
        headers: in order, duplicates kept, names in lower case.
        document: the body, decoded.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    document: Document


class Ignored(NamedTuple):
    """A difference that does not count, and the rule that says so: ``tolerance $.total abs 0.01``."""

    difference: Difference
    rule: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two answers differ in.

    Attributes:
        differences: that count, in the order of the document.
        ignored: that do not.
        truncated: there were more than `CAP` of either; the rest is left out.
    """

    differences: tuple[Difference, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    truncated: bool = False

    @property
    def outcome(self) -> Outcome:
        if self.differences:
            return Outcome.MISMATCH
        return Outcome.IGNORED if self.ignored else Outcome.MATCH
