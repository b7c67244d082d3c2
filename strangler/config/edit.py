"""Change stage and weight of routes in the text of routes.yaml, and nothing else of what it says.

The rules, in the order in which they are tried:

- A value that stands in the route is replaced in its place, in its quotes. Over an alias a literal is written.
- A value that the route has from a merge (``<<``), from ``defaults`` or from nowhere gets a key of its own: behind
  ``match``, else behind ``name``; a weight behind the stage.
- What others take from the place that changes keeps what it had: the anchor of a replaced scalar moves, with the old
  value, to its first alias; a route that merges the changed one gets its old value as a key of its own. If everything
  that shares a scalar is changed to the same value, the one scalar is, and goes on being shared.
- A route that has the value already, from wherever, is left alone.

Then the result is parsed again and must mean what the text meant before, but for what was asked. If it does not, nothing
is returned: the worst case is a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from strangler.config.document import without_garbage_collection
from strangler.config.meaning import Meaning, sources
from strangler.config.splice import Entry, Splice, apply, hand_over, insert, quote, rewrite
from strangler.config.survey import Document, EditError, Survey, line_of, own_pair
from strangler.core.model import Stage
from strangler.core.spec.kinds import describe
from strangler.core.spec.node import DocumentError, Map, Node, Pair, Scalar
from strangler.core.spec.section import is_nothing
from strangler.core.units import Share, format_percent, parse_percent

_T = TypeVar("_T")
_MARK = "\ufeff"
_UNSAID = {"stage": Stage.LEGACY.value, "weight": "0%"}  # the model's defaults, for a key that stands nowhere
_KEYS = tuple(_UNSAID)
_AGAIN = "flip again"
_NEIGHBOURS = {"stage": ("match", "name"), "weight": ("stage", "match", "name")}


@dataclass(frozen=True, slots=True)
class Change:
    """What one route is to have. None leaves a value as it is."""

    route: str
    stage: Stage | None = None
    weight: Share | None = None


def edit(text: str, changes: Iterable[Change]) -> str:
    """The text with the changes made; the same text, byte for byte, if every route already has what is asked.

    Raises:
        EditError: a route is not there, or is written so that it cannot be edited in place.
        DocumentError: the text is not a document that can be read.
    """
    wanted = _wanted(changes)
    if not wanted:
        return text
    body = text.lstrip(_MARK)  # several too: the parser skips them all, without counting
    with without_garbage_collection():
        edited = _edit(body, wanted)
    return text if edited == body else text[: len(text) - len(body)] + edited


def _edit(text: str, wanted: dict[str, dict[str, str]]) -> str:
    before = Document(text, Meaning(), again=_AGAIN)
    plan = _Plan(before, {id(before.route(name)): _Asked(name, words) for name, words in wanted.items()})
    if not plan.words:
        return text
    for first in (False, True):  # a key before all others is not pretty, but is right where `behind match` is not
        edited = apply(text, plan.splices(first=first))
        if plan.is_carried_out_by(edited):
            return edited
    name, line = next((asked.name, route.start.line + 1) for route, asked in plan.asked_routes())
    raise EditError(line, f"route {name!r} is written in a way that a flip cannot edit: change stage and weight by hand")


def _wanted(changes: Iterable[Change]) -> dict[str, dict[str, str]]:
    """Words to write, by route and key. Raises EditError for two that contradict each other, and for an unwritable share."""
    wanted: dict[str, dict[str, str]] = {}
    for change in changes:
        words = wanted.setdefault(change.route, {})
        for key, word in _words(change):
            if words.setdefault(key, word) != word:
                raise EditError(0, f"route {change.route!r} is to get two values for {key}: ask for one")
    return wanted


def _words(change: Change) -> Iterator[tuple[str, str]]:
    if change.stage is not None:
        yield "stage", change.stage.value
    if change.weight is not None:
        yield "weight", _percent(change.weight, change.route)


def _percent(weight: Share, route: str) -> str:
    with suppress(ValueError):
        word = format_percent(weight)
        if parse_percent(word) == weight:
            return word
    raise EditError(0, f"{weight} is not a weight for route {route!r}: it goes from 0% to 100%")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a route is to have: words by key."""

    name: str
    words: dict[str, str]


