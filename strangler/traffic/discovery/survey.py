"""All requests of some recordings: those from which endpoints are found, and those that are put aside, with the reason.

An endpoint is only what has once answered as an endpoint does. What got nothing but "not found", refusals or errors (bots ask for
thousands of such paths) counts for an endpoint that was found otherwise, if one takes it, and else is put aside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from strangler.core.match import Predicate
from strangler.core.match import Tree as Templates
from strangler.core.model import Match
from strangler.core.request import Request
from strangler.core.target import canonical
from strangler.core.template import MAX_SEGMENTS, Literal, Parameter, Template
from strangler.traffic.discovery.document import base_of, documented
from strangler.traffic.discovery.endpoint import Clean, Endpoint, endpoint, redirects, structure
from strangler.traffic.discovery.folding import Folded, fold
from strangler.traffic.discovery.tally import Tally
from strangler.traffic.discovery.tree import MOST_PLACES, Tree
from strangler.traffic.discovery.values import values_among
from strangler.traffic.entry import Entry
from strangler.traffic.openapi import Operation, Surface

LONGEST_PATH = 2048
_ANYTHING = 8  # paths that have nothing in common but one answer
_LEAST_BYTES = 100  # of an answer by which that can be told
_EXAMPLES = 5
_CROWD = 30  # words side by side

NOT_FOUND = "not found (404, 410), and no endpoint takes them"
REFUSED = "never let in (401, 403), so nobody can tell whether they exist"
NOT_ALLOWED = "a method that is not allowed there (405, 501)"
INVALID = "not understood (400 and the like), and no endpoint takes them"
FAILED = "nothing but errors or no answer, and no endpoint takes them"
PREFLIGHT = "preflights of browsers (OPTIONS)"
SLASH = "sent on to the same path with or without a slash"
CATCH_ALL = "answered with the same as anything else that is asked for"
UNREADABLE = "a path that servers read differently"
LONG = f"a path of more than {LONGEST_PATH:,} characters or {MAX_SEGMENTS} segments"
STRANGE = "a path that no template can name"


@dataclass(frozen=True, slots=True)
class Aside:
    """Requests that are no endpoint's, why, and some of their targets."""

    reason: str
    requests: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found.

    Args:
        endpoints: by template, then method.
        folded: requests whose path had no room of its own, so that their endpoint may be too wide.
        base: what the document's paths had to be preceded by.
        unseen: operations of the document that nobody asked for.
        crowds: places with so many words side by side that they may be values after all, and how many.
    """

    endpoints: tuple[Endpoint, ...]
    requests: int
    aside: tuple[Aside, ...] = ()
    folded: int = 0
    first: float = 0.0
    last: float = 0.0
    base: str = ""
    unseen: tuple[Operation, ...] = ()
    documented: bool = False
    crowds: tuple[tuple[str, int], ...] = ()


@dataclass(slots=True)
class _Put:
    requests: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, requests: int, examples: Iterable[str]) -> None:
        self.requests += requests
        self.examples += [each for each in examples if each not in self.examples][: _EXAMPLES - len(self.examples)]


@dataclass(frozen=True, slots=True)
class _Spot:
    """A template as the search tree of routes wants it."""

    index: int
    match: Match
    folded: Folded
    methods: None = None
    predicates: tuple[Predicate, ...] = ()


class Survey:
    """Collects requests, in bounded memory.

    Args:
        surface: what a document says of the application.
    """

    def __init__(self, surface: Surface | None = None, most_places: int = MOST_PLACES) -> None:
        self._surface = surface
        chosen = partial(values_among, kept=surface.words if surface else frozenset())
        self._seen, self._unsure = Tree(chosen, most_places), Tree(chosen, most_places)
        self._aside: dict[str, _Put] = {}
        self.requests = 0
        self._first, self._last = 0.0, 0.0

    def add(self, entry: Entry) -> None:
        """Take one request."""
        self.requests += 1
        if entry.at:
            self._first = min(self._first or entry.at, entry.at)
            self._last = max(self._last, entry.at)
        raw = entry.path
        if len(raw) > LONGEST_PATH or raw.count("/") > MAX_SEGMENTS:
            self._put(LONG, entry)
            return
        path = canonical(raw if raw.isascii() else raw.encode("utf-8", "surrogateescape").decode("latin-1"))
        if path.ambiguous or not path.segments or "" in path.segments[:-1]:
            self._put(UNREADABLE, entry)
            return
        tree = self._seen if _proves(entry) else self._unsure
        tree.add(path.segments, entry)

    def _put(self, reason: str, entry: Entry) -> None:
        self._aside.setdefault(reason, _Put()).add(1, [entry.target[:200]])

    def result(self, clean: Clean) -> Discovery:
        """What was found. The survey is used up by it."""
        surface = self._surface
        base = base_of(self._seen.root, surface) if surface else ""
        operations = surface.below(base) if surface else ()
        found = _joined(fold(self._seen.root, operations))
        self._without_preflights(found)
        self._assign(found)
        self._without_echoes(found)
        endpoints = [
            endpoint(method, one.template, tally, clean) for one in found for method, tally in sorted(one.tallies.items())
        ]
        endpoints.sort(key=lambda one: (one.template.text, one.method))
        endpoints, unseen = documented(endpoints, operations)
        told = sum(one.requests for one in endpoints)
        lost = self.requests - told - sum(put.requests for put in self._aside.values())
        if lost:
            self._aside.setdefault(STRANGE, _Put()).add(lost, [])
        return Discovery(
            tuple(endpoints), self.requests, self._put_aside(clean), self._seen.folded, self._first, self._last, base, unseen,
            surface is not None, _crowds(endpoints),
        )  # fmt: skip

    def _put_aside(self, clean: Clean) -> tuple[Aside, ...]:
        found = sorted(self._aside.items(), key=lambda item: (-item[1].requests, item[0]))
        return tuple(Aside(why, put.requests, tuple(clean(each) for each in put.examples)) for why, put in found)

    def _drop(self, one: Folded, method: str, reason: str) -> None:
        tally = one.tallies.pop(method)
        self._aside.setdefault(reason, _Put()).add(tally.requests, tally.examples)

    def _without_preflights(self, found: Sequence[Folded]) -> None:
        for one in found:
            if "OPTIONS" in one.tallies:
                self._drop(one, "OPTIONS", PREFLIGHT)

    def _assign(self, found: Sequence[Folded]) -> None:
        """Requests that prove nothing: to the endpoint that takes them, or aside."""
        ranked = sorted((one for one in found if one.tallies), key=lambda one: precedence(one.template))
        templates = Templates([_Spot(index, Match(one.template), one) for index, one in enumerate(ranked)])
        for segments, tallies in self._unsure.root.ends():
            spot = templates.first(Request("GET", "/", "", "", "", []), segments)
            for method, tally in tallies.items():
                if spot is not None and method in spot.folded.tallies:
                    spot.folded.tallies[method].take(tally)
                else:
                    self._aside.setdefault(_why(method, tally), _Put()).add(tally.requests, tally.examples)

    def _without_echoes(self, found: Sequence[Folded]) -> None:
        """Paths that are there but are no endpoints: twins with a slash, and whatever an application answers to anything."""
        by_text = {one.template.text: one for one in found}
        for one in found:
            twin = by_text.get(one.template.text[:-1] if one.template.text.endswith("/") else f"{one.template.text}/")
            tally = one.tallies.get("GET")
            if twin and tally and "GET" in twin.tallies and _all_sent_on(tally) and not _all_sent_on(twin.tallies["GET"]):
                self._drop(one, "GET", SLASH)
        for same in _same_answers(found):
            for one in same:
                if one.template.text != "/":
                    self._drop(one, "GET", CATCH_ALL)


def precedence(template: Template) -> tuple[int, ...]:
    """Sorts what is more special before what is less, at the first segment in which two differ."""
    return tuple(
        0 if isinstance(part, Literal) else (1 if part.regex else 2) if isinstance(part, Parameter) else 3
        for part in template.parts
    )


def _crowds(endpoints: Iterable[Endpoint]) -> tuple[tuple[str, int], ...]:
    words: dict[str, set[str]] = {}
    for one in endpoints:
        if one.operation:
            continue  # the document knows
        segments = one.template.text.split("/")
        for at, part in enumerate(one.template.parts, 1):
            if isinstance(part, Literal):
                words.setdefault("/".join(segments[:at]), set()).add(part.text)
    crowded = sorted((-len(side), place) for place, side in words.items() if len(side) >= _CROWD)
    return tuple((f"{place}/", -number) for number, place in crowded)


def _proves(entry: Entry) -> bool:
    """Whether only an endpoint answers like this."""
    status = entry.status or 0
    if entry.method in ("TRACE", "CONNECT"):
        return False
    return 100 <= status < 400 or status in (406, 409, 411, 412, 413, 415, 416, 422, 423, 428)


def _why(method: str, tally: Tally) -> str:
    """Why requests are no endpoint's: by the answer that most of them got."""
    if method == "OPTIONS":
        return PREFLIGHT
    status = tally.statuses.most_common(1)[0][0] if tally.statuses else 0
    if status in (405, 501):
        return NOT_ALLOWED
    if status in (404, 410):
        return NOT_FOUND
    if status in (401, 403, 407):
        return REFUSED
    return INVALID if 400 <= status < 500 else FAILED


def _all_sent_on(tally: Tally) -> bool:
    return redirects(tally.statuses) == tally.requests


def _same_answers(found: Iterable[Folded]) -> Iterator[list[Folded]]:
    """Groups of paths without a parameter that all got one and the same answer, and never another."""
    groups: dict[object, list[Folded]] = {}
    for one in found:
        tally = one.tallies.get("GET")
        plain = all(isinstance(part, Literal) for part in one.template.parts)
        if tally and plain and set(one.tallies) == {"GET"} and len(tally.prints) == 1:
            (outside,) = tally.prints
            if _all_sent_on(tally) or (isinstance(outside, tuple) and (outside[1] or 0) >= _LEAST_BYTES):
                groups.setdefault(outside, []).append(one)
    return (group for group in groups.values() if len(group) >= _ANYTHING)


def _joined(found: Iterable[Folded]) -> list[Folded]:
    """Each template once, whatever its parameters were called on the way."""
    joined: dict[tuple[str, ...], Folded] = {}
    for one in found:
        known = joined.setdefault(structure(one.template), one)
        if known is not one:
            for method, tally in one.tallies.items():
                known.tallies.setdefault(method, Tally()).take(tally)
    return list(joined.values())
