"""Traffic beside a document: its base path, what it describes of what was found, and what of it nobody asked for."""

from __future__ import annotations

from collections.abc import Sequence

from strangler.core.template import Literal
from strangler.traffic.discovery.endpoint import Endpoint, structure
from strangler.traffic.discovery.tree import Place
from strangler.traffic.openapi import Operation, Surface


def base_of(root: Place, surface: Surface) -> str:
    """The base path with which most operations were asked for; the document's own if none was."""

    def reached(base: str) -> int:
        return sum(_reaches(root, one.template.parts) for one in surface.below(base))

    return max(surface.bases, key=lambda base: (reached(base), base == surface.bases[0]))


def _reaches(place: Place, parts: Sequence[object]) -> bool:
    if not parts:
        return bool(place.tallies)
    part, rest = parts[0], parts[1:]
    if isinstance(part, Literal):
        return part.text in place.words and _reaches(place.words[part.text], rest)
    return any(_reaches(below, rest) for below in place.below())


def documented(endpoints: list[Endpoint], operations: Sequence[Operation]) -> tuple[list[Endpoint], tuple[Operation, ...]]:
    """Endpoints with what the document says of them, and what it says of endpoints that nobody asked for."""
    known = {(one.method, structure(one.template)): one for one in operations}
    told = [one.told_by(known.get((one.method, structure(one.template)))) for one in endpoints]
    seen = {one.operation for one in told}
    asked = {structure(one.template) for one in endpoints if one.method == "GET"}
    return told, tuple(
        one for one in operations if one not in seen and not (one.method == "HEAD" and structure(one.template) in asked)
    )
