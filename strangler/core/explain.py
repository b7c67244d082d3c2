"""Why a request goes where it goes: which rule wins, which lose and why, the bucket, and what each stage would do.

It looks at every route one by one, and shares with `match` only the conditions themselves, so tests hold the tree
against it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from strangler.core.decide import Decision, Forward, Table, stand, sticky_key
from strangler.core.match import predicates
from strangler.core.model import Config, Missing, Route, Stage
from strangler.core.request import Request
from strangler.core.target import Segments, canonical, readings
from strangler.core.template import Literal, Parameter, Rest, Template


@dataclass(frozen=True, slots=True)
class Verdict:
    """One route against the request; without `reasons` it matches. `near` says that host and path fit."""

    route: Route
    reasons: tuple[str, ...]
    near: bool


@dataclass(frozen=True, slots=True)
class Stand:
    """Where the request stands on the canary of its route: the sticky key that was found, and the bucket."""

    key: str | None
    bucket: float
    in_words: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one request.

    Attributes:
        segments: canonical path.
        readings: how else servers could read the path, if it is ambiguous.
        verdicts: one per route, in file order.
        winner: the first route without reasons, if the path is not ambiguous.
        stages: what each stage would do with this request on the winning route.
    """

    request: Request
    segments: Segments
    ambiguous: str
    readings: tuple[Segments, ...]
    verdicts: tuple[Verdict, ...]
    winner: Route | None
    stand: Stand | None
    decision: Decision
    stages: tuple[tuple[Stage, Forward], ...]


def explain(config: Config, request: Request, draw: float = 0.5, moved: Collection[str] = ()) -> Explanation:
    """Explain one request. `draw` stands for the draw that a canary without a key may need; `moved` are the mappings that modern
    owns."""
    path = canonical(request.path)
    verdicts = tuple(_verdict(route, request, path.segments) for route in config.routes)
    winner = next((verdict.route for verdict in verdicts if not verdict.reasons), None) if not path.ambiguous else None
    return Explanation(
        request,
        path.segments,
        path.ambiguous,
        tuple(sorted(readings(request.path) or ())) if path.ambiguous else (),
        verdicts,
        winner,
        _stand(winner, request, path.segments, draw) if winner else None,
        Table(config, moved).decide(request, draw),
        tuple(_stages(config, winner, request, draw, moved)) if winner else (),
    )


def _verdict(route: Route, request: Request, segments: Segments) -> Verdict:
    reasons = []
    if not host_fits(route.match.host, request.host):
        reasons.append(f"host is not {route.match.host}")
    path_reason = path_misfit(route.match.path, segments)
    if path_reason:
        reasons.append(path_reason)
    near = not reasons
    if not route.match.takes(request.method):
        reasons.append(f"method is not {' or '.join(sorted(route.match.methods or ()))}")
    reasons.extend(f"no {predicate}" for predicate in predicates(route.match) if not predicate.holds(request))
    return Verdict(route, tuple(reasons), near)


def host_fits(pattern: str, host: str) -> bool:
    """Whether a host is what a pattern asks for; ``*.example.org`` asks for at least one more label."""
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return not pattern or host == pattern


def path_misfit(template: Template, segments: Segments) -> str:
    """Why a path does not fit a template, or "" if it does."""
    for index, part in enumerate(template.parts):
        if isinstance(part, Rest):
            return "" if len(segments) > index else f"path ends before {{{part.name}...}}"
        if index >= len(segments):
            return f"path has {len(segments)} of {len(template.parts)} segments"
        if isinstance(part, Literal) and part.text != segments[index]:
            return f"path has {segments[index]!r} where {part.text!r} belongs"
        if isinstance(part, Parameter) and not part.fits(segments[index]):
            return f"path has {segments[index]!r} where {{{part.name}{':' + part.regex if part.regex else ''}}} belongs"
    return "" if len(segments) == len(template.parts) else f"path goes on after {template}"


def _stand(route: Route, request: Request, segments: Segments, draw: float) -> Stand:
    where = stand(route.sticky, route.salt, route.match, request, segments, draw)
    if route.sticky is None:
        return Stand(None, where, "no `sticky:`, so one draw per request")
    key = sticky_key(route.sticky, route.match, request, segments)
    if key is not None:
        return Stand(key, where, f"{route.sticky.by} is {key!r}, salt {route.salt!r}")
    if route.sticky.missing is Missing.LEGACY:
        return Stand(None, where, f"no {route.sticky.by} in the request: legacy at every weight")
    return Stand(None, where, f"no {route.sticky.by} in the request: one draw per request")


def _stages(
    config: Config, route: Route, request: Request, draw: float, moved: Collection[str]
) -> Iterator[tuple[Stage, Forward]]:
    for stage in Stage:
        decision = Table(replace(config, routes=(replace(route, stage=stage, index=0),)), moved).decide(request, draw)
        if isinstance(decision, Forward):
            yield stage, decision
