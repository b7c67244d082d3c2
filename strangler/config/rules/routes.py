"""Routes by themselves: names, reachability, and references within one route."""

from __future__ import annotations

import re

from strangler.config.rules.draft import Draft, Rule
from strangler.core.overlap import hidden_by
from strangler.core.spec.reader import Reader, nearest

_PARAMETER = re.compile(r"\{([^{}]*)\}")


def names_are_unique(draft: Draft, reader: Reader) -> None:
    lines: dict[str, int] = {}
    for placed in draft.routes:
        name = placed.written.get("name")
        if name in lines:
            placed.problem(reader, "name", f"{name!r} is taken: another route has it on line {lines[name]}")
        elif name is not None:
            lines[name] = placed.written.place("name").start.line + 1


def routes_are_reachable(draft: Draft, reader: Reader) -> None:
    """A route behind one that takes all its requests is dead, and looks alive."""
    routes = {route.index: (route, placed) for route, placed in draft.whole() if not placed.is_broken("match")}
    for index, hiding in hidden_by([route for route, _ in routes.values()]).items():
        names = " and ".join(repr(routes[other][0].name) for other in hiding)
        takes = "takes" if len(hiding) == 1 else "take"
        routes[index][1].problem(
            reader, "match", f"can never match: {names} above it {takes} every such request: move this route up, or delete it"
        )


def adapted_paths_use_known_parameters(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        for name in _PARAMETER.findall(route.adapt.request.path):
            if name not in route.match.path.positions:
                hint = nearest(name, list(route.match.path.positions))
                placed.problem(reader, "adapt.request.path", f"{route.match.path} has no parameter {name!r}{hint}")


def data_needs_mappings(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        if route.data and not draft.values.get("mappings") and not draft.written.is_broken("mappings"):
            placed.value_problem(reader, "data", f"names the mapping {route.data[0]!r}, but the file has no `mappings:`")


def milestones_name_known_routes(draft: Draft, reader: Reader) -> None:
    if any(placed.is_broken("name", "group") for placed in draft.routes) or draft.written.is_broken("routes"):
        return
    names = {placed.written["name"] for placed in draft.routes if placed.written.has("name")}
    names |= {f"@{placed.written.get('group') or draft.defaults.get('group', '')}" for placed in draft.routes} - {"@"}
    for milestone, value in draft.sections("milestones"):
        for name in value.routes if value else ():
            if name not in names:
                kind = "group" if name.startswith("@") else "route"
                reader.problem(
                    milestone.place("routes"),
                    f"{milestone.path}.routes",
                    f"there is no {kind} {name!r}{nearest(name, sorted(names))}",
                )


RULES: tuple[Rule, ...] = (
    names_are_unique,
    routes_are_reachable,
    adapted_paths_use_known_parameters,
    data_needs_mappings,
    milestones_name_known_routes,
)
