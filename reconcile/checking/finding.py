"""Something wrong with a mapping, and where: the value that every check gives.

What is certain to go wrong is an error, and stops backfill and reconcile as well as `check`; what depends on the rows, or on
what other programs do, is a warning, and is said by `check` only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from strangler.core.spec.reader import nearest

Steps = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong, and where in the mapping: ``("columns", "email")``."""

    steps: Steps
    message: str
    warning: bool = False

    def below(self, *steps: str | int) -> Finding:
        """The same, further down in the file."""
        return replace(self, steps=(*steps, *self.steps))


def unknown_table(steps: Steps, name: str, known: Iterable[str]) -> Finding:
    """The same for a table; one that was named with its schema is told where the schema goes."""
    schema, dot, table = name.rpartition(".")
    if not dot:
        return unknown(steps, "table", name, known)
    message = f"{name!r} is not a table: write {table!r} without its schema, and that into the address of a database of its own:"
    return Finding(steps, f"{message} ?options=-csearch_path%3D{schema} on PostgreSQL, /{schema} on MariaDB")


def unknown(steps: Steps, noun: str, name: str, known: Iterable[str]) -> Finding:
    """A name that is not there, with the nearest that is."""
    return Finding(steps, f"{name!r} is not a {noun}{nearest(name, list(known))}")
