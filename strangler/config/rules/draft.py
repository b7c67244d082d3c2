"""What the rules look at: everything that could be read, with its places, whether or not the file is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strangler.core.model import Route, Upstream
from strangler.core.spec.reader import Reader
from strangler.core.spec.section import Written


@dataclass(frozen=True, slots=True)
class Placed:
    """A route (None if its name or match is missing) and how it was written."""

    route: Route | None
    written: Written

    def problem(self, reader: Reader, keys: str, message: str, *, warning: bool = False) -> None:
        """Note a problem at a dotted place below this route, or at the nearest place that is written."""
        path = f"{self.written.path}.{keys}" if keys else self.written.path
        reader.problem(self.written.place(*keys.split(".")), path, message, warning=warning)


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that has been read but not yet judged. `values` are the made values of the top-level keys but routes."""

    written: Written
    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    routes: tuple[Placed, ...]
    folder: Path

    @property
    def default(self) -> str:
        """The upstream that gets what no route matches."""
        return str(self.defaults.get("legacy", "legacy"))

    @property
    def upstreams(self) -> Mapping[str, Upstream | None]:
        upstreams: Mapping[str, Upstream | None] = self.values["upstreams"]
        return upstreams

    def whole(self) -> Iterator[tuple[Route, Placed]]:
        """The routes that have a name and a match."""
        for placed in self.routes:
            if placed.route is not None:
                yield placed.route, placed

    def problem(self, reader: Reader, keys: str, message: str, *, warning: bool = False) -> None:
        """Note a problem at a dotted place of the file, or at the nearest place that is written."""
        reader.problem(self.written.place(*keys.split(".")), keys, message, warning=warning)


Rule = Callable[[Draft, Reader], None]
