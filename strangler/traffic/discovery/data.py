"""Which mappings an endpoint probably touches: those whose names stand in its path, or in the members of its answers. A guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from strangler.core.template import Literal
from strangler.traffic.discovery.endpoint import Endpoint
from strangler.traffic.discovery.folding import singular

Names = Mapping[str, frozenset[str]]
"""Of each mapping, and of its tables."""


def touched(endpoints: Iterable[Endpoint], mappings: Names) -> tuple[Endpoint, ...]:
    """The endpoints with the mappings that they probably touch."""
    known = {mapping: {plain(name) for name in names} for mapping, names in mappings.items()}
    return tuple(replace(one, mappings=_mappings(one, known)) for one in endpoints)


def _mappings(endpoint: Endpoint, known: Mapping[str, set[str]]) -> tuple[str, ...]:
    said = {plain(part.text) for part in endpoint.template.parts if isinstance(part, Literal)}
    said |= {plain(name) for name in endpoint.holders}
    said |= {plain(query.name) for query in endpoint.query}
    return tuple(sorted(mapping for mapping, names in known.items() if names & said))


def plain(name: str) -> str:
    """A name as it is compared: ``Order_Items`` and ``order-item`` are one."""
    return singular(re.sub(r"[^A-Za-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)).strip("_").lower())
