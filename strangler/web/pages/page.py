"""One page: where it is, what is on it, who may see it. The table of them all is `pages.pages`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strangler.web.desk import Desk
from strangler.web.endpoint import Asked
from strangler.web.fields import Field

Make = Callable[[Desk, Asked], Mapping[str, Any]]
"""What its template is given. May block: it is called in a thread. Raises StranglerError or Turned."""


@dataclass(frozen=True, slots=True)
class Page:
    """A row of the table.

    Attributes:
        says: its title.
        part: of the navigation that it belongs to.
        live: whether it is to be fetched anew when something has changed.
    """

    path: str
    says: str
    part: str
    template: str
    make: Make
    fields: tuple[Field, ...] = ()
    live: bool = True
