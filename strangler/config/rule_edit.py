"""Add one rule to a route in the text of routes.yaml: an item of a list in its `compare` or `noise`.

The rules, in the order in which they are tried:

- A list that stands in the route gets the item behind its others, in their style.
- A list that the route has from an alias, a merge (``<<``) or from `defaults` becomes one of its own: a route's list
  takes the place of the default's, so what was in effect is copied and the item goes behind it. A section that is an
  alias becomes a mapping that merges that alias; one that comes from a merge is copied.
- What is nowhere is made: behind the key of the route that stands before it in the reference, in the neighbours' style.
- Others that share what changes keep what they had: the anchor moves, with the old value, to its first alias; a route
  that merges the changed one gets the old section as a key of its own.

Then the result is parsed again and must mean what the text meant before and the rule, or nothing is returned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from strangler.config.document import parse, without_garbage_collection
from strangler.config.lists import Hand, Item, append, hand_of, in_brackets, is_plain_path, item_lines
from strangler.config.meaning import Meaning, sources
from strangler.config.spec import ROUTE
from strangler.config.splice import PROPERTY, Splice, apply, key_quotes, put, quote, rewrite, skip_properties
from strangler.config.survey import Document, EditError, Survey, own_pair
from strangler.core.jsonpath import Pattern
from strangler.core.spec.kinds import describe
from strangler.core.spec.node import DocumentError, Map, Node, Pair, Scalar, Sequence
from strangler.core.spec.reader import INVALID, Reader, nearest
from strangler.core.spec.section import ListOf, Section, is_nothing

PLACES = ("compare.ignore", "compare.unordered", "compare.tolerance", "compare.treat_equal", "noise.fields")
_MARK = "\ufeff"
_AGAIN = "add the rule again"
_LONGEST_LINE = 120
_MOST_COPIED = 64 * 1024  # characters; aliases that multiply would not end


@dataclass(frozen=True, slots=True)
class NewRule:
    """What is to be added.

    Attributes:
        place: one of `PLACES`.
        word: the whole item, for a list of words; "" if it has members.
        members: the item's words by key: ``(("path", "$.paid_at"), ("seconds", "2"))``.
    """

    place: str
    word: str = ""
    members: tuple[tuple[str, str], ...] = ()

    @property
    def section(self) -> str:
        return self.place.partition(".")[0]

    @property
    def key(self) -> str:
        return self.place.partition(".")[2]

    @property
    def item(self) -> Item:
        """As it must be written, so that the file's reader takes ``${`` for what it is: text."""
        return Item(_literal(self.word), tuple((key, _literal(word)) for key, word in self.members))

    def __str__(self) -> str:
        return self.item.in_line(Hand())


def add_rule(text: str, route: str, rule: NewRule) -> str:
    """The text with the rule added to the route.

    Raises:
        EditError: the rule is none, or is there already; the route is not there, or is written so that it cannot be
            edited in place.
        DocumentError: the text is not a document that can be read.
    """
    body = text.lstrip(_MARK)
    with without_garbage_collection():
        document = Document(body, Meaning(), again=_AGAIN)
        plan = _Plan(document, document.route(route), rule)
        for way in plan.ways():
            edited = apply(body, way)
            if plan.is_carried_out_by(edited):
                return text[: len(text) - len(body)] + edited
    line = plan.route.start.line + 1
    raise EditError(line, f"route {route!r} is written in a way that cannot be edited: add {rule} to its {rule.place} by hand")


def _parsed(rule: NewRule) -> Node:
    try:
        node = parse(str(rule))
    except DocumentError as error:  # half of a surrogate pair, say
        raise EditError(0, f"{str(rule)!a} cannot be written to a file: {error}") from None
    assert node is not None
    return node


def _literal(word: str) -> str:
    return word.replace("${", "$${")


def _kind(rule: NewRule) -> ListOf:
    if rule.place not in PLACES:
        raise EditError(0, f"{rule.place!r} is no list of rules{nearest(rule.place, list(PLACES))}")
    section = ROUTE.fields[rule.section].kind
    assert isinstance(section, Section)
    found = section.fields[rule.key].kind
    assert isinstance(found, ListOf)
    return found


