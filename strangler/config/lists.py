"""Where a new item goes in a written list, and how it is written there: pure geometry, as in `splice`.

What it proposes is not trusted either: `rule_edit` parses the result and compares meanings before anyone sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence as Several
from dataclasses import dataclass

from strangler.config.splice import (
    BREAKS,
    Splice,
    after_gap,
    behind_comments,
    column_of,
    end_of_value,
    in_double_quotes,
    is_plain_anywhere,
    line_after,
    line_end_at,
    new_lines,
    skip_properties,
)
from strangler.core.spec.kinds import is_yaml_boolean
from strangler.core.spec.node import Map, Node, Scalar, Sequence

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e-?\d+)?", re.ASCII)
_PLAIN_PATH = re.compile(r"\$(?:\.[A-Za-z_][\w-]*)+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a list: a single word, or words by key."""

    word: str = ""
    members: tuple[tuple[str, str], ...] = ()

    def in_line(self, hand: Hand) -> str:
        """The item on one line, right in any place."""
        return "{" + ", ".join(self.pairs(hand)) + "}" if self.members else hand.word(self.word)

    def pairs(self, hand: Hand) -> list[str]:
        return [f"{hand.key(key)}: {hand.word(word)}" for key, word in self.members]


@dataclass(frozen=True, slots=True)
class Hand:
    """The handwriting of a place: which quotes its words and its keys stand in, "" for none where none are needed."""

    words: str = '"'
    keys: str = ""

    def key(self, text: str) -> str:
        return self.keys + text + self.keys

    def word(self, text: str) -> str:
        if _NUMBER.fullmatch(text) or (not self.keys and self._needs_no_quotes(text)):
            return text
        if self.words == "'" and text.isprintable():
            return "'" + text.replace("'", "''") + "'"
        return in_double_quotes(text)

    def _needs_no_quotes(self, text: str) -> bool:
        if text == "null" or is_yaml_boolean(text):
            return False
        return is_plain_anywhere(text) or (not self.words and is_plain_path(text))


def is_plain_path(text: str) -> bool:
    """Whether a text is a path that may stand without quotes in any place."""
    return _PLAIN_PATH.fullmatch(text) is not None


def hand_of(text: str, nodes: Several[Node], keys: str) -> Hand:
    """How the last path in the first of several values that has one is written."""
    leaf = next((found for node in nodes if (found := _telling_word(node))), None)
    if leaf is None:
        return Hand(keys=keys)
    at = skip_properties(text, leaf.start.index, leaf.end.index)
    return Hand("" if leaf.plain else "'" if text[at : at + 1] == "'" else '"', keys)


def _telling_word(node: Node) -> Scalar | None:
    if isinstance(node, Scalar):
        return node if node.text.startswith("$") else None
    below = node.items if isinstance(node, Sequence) else [pair.value for pair in node.pairs] if isinstance(node, Map) else []
    return next((found for each in reversed(below) if (found := _telling_word(each))), None)


def append(text: str, owner: Sequence, item: Item, hand: Hand) -> list[Splice]:
    """Put an item behind all others of a list, on a line of its own if they have lines of their own."""
    opening = skip_properties(text, owner.start.index, owner.end.index)
    if not owner.flow:
        return _append_line(text, owner, opening, item, hand)
    if not owner.items:
        return [Splice(opening + 1, opening + 1, item.in_line(hand))]
    end = _end_of_last(text, owner)
    start = _start_of_last(owner)
    if text[start - column_of(text, start) : start].strip(" "):
        return [Splice(end, end, f", {item.in_line(hand)}")]
    return _append_flow_line(text, owner, (start, end), item.in_line(hand))


def _append_flow_line(text: str, owner: Sequence, last: tuple[int, int], written: str) -> list[Splice]:
    start, end = last
    pad = " " * column_of(text, start)
    comma = after_gap(text, end, owner.end.index)
    has_comma = text[comma : comma + 1] == ","
    rest = comma + 1 if has_comma else end
    if not any(character in BREAKS for character in text[rest : owner.end.index]):
        return [Splice(end, end, f",{line_end_at(text, start)}{pad}{written}")]
    at = line_after(text, rest)
    separator = [] if has_comma else [Splice(end, end, ",")]
    return [*separator, new_lines(text, at, [pad + written + "," * has_comma])]


def _append_line(text: str, owner: Sequence, opening: int, item: Item, hand: Hand) -> list[Splice]:
    if text[opening : opening + 1] != "-":  # then the marks are not where the parser read: the proof will refuse it
        return []
    column = column_of(text, opening)
    at = behind_comments(text, line_after(text, _end_of_last(text, owner)), column)
    return [new_lines(text, at, [" " * column + line for line in item_lines(item, hand, _gap(text, owner, column))])]


def item_lines(item: Item, hand: Hand, gap: int) -> list[str]:
    """The lines of a dashed item. `gap`: columns from dash to item if its members get a line each, 0 for one line."""
    if not gap or not item.members:
        return ["-" + " " * max(1, gap - 1) + item.in_line(hand)]
    first, *rest = item.pairs(hand)
    return ["-" + " " * (gap - 1) + first, *(" " * gap + pair for pair in rest)]


def _gap(text: str, owner: Sequence, column: int) -> int:
    """From the dash to the members of the last item, if each has a line; else 0."""
    last = owner.items[-1]
    if len(owner.items) - 1 in owner.aliases or not isinstance(last, Map) or last.flow:
        return 0
    return max(2, column_of(text, last.pairs[0].key.start.index) - column)


def _start_of_last(owner: Sequence) -> int:
    last = len(owner.items) - 1
    return owner.aliases[last][0].index if last in owner.aliases else owner.items[last].start.index


def _end_of_last(text: str, owner: Sequence) -> int:
    last = len(owner.items) - 1
    return owner.aliases[last][1].index if last in owner.aliases else end_of_value(text, owner.items[last])


def in_brackets(items: Several[str]) -> str:
    """A whole list on one line."""
    return "[" + ", ".join(items) + "]"
