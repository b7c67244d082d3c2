"""A routes.yaml from what was found: in the order in which to strangle, with the reasons, and so that no route hides another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from strangler.core.figures import clean, count, share
from strangler.core.template import Literal, Part, Rest, Template
from strangler.traffic.discovery.endpoint import Endpoint, structure
from strangler.traffic.discovery.ranking import Ranked
from strangler.traffic.discovery.survey import Discovery, precedence

_REASONS = 3  # that stand with each route
_LONGEST = 120
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")

HEAD = """\
# The first match in file order wins; whatever no route matches goes to legacy, as it always did.
version: 1

upstreams:
  legacy: {{url: {legacy}}}
  modern: {{url: {modern}}}
"""


@dataclass(frozen=True, slots=True)
class Proposed:
    """A route: what reads, or what writes, of one template."""

    name: str
    template: Template
    methods: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    above: str = ""

    @property
    def upgrades(self) -> bool:
        return any(one.endpoint.upgrades for one in self.ranked)


def proposed(ranked: Sequence[Ranked]) -> tuple[Proposed, ...]:
    """The routes in their order. What is more special stands above what would take its requests."""
    groups: dict[tuple[tuple[str, ...], bool], list[Ranked]] = {}
    for one in ranked:
        groups.setdefault((structure(one.endpoint.template), one.endpoint.safe), []).append(one)
    names: set[str] = set()
    routes = [_route(group, names) for group in groups.values()]
    placed: dict[str, Proposed] = {}
    for route in routes:
        _place(route, routes, placed, "")
    return tuple(placed.values())


def _route(group: Sequence[Ranked], names: set[str]) -> Proposed:
    endpoint = group[0].endpoint
    methods = dict.fromkeys(method for one in group for method in _methods(one.endpoint))
    name = _unused(_named(endpoint), names)
    return Proposed(name, endpoint.template, tuple(methods), tuple(group))


def _methods(endpoint: Endpoint) -> tuple[str, ...]:
    return ("GET", "HEAD") if endpoint.method == "GET" and not endpoint.upgrades else (endpoint.method,)


def _named(endpoint: Endpoint) -> str:
    words = (part.text if isinstance(part, Literal) else f"by {part.name}" for part in endpoint.template.parts)
    path = re.sub(r"[^A-Za-z0-9]+", "-", " ".join(words)).strip("-").lower() or "home"
    return f"{'read' if endpoint.safe else 'write'}-{path}"[:90].rstrip("-")


def _unused(name: str, names: set[str]) -> str:
    number, unused = 1, name
    while unused in names:
        number += 1
        unused = f"{name}-{number}"
    names.add(unused)
    return unused


def _place(route: Proposed, routes: Sequence[Proposed], placed: dict[str, Proposed], above: str) -> None:
    """Put a route at the end, but first those that would be hidden by it. Ends, as each of those is more special."""
    if route.name in placed:
        return
    for other in routes:
        more_special = precedence(other.template) < precedence(route.template)
        if other.name not in placed and more_special and _overlap(other, route):
            _place(other, routes, placed, above or route.name)
    placed[route.name] = Proposed(route.name, route.template, route.methods, route.ranked, above)


def _overlap(one: Proposed, other: Proposed) -> bool:
    return bool(set(one.methods) & set(other.methods)) and _meet(one.template.parts, other.template.parts)


def _meet(one: Sequence[Part], other: Sequence[Part]) -> bool:
    """Whether some path fits both templates; of two regexes it is taken for granted."""
    if not one or not other:
        return not one and not other
    mine, theirs = one[0], other[0]
    if isinstance(mine, Rest) or isinstance(theirs, Rest):
        return True
    return _may_be_equal(mine, theirs) and _meet(one[1:], other[1:])


def _may_be_equal(mine: Part, theirs: Part) -> bool:
    if isinstance(mine, Rest) or isinstance(theirs, Rest):
        return True
    if isinstance(mine, Literal):
        return mine == theirs if isinstance(theirs, Literal) else theirs.fits(mine.text)
    return not isinstance(theirs, Literal) or mine.fits(theirs.text)


def render(
    discovery: Discovery, routes: Sequence[Proposed], *, legacy: str, modern: str, stage: str = "legacy", source: str = ""
) -> str:
    """The text of a routes.yaml that `strangler check` finds sound."""
    lines = [*_introduction(discovery, source), HEAD.format(legacy=_text(legacy), modern=_text(modern))]
    if not routes:
        return "\n".join([*lines, "routes: []", ""])
    return "\n".join([*lines, "routes:", *_written(routes, discovery.requests, stage)]) + "\n"


def _introduction(discovery: Discovery, source: str) -> Iterator[str]:
    if discovery.requests:
        yield f"# Proposed from {count(discovery.requests, 'request')} of {_comment(source)}."
    elif source:
        yield f"# Proposed from {_comment(source)}, without traffic."
    if source:
        yield "# What to strangle first stands first. Where a route stands at legacy nothing changes until you move it:"
        yield "# strangler flip ROUTE shadow"


def _written(routes: Iterable[Proposed], requests: int, stage: str) -> Iterator[str]:
    for number, route in enumerate(routes, 1):
        asked = sum(one.endpoint.requests for one in route.ranked)
        part = f", {share(asked, requests)} of all requests" if requests else ""
        yield f"  # {number}. {count(asked, 'request')}{part}" if asked else f"  # {number}. never seen, but documented"
        for words in _why(route):
            yield f"  #    {_comment(words)}"
        if route.above:
            yield f"  #    here, above {route.above}, which would take its requests"
        yield f"  - name: {route.name}"
        yield f"    match: {{path: {_text(route.template.text)}, methods: [{', '.join(route.methods)}]}}"
        yield f"    stage: {stage if _may_be(route, stage) else 'legacy'}"
        if route.upgrades:
            yield "    upgrades: [websocket]"


def _may_be(route: Proposed, stage: str) -> bool:
    """Whether a route can stand there from the first day: only what reads without effects is worth a copy, and harmless."""
    return stage == "legacy" or all(one.endpoint.safe and not one.endpoint.effects and not _lasts(one) for one in route.ranked)


def _lasts(one: Ranked) -> bool:
    return one.endpoint.upgrades or one.endpoint.streams


def _why(route: Proposed) -> list[str]:
    return list(dict.fromkeys(reason.words for one in route.ranked for reason in one.reasons[:_REASONS]))[: _REASONS + 1]


def _comment(text: str) -> str:
    return clean(text)[:_LONGEST]


def _text(text: str) -> str:
    """A scalar of YAML: as it is where nothing could be misread, else in JSON's quotes, which YAML reads, too."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