def _sense(value: Any) -> tuple[Any, Any]:
    """What a rule is about, and what it says of that; however its path is written."""
    if isinstance(value, Pattern):
        return value.steps, None
    if isinstance(value, str):
        return value, None
    return value.path.steps, replace(value, path=Pattern("", ()))


class _Plan:
    """What has to be written where, so that the route has the rule and all others have what they had."""

    def __init__(self, document: Document, route: Map, rule: NewRule) -> None:
        self.document, self.route, self.rule, self.text = document, route, rule, document.text
        self.values, self.section_name, self.key = document.meaning.values, rule.section, rule.key
        self.kind = _kind(rule)
        self.new = _parsed(rule)
        self.pair = own_pair(route, rule.section)
        self.section = self._section(self.values(route).get(rule.section))
        self.items = self._items()
        self._check()
        self.survey = Survey()
        self.survey.visit(document.root)

    def _section(self, node: Node | None) -> Map | None:
        if node is None or is_nothing(node):
            return None
        if not isinstance(node, Map):
            raise self._refusal(node, f"is {describe(node)}: write a mapping, then {_AGAIN}")
        keys = [pair.key.text for pair in node.pairs]
        if keys.count(self.key) > 1:
            raise self._refusal(node, f"has {self.key!r} twice: keep one, then {_AGAIN}")
        return node

    def _items(self) -> list[Node]:
        """What is in effect: a list of the route's own, or merged, takes the place of the default's."""
        default = self.document.defaults.get(self.section_name)
        for section in (self.section, default if isinstance(default, Map) else None):
            if section and self.key in self.values(section):
                node = self.values(section)[self.key]
                if is_nothing(node):
                    return []
                if not isinstance(node, Sequence):
                    raise self._refusal(node, f"has {describe(node)} for {self.key}: write a list, then {_AGAIN}")
                return node.items
        return []

    def _refusal(self, node: Node, message: str) -> EditError:
        name = self.values(self.route)["name"]
        return EditError(node.start.line + 1, f"{self.section_name} of route {getattr(name, 'text', '')!r} {message}")

    def _check(self) -> None:
        """Refuse what is no rule, what is there already, and what contradicts a rule that is there."""
        reader = Reader({})
        read = self.kind.kind.read(self.new, "", reader)
        if read is INVALID or reader.problems:
            raise EditError(0, f"{self.rule} is no rule for {self.rule.place}: {reader.problems[0].message}")
        subject, says = _sense(self.kind.kind.make(read))
        for node in self.items:
            written = self.kind.kind.read(node, "", reader)
            value = self.kind.kind.make(written) if written is not INVALID else None
            if value is not None and _sense(value)[0] == subject:
                same = _sense(value)[1] == says
                what = f"has {self.rule} in {self.key} already"
                raise self._refusal(node, what if same else f"has another {self.key} rule for this path: change it by hand")

    # what is written

    def ways(self) -> Iterator[list[Splice]]:
        """Ways to write it, the prettiest first; which of them means the right thing is proved by reading it again."""
        others = self._others()
        for first in (False, True):
            yield [*self._own(first=first), *others]

    def _own(self, *, first: bool) -> list[Splice]:
        pair = self.pair
        if pair is None:
            copied = self.values(self.section) if self.section else {}
            return self._put_section(self.route, copied, [*self.items], first=first)
        if pair.alias:
            name = self.text[pair.alias[0].index : pair.alias[1].index]
            merged = [f"<<: {name}"] if self.section and self.section.pairs else []
            return [Splice(pair.alias[0].index, pair.alias[1].index, self._braces([*merged, self._list_in_line()]))]
        if self.section is None:
            return rewrite(self.text, self.route, pair, self._braces([self._list_in_line()]))
        return [*self._moved_anchor(self.section), *self._in_section(self.section, first=first)]

    def _in_section(self, section: Map, *, first: bool) -> list[Splice]:
        pair = own_pair(section, self.key)
        if pair is None:
            hand = self._hand(section)
            return put(self.text, section, self._list(section, hand), None if first or not section.pairs else section.pairs[-1])
        if pair.alias:
            return [Splice(pair.alias[0].index, pair.alias[1].index, self._brackets(self._hand(section)))]
        if isinstance(pair.value, Sequence):
            hand = hand_of(self.text, [pair.value], key_quotes(self.text, pair.key))
            return [*self._moved_anchor(pair.value), *append(self.text, pair.value, self.rule.item, hand)]
        return rewrite(self.text, section, pair, self._brackets(self._hand(section)))

    def _hand(self, owner: Map) -> Hand:
        pair = owner.pairs[0] if owner.pairs else self.route.pairs[0]
        return hand_of(self.text, [owner, *self.items], key_quotes(self.text, pair.key))

    def _brackets(self, hand: Hand) -> str:
        return in_brackets([*map(self._copy, self.items), self.rule.item.in_line(hand)])

    def _list_in_line(self) -> str:
        hand = self._hand(self.route)
        return f"{hand.key(self.key)}: {self._brackets(hand)}"

    def _braces(self, pairs: list[str]) -> str:
        return "{" + ", ".join(pairs) + "}"

    def _list(self, owner: Map, hand: Hand) -> list[str]:
        """The list with its key, as lines: in one if the neighbours' are and it fits."""
        line = f"{hand.key(self.key)}: {self._brackets(hand)}"
        if owner.flow or (not _has_dashes(owner) and len(line) <= _LONGEST_LINE):
            return [line]
        lines = [*(f"- {self._copy(item)}" for item in self.items), *item_lines(self.rule.item, hand, 0)]
        return [f"{hand.key(self.key)}:", *(f"  {line}" for line in lines)]

    def _put_section(self, route: Map, copied: dict[str, Node], items: list[Node], *, first: bool) -> list[Splice]:
        """A section of its own for a route: what it had, and the list with the rule."""
        hand = self._hand(route)
        pairs = [f"{hand.key(key)}: {self._copy(node)}" for key, node in copied.items() if key != self.key]
        line = f"{hand.key(self.section_name)}: {self._braces([*pairs, f'{hand.key(self.key)}: {self._brackets(hand)}'])}"
        neighbour = None if first else self._before(route)
        if route.flow or (not _has_blocks(route) and len(line) <= _LONGEST_LINE):
            return put(self.text, route, [line], neighbour)
        lines = [f"  {line}" for line in [*pairs, *self._list(route, hand)]]
        return put(self.text, route, [f"{hand.key(self.section_name)}:", *lines], neighbour)

    def _before(self, route: Map) -> Pair | None:
        """The key behind which the section goes: the last that stands before it in the reference."""
        order = list(ROUTE.fields)
        earlier = order[: order.index(self.section_name)]
        found = (pair for key in reversed(earlier) if (pair := own_pair(route, key)))
        return next(found, None)

    # what others have

    def _moved_anchor(self, node: Map | Sequence) -> list[Splice]:
        """If others use the anchor of a value that changes, it moves with the old value to the first of them."""
        uses = self.survey.uses.get(id(node), ())
        if not uses:
            return []
        found = _anchor(self.text, node)
        if not found or uses[0].place is None:
            return []
        start, end = found.span()
        if self.text[end : end + 1] in ("\r", "\n") and self.text[start - 1] == " ":
            start -= 1
        return [Splice(start, end, ""), Splice(*uses[0].place, f"&{found['anchor']} {self._copy(node)}")]

    def _others(self) -> list[Splice]:
        """Routes that merge the changed one get the section that they had."""
        changed: dict[int, bool] = {}
        found: list[Splice] = []
        routes = {id(item) for item in self.document.items}
        for node in self.survey.maps:
            changed[id(node)] = node is self.route or self._takes_from_changed(node, changed)
            if changed[id(node)] and node is not self.route and id(node) in routes:
                had = self.values(node).get(self.section_name)
                hand = self._hand(node)
                line = f"{hand.key(self.section_name)}: {self._copy(had) if had else '{}'}"
                found += put(self.text, node, [line], self._before(node))
                changed[id(node)] = False
        return found

    def _takes_from_changed(self, node: Map, changed: dict[int, bool]) -> bool:
        if own_pair(node, self.section_name):
            return False
        having = (source for source in sources(node) if changed[id(source)] or self.section_name in self.values(source))
        return any(changed[id(source)] for source in list(having)[:1])

    def _copy(self, node: Node) -> str:
        """A value as it is in effect, in one line."""
        written = "".join(_in_line(node, self.document.meaning, [_MOST_COPIED]))
        if len(written) > _MOST_COPIED:
            raise self._refusal(node, "is too large to be copied: write it out by hand")
        return written

    # the proof

    def is_carried_out_by(self, text: str) -> bool:
        """The proof: whether the text means what the document does, and the rule."""
        try:
            after = Document(text, self.document.meaning, again=_AGAIN)
        except (DocumentError, EditError):
            return False
        if self.document.rest((self.section_name,)) != after.rest((self.section_name,)):
            return False
        pairs = zip(self.document.items, after.items, strict=True)
        return all(self._is_right(after, *pair) for pair in pairs)

    def _is_right(self, document: Document, before: Node, after: Node) -> bool:
        if not isinstance(before, Map) or not isinstance(after, Map):
            return True  # not a route; compared with the rest
        expected = self._effective(self.document, before)
        if before is self.route:
            of = self.document.meaning.of
            expected[self.key] = (*map(of, self.items), of(self.new))
        return self._effective(document, after) == expected

    def _effective(self, document: Document, route: Map) -> dict[str, object]:
        """What a route has in the section by key, the default's where it has none; lists by item."""
        found: dict[str, object] = {}
        for section in (document.defaults.get(self.section_name), self.values(route).get(self.section_name)):
            if isinstance(section, Map):
                found |= {key: self._by_item(node) for key, node in self.values(section).items()}
            elif section is not None and not is_nothing(section):
                found = {"": document.meaning.of(section)}
        return found

    def _by_item(self, node: Node) -> object:
        of = self.document.meaning.of
        return tuple(map(of, node.items)) if isinstance(node, Sequence) else of(node)


