"""First match in file order, at a cost that does not grow with the number of routes.

Templates are kept in a tree of segments, one tree per host pattern. A search visits only the nodes whose segments the
path has, and leaves a branch as soon as every route in it stands later in the file than the best one found. Where only
one template goes on, its remaining steps are kept in one leaf: with thousands of routes, the time goes into fetching
what lies scattered in memory. What is left to scan are routes with the *same* host and template that differ in method,
header, query or cookie, and different regexes at the same place.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import EllipsisType
from typing import Generic, Protocol, TypeVar

from strangler.core.model import Match
from strangler.core.request import Request
from strangler.core.target import Segments
from strangler.core.template import Literal, Rest, Template

PRESENT = "*"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One condition besides host, path and method. `source` is header, query or cookie; `wanted` ``*`` means: is there."""

    source: str
    name: str
    wanted: str

    def holds(self, request: Request) -> bool:
        """Whether any of the values is the wanted one (a header or parameter may stand there several times)."""
        if self.source == "header":
            values = request.header_values(self.name)
        elif self.source == "query":
            values = request.query_values(self.name)
        else:
            values = request.cookie_values(self.name)
        return any(self.wanted in (PRESENT, value) for value in values)

    def __str__(self) -> str:
        return f"{self.source} {self.name}" if self.wanted == PRESENT else f"{self.source} {self.name}={self.wanted}"


def predicates(match: Match) -> tuple[Predicate, ...]:
    """The conditions of a match, in a fixed order."""
    groups: tuple[tuple[str, Mapping[str, str]], ...] = (
        ("header", match.headers),
        ("query", match.query),
        ("cookie", match.cookies),
    )
    return tuple(Predicate(source, name, wanted) for source, wanting in groups for name, wanted in wanting.items())


class Entry(Protocol):
    """What the tree holds: anything that stands at a place in the file and has a match."""

    @property
    def index(self) -> int: ...
    @property
    def match(self) -> Match: ...
    @property
    def methods(self) -> frozenset[str] | None: ...
    @property
    def predicates(self) -> tuple[Predicate, ...]: ...


EntryT = TypeVar("EntryT", bound=Entry)
T = TypeVar("T")

# One segment of a template: that text, any that matches, any that is not empty (None), or everything from here on (...).
Step = str | re.Pattern[str] | None | EllipsisType
Steps = tuple[Step, ...]


@lru_cache(maxsize=4096)
def shared(value: T) -> T:
    """The same value for all that are equal, so that what thousands of routes share is one thing, and at hand."""
    return value


def steps_of(template: Template) -> Steps:
    """A template as the tree compares it."""
    return tuple(
        sys.intern(part.text)
        if isinstance(part, Literal)
        else ...
        if isinstance(part, Rest)
        else re.compile(part.regex)
        if part.regex
        else None
        for part in template.parts
    )


class _Leaf(Generic[EntryT]):
    """The end of one template, however many steps away, with the entries that have it."""

    __slots__ = ("entries", "least", "steps")

    def __init__(self, entry: EntryT, steps: Steps) -> None:
        self.entries: tuple[EntryT, ...] = (entry,)
        self.steps, self.least = shared(steps), entry.index

    def grown(self, entry: EntryT, steps: Steps) -> _Leaf[EntryT] | _Node[EntryT]:
        """What stands here once `entry` has been added."""
        if steps == self.steps:
            self.entries = (*self.entries, entry)
            return self
        node: _Node[EntryT] = _Node(self.least)
        for mine in self.entries:
            node.grown(mine, self.steps)
        return node.grown(entry, steps)

    def search(self, segments: Segments, depth: int, request: Request, best: EntryT | None) -> EntryT | None:
        if best is not None and self.least > best.index:
            return best
        for step in self.steps:
            if step is ...:
                break
            if depth == len(segments):
                return best
            segment = segments[depth]
            if isinstance(step, str):
                fits = step == segment
            else:
                fits = bool(segment if step is None else step.fullmatch(segment))
            if not fits:
                return best
            depth += 1
        takes_rest = bool(self.steps) and self.steps[-1] is ...
        whole = depth < len(segments) if takes_rest else depth == len(segments)
        return _first(self.entries, request, best) if whole else best

    def covering(self, steps: Steps) -> Iterator[EntryT]:
        """Entries whose template matches every path that `steps` match."""
        for place, mine in enumerate(self.steps):
            if mine is ... and place < len(steps):
                yield from self.entries
                return
            if place >= len(steps) or not _covers(mine, steps[place]):
                return
        if len(steps) == len(self.steps):
            yield from self.entries


