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
    """A route (None if its name or match is missing), how it was written, and what it takes over from `defaults`."""

    route: Route | None
    written: Written
    defaults: Written

    def problem(self, reader: Reader, keys: str, message: str, *, warning: bool = False) -> None:
        """Note a problem of this route at a dotted place below it, or at the nearest place that is written."""
        reader.problem(self.written.place(*keys.split(".")), f"{self.written.path}.{keys}", message, warning=warning)

    def value_problem(self, reader: Reader, keys: str, message: str, *, warning: bool = False) -> None:
        """Note that a value is wrong in whichever route it is: where it stands, which may be in `defaults`."""
        home = self.defaults if self.defaults.has(*keys.split(".")) and not self.written.has(*keys.split(".")) else self.written
        reader.problem(home.place(*keys.split(".")), f"{home.path}.{keys}", message, warning=warning)

    def is_broken(self, *dotted: str) -> bool:
        """Whether any of these keys could not be read, here or in `defaults`: what depends on it is not judged."""
        return any(home.is_broken(*keys.split(".")) for home in (self.written, self.defaults) for keys in dotted)

    def says(self, key: str) -> bool:
        """Whether the route has a key, of its own or from `defaults`."""
        return key in self.written or key in self.defaults


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that has been read but not yet judged. `values` are the made values of the top-level keys but routes, in
    the order and number of `written`."""

    written: Written
    values: Mapping[str, Any]
    defaults: Written
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

    @property
    def knows_upstreams(self) -> bool:
        """Whether `upstreams` could be read, so that a name that is not among them is a mistake of its own."""
        return "upstreams" in self.written and not any(name not in self.upstreams for name in self.written["upstreams"].broken)

    def sections(self, key: str) -> Iterator[tuple[Written, Any]]:
        """The sections of a top-level list, and what each was made into (None if it is incomplete)."""
        yield from zip(self.written.get(key, ()), self.values.get(key, ()), strict=True)

    def whole(self) -> Iterator[tuple[Route, Placed]]:
        """The routes that have a name and a match."""
        for placed in self.routes:
            if placed.route is not None:
                yield placed.route, placed

    def problem(self, reader: Reader, keys: tuple[str, ...], message: str) -> None:
        """Note a problem at a nested key of the file, or at the nearest place that is written."""
        reader.problem(self.written.place(*keys), ".".join(keys), message)


Rule = Callable[[Draft, Reader], None]