class _Plan:
    """Which words have to be written into which routes, so that each has what it should."""

    def __init__(self, document: Document, asked: dict[int, _Asked]) -> None:
        self.document, self.asked = document, asked
        self.survey = Survey()
        self.survey.visit(document.root)
        self.routes = {id(item): item for item in document.items if isinstance(item, Map)}
        self.words: dict[tuple[int, str], str] = {}
        # what each mapping has for a key, own or merged, and what it will have: a word once it is settled
        self._was: dict[tuple[int, str], Node | None] = {}
        self._will: dict[tuple[int, str], Node | str | None] = {}
        for node in self.survey.maps:
            for key in _KEYS:
                self._settle(node, key)
        self.replaced: dict[int, str] = {}  # the word by pair, for keys that are there
        self.rewritten: dict[int, str] = {}  # the word by scalar, for scalars that change in their own place
        for (route, key), word in self.words.items():
            if pair := own_pair(self.routes[route], key):
                self.replaced[id(pair)] = word
                if not pair.alias:
                    self.rewritten[id(pair.value)] = word

    def asked_routes(self) -> Iterator[tuple[Map, _Asked]]:
        return ((self.routes[route], asked) for route, asked in self.asked.items())

    def _settle(self, node: Map, key: str) -> None:
        place, pair = (id(node), key), own_pair(node, key)
        self._was[place] = pair.value if pair else _merged(node, key, self._was)
        self._will[place] = pair.value if pair else _merged(node, key, self._will)
        word = self._word(node, key, pair)
        if word is not None:
            self.words[place] = word
            self._will[place] = word

    def _word(self, node: Map, key: str, pair: Pair | None) -> str | None:
        """What has to be written for a key of a mapping; None if it is right without."""
        was, will = self._was[id(node), key], self._will[id(node), key]
        asked = self.asked.get(id(node))
        word = asked.words.get(key) if asked else None
        if asked and word is not None:
            if pair:
                _check_value(pair, key, asked.name)
            return None if _says(key, will or self._unsaid(key), word) else word
        if id(node) not in self.routes or self._sense(will or self._unsaid(key)) == self._sense(was or self._unsaid(key)):
            return None
        return _in_words(was or self._unsaid(key), key, node)

    def _unsaid(self, key: str) -> Node | str:
        return self.document.defaults.get(key) or _UNSAID[key]

    def splices(self, *, first: bool) -> list[Splice]:
        """The words as splices; keys that are missing go before all others of their route if `first`."""
        found: list[Splice] = []
        for place in dict.fromkeys(place for place, _ in self.words):
            route, missing = self.routes[place], []
            for key in _KEYS:
                word, pair = self.words.get((place, key)), own_pair(route, key)
                if word is not None and pair:
                    found += self._replace(route, pair, word)
                elif word is not None:
                    missing.append(Entry(key, word))
            if missing:
                found += insert(self.document.text, route, missing, None if first else _neighbour(route, missing[0].key))
        return found

    def _replace(self, route: Map, pair: Pair, word: str) -> list[Splice]:
        text, scalar = self.document.text, pair.value
        assert isinstance(scalar, Scalar)
        if pair.alias:
            return [] if self._stays_shared(scalar, word) else rewrite(text, route, pair, word)
        others = [use for use in self.survey.uses.get(id(scalar), ()) if id(use.pair) not in self.replaced]
        if not others:
            return rewrite(text, route, pair, word)
        if others[0].place is None:
            raise EditError(line_of(pair), "the anchor here is used as a key elsewhere: write that key out, then flip again")
        return [*rewrite(text, route, pair, word, keep_anchor=False), hand_over(text, scalar, others[0].place)]

    def _stays_shared(self, scalar: Scalar, word: str) -> bool:
        """Whether a scalar gets the word where it stands, and everything that takes it from there is to have it too."""
        uses = self.survey.uses[id(scalar)]
        return self.rewritten.get(id(scalar)) == word and all(self.replaced.get(id(use.pair)) == word for use in uses)

    def is_carried_out_by(self, text: str) -> bool:
        """The proof: whether the text means what the document does, but for the words of this plan."""
        try:
            after = Document(text, self.document.meaning, again=_AGAIN)
        except (DocumentError, EditError):
            return False
        if self.document.rest(_KEYS) != after.rest(_KEYS):
            return False
        return all(map(partial(self._is_right, after), self.document.items, after.items))

    def _is_right(self, document: Document, before: Node, after: Node) -> bool:
        if not isinstance(before, Map) or not isinstance(after, Map):
            return True  # not a route; compared with the rest
        asked = self.asked.get(id(before))
        return all(
            _says(key, _effective(document, after, key), asked.words[key])
            if asked and key in asked.words
            else self._sense(_effective(document, after, key)) == self._sense(_effective(self.document, before, key))
            for key in _KEYS
        )

    def _sense(self, value: Node | str) -> str | int:
        return value if isinstance(value, str) else _text(value) or self.document.meaning.of(value)


def _effective(document: Document, route: Map, key: str) -> Node | str:
    """What a route has for a key: its own or a merged value, else that of the defaults, else what the model says."""
    return document.meaning.values(route).get(key) or document.defaults.get(key) or _UNSAID[key]


def _neighbour(route: Map, key: str) -> Pair | None:
    return next((pair for name in _NEIGHBOURS[key] if (pair := own_pair(route, name))), None)


def _merged(node: Map, key: str, table: Mapping[tuple[int, str], _T]) -> _T | None:
    found = (table[id(source), key] for source in sources(node))
    return next((value for value in found if value is not None), None)


def _text(value: Node) -> str | None:
    return value.text if isinstance(value, Scalar) and not is_nothing(value) else None


def _says(key: str, value: Node | str, word: str) -> bool:
    """Whether a value is the word, or the same share written differently."""
    text = value if isinstance(value, str) else _text(value)
    if text == word or text is None or key != "weight":
        return text == word
    try:
        return parse_percent(text) == parse_percent(word)
    except ValueError:
        return False


def _check_value(pair: Pair, key: str, name: str) -> None:
    if not isinstance(pair.value, Scalar):
        raise EditError(line_of(pair), f"{key} of route {name!r} is {describe(pair.value)}: write one word, then flip again")
    if "${" in pair.value.text:
        message = f"{key} of route {name!r} comes from the environment: write it out, so that a flip can edit it"
        raise EditError(line_of(pair), message)


def _in_words(value: Node | str, key: str, route: Map) -> str:
    """A value that a route inherited, as it must be written for the route to keep it."""
    if isinstance(value, str):
        return value
    if isinstance(value, Scalar):
        return quote(value)
    raise EditError(route.start.line + 1, f"this route takes a {key} that is no word from a route it merges: write it here")
