"""Ids that one system gave out and another gave otherwise: what the recording calls order 57 is the live system's order 912.

An id is learned only from the answers to a request that changes things, where both answers give one at the same place (a member
whose name says so, or the Location), both look alike, and the request did not name it itself. It is rewritten only where the same
kind of thing stands (`nouns`), and only if it is exactly that id. Items of lists teach nothing: which is which, nobody said.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from strangler.core import exact
from strangler.core.answer import Answer
from strangler.traffic.replay import nouns

_DEEPEST = 4  # members in members in which an id is looked for
_LISTS = frozenset({"items", "data", "results", "content", "rows", "records", "hits", "entries", "list", "values"})
_WRAPS = frozenset({"data", "result", "item", "record", "entity", "payload", "attributes"})
_LINK = re.compile(r"""(?P<head>\b(?:href|action|src)\s{0,8}=\s{0,8}["'])(?P<link>[^"'<>]{1,2000})""", re.IGNORECASE)


Named = tuple[str, str]  # noun and id


class Ids:
    """Ids by noun, as one system calls them, and as another does.

    Attributes:
        learned: how many are known to differ, by noun.
        used: how often one was rewritten in a request, by noun.
    """

    def __init__(self) -> None:
        self._known: dict[Named, str] = {}
        self._lost: set[Named] = set()
        self.learned: Counter[str] = Counter()
        self.used: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether any is known."""
        return bool(self._known)

    def learn(self, target: str, body: bytes | None, before: Answer, after: Answer) -> None:
        """Learn from the two answers to one request that changes things.

        Args:
            target, body: of the request, as the first system got it.
        """
        if before.status >= 400:
            return
        spoken = frozenset(_spoken(target, body))
        found = (*_in_location(before, after), *_in_body(target, before, after)) if after.status < 400 else ()
        for noun, old, new in found:
            if noun and (noun, old) not in spoken and nouns.alike(old, new):
                self._keep(noun, old, new)
        self._lost.update(_given(target, before) - spoken - self._known.keys())

    def lose(self, target: str, body: bytes | None, before: Answer) -> None:
        """What the first system made in answer to a request, the other did not."""
        if before.status < 400:
            lost = _given(target, before) - frozenset(_spoken(target, body))
            self._lost.update(lost)
            for each in lost:
                self._known.pop(each, None)

    def names_lost(self, target: str, body: bytes | None) -> bool:
        """Whether a request is about something that only the first system made: its id may be another one's here."""
        return bool(self._lost) and not self._lost.isdisjoint(_spoken(target, body))

    def _keep(self, noun: str, old: str, new: str) -> None:
        if old != new and self._known.get((noun, old)) != new:
            self.learned[noun] += 1
        self._known[noun, old] = new
        self._lost.discard((noun, old))

    def target(self, target: str, count: bool = False) -> str:
        """A path and query with the ids of the other system. `count`: as used."""
        if not self._known:
            return target
        path, question, query = target.partition("?")
        context = nouns.noun_of_path(path)
        return self._path(path, count) + question + self.fields(query, context, count)

    def _path(self, path: str, count: bool) -> str:
        segments = path.split("/")
        return "/".join([segments[0], *(self._segment(*pair, count) for pair in pairwise(segments))])

    def _segment(self, before: str, segment: str, count: bool) -> str:
        noun = nouns.noun_of_segment(before)
        names = (noun, *nouns.others(noun)) if noun else ()
        return self._one(next((name for name in names if (name, segment) in self._known), ""), segment, count)

    def fields(self, text: str, context: str, count: bool = False) -> str:
        """A query, or a form, with the ids of the other system."""
        if not self._known:
            return text
        return "&".join(self._field(pair, context, count) for pair in text.split("&"))

    def _field(self, pair: str, context: str, count: bool) -> str:
        name, equals, value = pair.partition("=")
        noun = nouns.noun_of_member(name, context) or nouns.noun_of_segment(name)
        return name + equals + self._one(noun, value, count) if equals else pair

    def link(self, url: str, count: bool = False) -> str:
        """A path or URL with the ids of the other system."""
        if not self._known or not (url.startswith("/") or url.startswith(("http://", "https://"))):
            return url
        try:
            parts = urlsplit(url)
        except ValueError:
            return url
        origin = f"{parts.scheme}://{parts.netloc}" if parts.scheme else f"//{parts.netloc}" if parts.netloc else ""
        made = origin + self.target(url[len(origin) :], count) if url.startswith(origin) else url
        return url if made == url else made

    def links(self, page: str) -> str:
        """A page whose links lead to the ids of the other system."""
        if not self._known:
            return page
        return _LINK.sub(lambda found: found["head"] + self.link(found["link"]), page)

    def document(self, value: Any, path: str, count: bool = False) -> Any:
        """A JSON value with the ids of the other system; the value itself if there are none.

        Args:
            path: of the request, without the query: what an ``id`` in its document is of.
        """
        if not self._known:
            return value
        noun = nouns.noun_of_path(path)
        return self._value(value, noun, noun if nouns.is_collection(path) else "", count, 0)

    def _value(self, value: Any, context: str, listed: str, count: bool, depth: int) -> Any:
        """`context`: of what an ``id`` is here; `listed`: of what the ids in a list are that has a common name."""
        kind = type(value)
        if depth > 60:
            return value
        if kind is dict:
            made = {name: self._member(name, each, context, listed, count, depth) for name, each in value.items()}
            return value if all(made[name] is each for name, each in value.items()) else made
        if kind is list:
            items = [self._value(each, context, listed, count, depth + 1) for each in value]
            return value if all(one is each for one, each in zip(items, value, strict=True)) else items
        return self.link(value, count) if kind is str else value

    def _member(self, name: str, value: Any, context: str, listed: str, count: bool, depth: int) -> Any:
        if type(value) in (str, exact.Number):
            noun = nouns.noun_of_member(name, context) or nouns.noun_of_segment(name)
            found = self._one(noun, value, count)
            if found != value:
                return type(value)(found)
            return self.link(value, count) if type(value) is str else value
        low = name.lower()
        if type(value) is list:
            inside = listed if low in _LISTS else nouns.noun_of_segment(name)
        else:
            inside = context if low in _WRAPS and not depth else nouns.noun_of_segment(name)
        return self._value(value, inside, "", count, depth + 1)

    def _one(self, noun: str, value: str, count: bool) -> str:
        found = self._known.get((noun, value), value) if noun else value
        if count and found != value:
            self.used[noun] += 1
        return found


def _spoken(target: str, body: bytes | None) -> Iterator[Named]:
    """The ids that a request names itself."""
    path, _, query = target.partition("?")
    for before, segment in pairwise(path.split("/")):
        if noun := nouns.noun_of_segment(before):
            yield from ((name, segment) for name in (noun, *nouns.others(noun)))
    context = nouns.noun_of_path(path)
    text = (body or b"").decode("utf-8", "replace")
    for pair in (*query.split("&"), *text.split("&")):
        name, _, value = pair.partition("=")
        yield from _named(name, value, context)
    with suppress(exact.NotJsonError):
        value = exact.parse(body or b"")
        if type(value) is dict:
            yield from (each for name, member in value.items() for each in _named(name, str(member), context))


def _named(name: str, value: str, context: str) -> Iterator[Named]:
    if noun := nouns.noun_of_member(name, context) or nouns.noun_of_segment(name):
        yield noun, value


def _in_location(before: Answer, after: Answer) -> Iterator[tuple[str, str, str]]:
    """Noun and both ids, where two Locations differ in one segment only."""
    ours, theirs = (_path_of(_header(answer, "location")).split("/") for answer in (before, after))
    if len(ours) != len(theirs):
        return
    apart = [at for at, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other]
    if len(apart) == 1 and apart[0]:
        at = apart[0]
        yield nouns.noun_of_segment(ours[at - 1]), ours[at], theirs[at]
    elif not apart and len(ours) > 2:
        yield nouns.noun_of_segment(ours[-2]), ours[-1], theirs[-1]


def _in_body(target: str, before: Answer, after: Answer) -> Iterator[tuple[str, str, str]]:
    """Noun and both ids, of members that both answers have at the same place, as far as they are of what was made: whose customer
    an order is, both systems were told, and where they do not agree on it, that is a difference."""
    ours, theirs = _json(before), _json(after)
    context = nouns.noun_of_path(target.partition("?")[0])
    made = {context, *(noun for noun, _ in _located(before))}
    if type(ours) is dict and type(theirs) is dict:
        for noun, old, new in _members(ours, theirs, context, 0):
            if noun.partition(" ")[0] in made:
                yield noun, old, new


def _located(answer: Answer) -> list[Named]:
    """The id that a Location leads to, with its noun."""
    segments = _path_of(_header(answer, "location")).split("/")
    found = [(nouns.noun_of_segment(one), segment) for one, segment in pairwise(segments) if nouns.shape(segment)]
    return [pair for pair in found[-1:] if pair[0]]


def _given(target: str, before: Answer) -> set[Named]:
    """The ids that one answer gives to what was made."""
    found = {(noun, old) for noun, old, _ in _in_body(target, before, before) if noun and nouns.shape(old)}
    return found | set(_located(before))


def _members(ours: dict[str, Any], theirs: dict[str, Any], context: str, depth: int) -> Iterator[tuple[str, str, str]]:
    for name, value in ours.items():
        other = theirs.get(name)
        if type(value) is not type(other):
            continue
        if type(value) in (str, exact.Number):
            yield nouns.noun_of_member(name, context), str(value), str(other)
        elif type(value) is dict and depth < _DEEPEST:
            inside = context if name.lower() in _WRAPS and not depth else nouns.noun_of_segment(name)
            yield from _members(value, theirs[name], inside, depth + 1)


def _json(answer: Answer) -> Any:
    if "json" not in _header(answer, "content-type"):
        return None
    try:
        return exact.parse(answer.body)
    except exact.NotJsonError:
        return None


def _path_of(location: str) -> str:
    try:
        return urlsplit(location).path
    except ValueError:
        return ""


def _header(answer: Answer, name: str) -> str:
    return next((value for key, value in answer.headers if key.lower() == name), "")
