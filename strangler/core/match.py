"""First match in file order, at a cost that does not grow with the number of routes.

Templates are kept in a tree of segments, one tree per host pattern. A search visits only the nodes whose segments the
path has, and leaves a branch as soon as every route in it stands later in the file than the best one found. What is
left to scan are routes with the *same* host and template that differ in method, header, query or cookie, and different
regexes at the same place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from strangler.core.model import Match
from strangler.core.request import Request
from strangler.core.target import Segments
from strangler.core.template import Literal, Parameter, Part, Template

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

    def implied_by(self, others: Sequence[Predicate]) -> bool:
        """Whether a request that meets all of `others` meets this one."""
        return any(
            (self.source, self.name) == (other.source, other.name) and self.wanted in (PRESENT, other.wanted) for other in others
        )

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
    def predicates(self) -> tuple[Predicate, ...]: ...


EntryT = TypeVar("EntryT", bound=Entry)


@dataclass(slots=True)
class _Node(Generic[EntryT]):
    least: int  # the first place in the file of any route below
    literals: dict[str, _Node[EntryT]] = field(default_factory=dict)
    regexes: dict[str, tuple[re.Pattern[str], _Node[EntryT]]] = field(default_factory=dict)
    parameter: _Node[EntryT] | None = None
    rest: list[EntryT] = field(default_factory=list)
    ends: list[EntryT] = field(default_factory=list)

    def child(self, part: Part, index: int) -> _Node[EntryT]:
        """The node below for one part of a template, made if need be."""
        if isinstance(part, Literal):
            return self.literals.setdefault(part.text, _Node(index))
        assert isinstance(part, Parameter)
        if part.regex:
            return self.regexes.setdefault(part.regex, (re.compile(part.regex), _Node(index)))[1]
        if self.parameter is None:
            self.parameter = _Node(index)
        return self.parameter


class Tree(Generic[EntryT]):
    """Entries by host pattern and template. Built once, in file order, then only read."""

    def __init__(self, entries: Sequence[EntryT]) -> None:
        self._any: _Node[EntryT] = _Node(0)
        self._hosts: dict[str, _Node[EntryT]] = {}
        self._suffixes: dict[str, _Node[EntryT]] = {}  # ".example.org" for "*.example.org"
        self._most_dots = max((entry.match.host.count(".") for entry in entries if entry.match.host.startswith("*.")), default=0)
        for entry in entries:
            self._add(entry)

    def _add(self, entry: EntryT) -> None:
        node = self._root(entry.match.host, entry.index)
        for part in entry.match.path.parts:
            if not isinstance(part, Literal | Parameter):
                node.rest.append(entry)
                return
            node = node.child(part, entry.index)
        node.ends.append(entry)

    def _root(self, host: str, index: int) -> _Node[EntryT]:
        if not host:
            return self._any
        if host.startswith("*."):
            return self._suffixes.setdefault(host[1:], _Node(index))
        return self._hosts.setdefault(host, _Node(index))

    def first(self, request: Request, segments: Segments) -> EntryT | None:
        """The first entry in file order that the request matches."""
        best: EntryT | None = None
        for root in self._roots(request.host):
            best = _search(root, segments, 0, request, best)
        return best

    def covering(self, host: str, template: Template) -> Iterator[EntryT]:
        """Entries whose host and template match every request that `host` and `template` match."""
        for root in self._roots(host) if host else [self._any]:
            yield from _covering(root, template.parts, 0)

    def _roots(self, host: str) -> list[_Node[EntryT]]:
        roots = [self._any]
        if self._hosts and host in self._hosts:
            roots.append(self._hosts[host])
        dot = len(host)
        for _ in range(self._most_dots):  # not once per dot of the host: a client may send thousands
            dot = host.rfind(".", 0, dot)
            if dot <= 0:  # a suffix needs a label in front of it
                break
            if host[dot:] in self._suffixes:
                roots.append(self._suffixes[host[dot:]])
        return roots


def _search(node: _Node[EntryT], segments: Segments, depth: int, request: Request, best: EntryT | None) -> EntryT | None:
    if best is not None and node.least > best.index:
        return best
    if node.rest and depth < len(segments):
        best = _first(node.rest, request, best)
    if depth == len(segments):
        return _first(node.ends, request, best)
    segment = segments[depth]
    literal = node.literals.get(segment)
    if literal is not None:
        best = _search(literal, segments, depth + 1, request, best)
    if segment and node.parameter is not None:
        best = _search(node.parameter, segments, depth + 1, request, best)
    for pattern, child in node.regexes.values():
        if (best is None or child.least < best.index) and pattern.fullmatch(segment):
            best = _search(child, segments, depth + 1, request, best)
    return best


def _first(entries: list[EntryT], request: Request, best: EntryT | None) -> EntryT | None:
    for entry in entries:
        if best is not None and entry.index > best.index:
            return best
        if entry.match.takes(request.method) and all(predicate.holds(request) for predicate in entry.predicates):
            return entry
    return best


def _covering(node: _Node[EntryT], parts: tuple[Part, ...], depth: int) -> Iterator[EntryT]:
    if depth == len(parts):
        yield from node.ends
        return
    yield from node.rest
    part = parts[depth]
    if isinstance(part, Literal):
        if part.text in node.literals:
            yield from _covering(node.literals[part.text], parts, depth + 1)
        for pattern, child in node.regexes.values():
            if pattern.fullmatch(part.text):
                yield from _covering(child, parts, depth + 1)
    elif isinstance(part, Parameter) and part.regex in node.regexes:
        yield from _covering(node.regexes[part.regex][1], parts, depth + 1)
    if node.parameter is not None and _never_empty(part):
        yield from _covering(node.parameter, parts, depth + 1)


def _never_empty(part: Part) -> bool:
    """Whether a part stands for one segment that is not empty, as a parameter without regex wants it."""
    if isinstance(part, Literal):
        return part.text != ""
    return isinstance(part, Parameter) and not (part.regex and part.fits(""))
