"""Routes by themselves: names, reachability, and references within one route."""

from __future__ import annotations

import re

from strangler.config.rules.draft import Draft, Rule
from strangler.core.overlap import hidden_by
from strangler.core.spec.reader import Reader, nearest

_PARAMETER = re.compile(r"\{([^{}]*)\}")


def names_are_unique(draft: Draft, reader: Reader) -> None:
    first: dict[str, int] = {}
    for placed in draft.routes:
        name = placed.written.get("name")
        line = placed.written.place("name").start.line + 1
        if name is not None and first.setdefault(name, line) != line:
            placed.problem(reader, "name", f"{name!r} is taken: another route has it on line {first[name]}")


def routes_are_reachable(draft: Draft, reader: Reader) -> None:
    """A route behind one that takes all its requests is dead, and looks alive."""
    routes = {route.index: (route, placed) for route, placed in draft.whole()}
    for index, hiding in hidden_by([route for route, _ in routes.values()]).items():
        names = " and ".join(repr(routes[other][0].name) for other in hiding)
        routes[index][1].problem(
            reader, "match", f"can never match: {names} above it take{'s' if len(hiding) == 1 else ''} every such request"
        )


def adapted_paths_use_known_parameters(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        path = route.adapt.request.path
        if path and not path.startswith("/"):
            placed.problem(reader, "adapt.request.path", f"{path!r} does not start with /")
        for name in _PARAMETER.findall(path):
            if name not in route.match.path.positions:
                hint = nearest(name, list(route.match.path.positions))
                placed.problem(reader, "adapt.request.path", f"{route.match.path} has no parameter {name!r}{hint}")


def data_needs_mappings(draft: Draft, reader: Reader) -> None:
    for route, placed in draft.whole():
        if route.data and not draft.values.get("mappings"):
            placed.problem(reader, "data", f"names the mapping {route.data[0]!r}, but the file has no `mappings:`")


def milestones_name_known_routes(draft: Draft, reader: Reader) -> None:
    names = {route.name for route, _ in draft.whole()}
    names |= {f"@{route.group}" for route, _ in draft.whole() if route.group}
    for index, milestone in enumerate(draft.values.get("milestones", ())):
        for name in milestone.routes if milestone else ():
            if name not in names:
                reader.problem(
                    draft.written.place("milestones"),
                    f"milestones[{index}].routes",
                    f"there is no {'group' if name.startswith('@') else 'route'} {name!r}{nearest(name, sorted(names))}",
                )


RULES: tuple[Rule, ...] = (
    names_are_unique,
    routes_are_reachable,
    adapted_paths_use_known_parameters,
    data_needs_mappings,
    milestones_name_known_routes,
)