def _anchor(text: str, node: Map | Sequence) -> Any:
    """The anchor of a value itself, not of its first key."""
    start = node.start.index
    if isinstance(node, Map) and not node.flow and node.pairs and node.pairs[0].key.start.index == start:
        return None
    end = skip_properties(text, start, node.end.index)
    found = PROPERTY.search(text, start, end)
    while found and not found["anchor"]:
        found = PROPERTY.search(text, found.end(), end)
    return found


def _has_blocks(route: Map) -> bool:
    return any(isinstance(pair.value, Map) and not pair.value.flow and not pair.alias for pair in route.pairs)


def _has_dashes(owner: Map) -> bool:
    """Whether lists in a mapping, or in its mappings, have a line for each item."""
    values = [pair.value for pair in owner.pairs if not pair.alias]
    return any(isinstance(value, Sequence) and not value.flow for value in values) or any(
        isinstance(value, Map) and not value.flow and _has_dashes(value) for value in values
    )


def _in_line(node: Node, meaning: Meaning, left: list[int]) -> Iterator[str]:
    """The pieces of a value in one line, aliases and merges written out; stops when `left` characters are used up."""
    if left[0] < 0:
        return
    if isinstance(node, Scalar):
        word = node.text if node.plain and is_plain_path(node.text) else quote(node)
        left[0] -= len(word)
        yield word
    elif isinstance(node, Sequence):
        yield from _separated("[]", (_in_line(item, meaning, left) for item in node.items), left)
    elif isinstance(node, Map):
        pairs = ((_key(key), _in_line(value, meaning, left)) for key, value in meaning.values(node).items())
        yield from _separated("{}", ((f"{key}: ", *pieces) for key, pieces in pairs), left)


def _separated(brackets: str, several: Iterator[Any], left: list[int]) -> Iterator[str]:
    yield brackets[0]
    for index, pieces in enumerate(several):
        left[0] -= 2
        if left[0] < 0:
            break
        yield ", " if index else ""
        yield from pieces
    yield brackets[1]


def _key(text: str) -> str:
    return Hand().word(text)