class _Node(Generic[EntryT]):
    """Where templates part. `least` is the first place in the file of any route below."""

    __slots__ = ("ends", "least", "literals", "parameter", "regexes", "rest")

    def __init__(self, least: int) -> None:
        self.least = least
        self.literals: dict[str, _Leaf[EntryT] | _Node[EntryT]] = {}
        self.regexes: dict[re.Pattern[str], _Leaf[EntryT] | _Node[EntryT]] = {}
        self.parameter: _Leaf[EntryT] | _Node[EntryT] | None = None
        self.rest: tuple[EntryT, ...] = ()
        self.ends: tuple[EntryT, ...] = ()

    def grown(self, entry: EntryT, steps: Steps) -> _Node[EntryT]:
        """This node with `entry` added; entries come in file order."""
        if not steps:
            self.ends = (*self.ends, entry)
        elif steps[0] is ...:
            self.rest = (*self.rest, entry)
        elif steps[0] is None:
            self.parameter = _grown(self.parameter, entry, steps[1:])
        elif isinstance(steps[0], str):
            self.literals[steps[0]] = _grown(self.literals.get(steps[0]), entry, steps[1:])
        else:
            self.regexes[steps[0]] = _grown(self.regexes.get(steps[0]), entry, steps[1:])
        return self

    def search(self, segments: Segments, depth: int, request: Request, best: EntryT | None) -> EntryT | None:
        if best is not None and self.least > best.index:
            return best
        if depth == len(segments):
            return _first(self.ends, request, best)
        if self.rest:
            best = _first(self.rest, request, best)
        segment = segments[depth]
        literal = self.literals.get(segment)
        if literal is not None:
            best = literal.search(segments, depth + 1, request, best)
        if self.parameter is not None and segment:
            best = self.parameter.search(segments, depth + 1, request, best)
        for pattern, child in self.regexes.items():
            if (best is None or child.least < best.index) and pattern.fullmatch(segment):
                best = child.search(segments, depth + 1, request, best)
        return best

    def covering(self, steps: Steps) -> Iterator[EntryT]:
        """Entries whose template matches every path that `steps` match."""
        if not steps:
            yield from self.ends
            return
        yield from self.rest
        step = steps[0]
        children = [self.parameter if _covers(None, step) else None]
        if isinstance(step, str):
            children.append(self.literals.get(step))
            children += [child for pattern, child in self.regexes.items() if pattern.fullmatch(step)]
        elif isinstance(step, re.Pattern):
            children.append(self.regexes.get(step))
        for child in children:
            if child is not None:
                yield from child.covering(steps[1:])


def _grown(child: _Leaf[EntryT] | _Node[EntryT] | None, entry: EntryT, steps: Steps) -> _Leaf[EntryT] | _Node[EntryT]:
    return _Leaf(entry, steps) if child is None else child.grown(entry, steps)


def _covers(mine: Step, other: Step) -> bool:
    """Whether one step takes every segment that another takes. Two regexes are compared as text."""
    if mine is None:
        return bool(other) if isinstance(other, str) else other is not ... and not (other and other.fullmatch(""))
    if isinstance(mine, re.Pattern) and isinstance(other, str):
        return bool(mine.fullmatch(other))
    return mine == other and mine is not ...


def _first(entries: tuple[EntryT, ...], request: Request, best: EntryT | None) -> EntryT | None:
    for entry in entries:
        if best is not None and entry.index > best.index:
            return best
        if (entry.methods is None or request.method in entry.methods) and _hold(entry.predicates, request):
            return entry
    return best


def _hold(conditions: tuple[Predicate, ...], request: Request) -> bool:
    return not conditions or all(condition.holds(request) for condition in conditions)


class Tree(Generic[EntryT]):
    """Entries by host pattern and template. Built once, in file order, then only read."""

    def __init__(self, entries: Sequence[EntryT]) -> None:
        self._any: _Node[EntryT] = _Node(0)
        self._hosts: dict[str, _Leaf[EntryT] | _Node[EntryT]] = {}
        self._suffixes: dict[str, _Leaf[EntryT] | _Node[EntryT]] = {}  # ".example.org" for "*.example.org"
        self._most_dots = max((entry.match.host.count(".") for entry in entries if entry.match.host.startswith("*.")), default=0)
        for entry in entries:
            self._add(entry, steps_of(entry.match.path))

    def _add(self, entry: EntryT, steps: Steps) -> None:
        host = entry.match.host
        if not host:
            self._any.grown(entry, steps)
        elif host.startswith("*."):
            self._suffixes[host[1:]] = _grown(self._suffixes.get(host[1:]), entry, steps)
        else:
            self._hosts[host] = _grown(self._hosts.get(host), entry, steps)

    def first(self, request: Request, segments: Segments) -> EntryT | None:
        """The first entry in file order that the request matches."""
        best = self._any.search(segments, 0, request, None)
        for root in self._roots(request.host):
            best = root.search(segments, 0, request, best)
        return best

    def covering(self, host: str, template: Template) -> Iterator[EntryT]:
        """Entries whose host and template match every request that `host` and `template` match."""
        steps = steps_of(template)
        yield from self._any.covering(steps)
        for root in self._roots(host):
            yield from root.covering(steps)

    def _roots(self, host: str) -> list[_Leaf[EntryT] | _Node[EntryT]]:
        roots = []
        if host in self._hosts:
            roots.append(self._hosts[host])
        dot = len(host)
        for _ in range(self._most_dots):  # not once per dot of the host: a client may send thousands
            dot = host.rfind(".", 0, dot)
            if dot <= 0:  # a suffix needs a label in front of it
                break
            if host[dot:] in self._suffixes:
                roots.append(self._suffixes[host[dot:]])
        return roots
