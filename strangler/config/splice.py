"""Where a word goes in the text of a YAML file: pure geometry, from nodes to splices of characters.

This file knows how YAML is written (quotes, anchors, comments, braces, indentation) and nothing of routes.
What it proposes is not trusted: `edit` parses the result and compares meanings before anyone sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from strangler.core.spec.node import Map, Node, Pair, Scalar
from strangler.core.spec.node import Sequence as List
from strangler.core.spec.section import is_nothing

BREAKS = "\r\n\x85\u2028\u2029"  # what ends a line for YAML 1.1 (section 4.1.4), and so for the marks
_BREAK = re.compile(rf"\r\n|[{BREAKS}]")
_GAP = re.compile(rf"(?:[ \t\ufeff{BREAKS}]|#[^{BREAKS}]*)*")
PROPERTY = re.compile(r"(?:&(?P<anchor>[\w-]+)|(?P<tag>!(?:<[^>\s]*>|[^\s,\[\]{}]*)))(?P<space>[ \t]*)", re.ASCII)
_TAGS_OF_TEXT = ("!", "!!str", "!<tag:yaml.org,2002:str>")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*")
_COMMENT_LINE = re.compile(r"( *)#")
_PLAIN_ANYWHERE = re.compile(r"[A-Za-z0-9_](?:[ -]*[A-Za-z0-9_.%]+)*")


@dataclass(frozen=True, slots=True)
class Splice:
    """The characters from `start` up to `end` become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and the word to write behind it."""

    key: str
    word: str


@dataclass(frozen=True, slots=True)
class _Written:
    """How a scalar stands in the text: its anchor and tag, then the characters of the value itself."""

    properties: tuple[re.Match[str], ...]
    body: int
    end: int

    @property
    def empty(self) -> bool:
        return self.body == self.end


def apply(text: str, splices: Iterable[Splice]) -> str:
    """The text with all splices made. Those at the same place keep their order; they must not overlap."""
    parts, done = [], 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        parts += [text[done : splice.start], splice.text]
        done = max(done, splice.end)
    return "".join(parts) + text[done:]


def rewrite(text: str, owner: Map, pair: Pair, word: str, *, keep_anchor: bool = True) -> list[Splice]:
    """Put `word` where the scalar value of `pair` stands, in the quotes that it has; over an alias, plain."""
    if pair.alias:
        return [Splice(pair.alias[0].index, pair.alias[1].index, word)]
    assert isinstance(pair.value, Scalar)
    written = _written(text, pair.value)
    if written.empty and not written.properties:
        return [_fill(text, owner, pair, word)]
    dropped = [found for found in written.properties if not _stays(found, keep_anchor)]
    if written.empty and len(dropped) == len(written.properties):
        return [Splice(pair.value.start.index, pair.value.end.index, word)]
    return [*(Splice(found.start(), found.end(), "") for found in dropped), *_rewrite_body(text, written, pair.value, word)]


def hand_over(text: str, scalar: Scalar, place: tuple[int, int]) -> Splice:
    """Write an anchored scalar, anchor and all, over an alias of it, so that later aliases find it there."""
    written = _written(text, scalar)
    properties = [found[0].strip() for found in written.properties]
    tagged_nothing = written.empty and len(properties) > 1  # which some read as "", not as null
    return Splice(*place, " ".join([*properties, "" if tagged_nothing else quote(scalar)]))


def quote(scalar: Scalar) -> str:
    """The scalar in one line, right in any place; quoted if it was, since some readers tell "no" from no."""
    if is_nothing(scalar):
        return "null"
    return scalar.text if scalar.plain and is_plain_anywhere(scalar.text) else in_double_quotes(scalar.text)


def is_plain_anywhere(text: str) -> bool:
    """Whether a text can stand without quotes in any place (for whom it then is text is the reader's matter)."""
    return _PLAIN_ANYWHERE.fullmatch(text) is not None


def in_double_quotes(text: str) -> str:
    """The text in one line of double quotes; what cannot be seen is escaped (as in JSON, too, up to U+FFFF)."""
    shown = json.dumps(text, ensure_ascii=False)
    return shown if shown.isprintable() else "".join(map(_escape, shown))


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"


def insert(text: str, owner: Map, entries: Sequence[Entry], after: Pair | None) -> list[Splice]:
    """Put new keys into a mapping: behind the pair `after`, or before everything else in it.

    In a block they get lines of their own, with the mapping's indentation and the line ending used there; in braces
    they stand between commas. Quotes are used if the neighbour's key has them (JSON stays JSON).
    """
    neighbour = after or owner.pairs[0]
    mark = key_quotes(text, neighbour.key)
    written = [f"{mark}{entry.key}{mark}: {_in_quotes(entry.word, mark)}" for entry in entries]
    return put(text, owner, written, after)


def put(text: str, owner: Map, lines: Sequence[str], after: Pair | None) -> list[Splice]:
    """Put whole pairs, as they are to stand there, into a mapping: behind the pair `after`, or before everything else.

    A block gets `lines`, each indented as its keys are, so that a pair may go over several; braces get one pair a line.
    """
    if owner.flow:
        return _insert_flow(text, owner, lines, after)
    column = column_of(text, _first(text, owner))
    if after is None:
        at = _first(text, owner)
        return [Splice(at, at, "".join(line + line_end_at(text, at) + " " * column for line in lines))]
    at = behind_comments(text, line_after(text, end_of_pair(text, after)), column)
    return [new_lines(text, at, [" " * column + line for line in lines])]


def _in_quotes(word: str, mark: str) -> str:
    return word if word == "null" or word[0] in "'\"" else mark + word + mark


def _insert_flow(text: str, owner: Map, written: Sequence[str], after: Pair | None) -> list[Splice]:
    start, end = owner.start.index, owner.end.index
    opening = skip_properties(text, start, end)
    if text[opening : opening + 1] != "{":  # `[name: x]`: a pair that is a mapping without braces
        return [Splice(start, start, "{"), Splice(end, end, ", ".join(["", *written]) + "}")]
    if after is None:
        return [Splice(opening + 1, opening + 1, ", ".join([*written, ""] if owner.pairs else written))]
    at = end_of_pair(text, after)
    space = " " if text[at - 1] == ":" else ""  # `match:,` is no key to every parser
    return [Splice(at, at, space + "".join(f", {entry}" for entry in written))]


def _written(text: str, scalar: Scalar) -> _Written:
    at, end, found = scalar.start.index, scalar.end.index, []
    while at < end and (prop := PROPERTY.match(text, at, end)):
        found.append(prop)
        at = after_gap(text, prop.end(), end)
    return _Written(tuple(found), at, end)


def _stays(found: re.Match[str], keep_anchor: bool) -> bool:
    return keep_anchor if found["anchor"] else found["tag"] in _TAGS_OF_TEXT


def _rewrite_body(text: str, written: _Written, scalar: Scalar, word: str) -> list[Splice]:
    body, end = written.body, written.end
    if written.empty:
        return [Splice(end, end, f" {word}")]
    if scalar.plain:
        return [Splice(body, end, word)]
    mark = text[body : body + 1]
    if mark in ("'", '"'):
        return [Splice(body, end, mark + word + mark)]
    header = _BLOCK_HEADER.match(text, body)
    if not header:  # then the parser's marks are not where it read: change nothing, and the proof will refuse that
        return []
    line_end = _BREAK.search(text, header.end(), end)
    content = body + len(text[body:end].rstrip(f" \t{BREAKS}"))  # its mark takes in blank lines behind it; they stay
    cut = line_end.start() if line_end else end
    return [Splice(body, header.end(), word), Splice(cut, max(cut, content), "")]


def _fill(text: str, owner: Map, pair: Pair, word: str) -> Splice:
    """Give a word to a key that has nothing behind it: ``stage:``, ``{stage}``, ``? stage``."""
    after = _behind_colon(text, pair)
    if after is not None:
        return Splice(after, after, f" {word}")
    end = pair.key.end.index
    if owner.flow:
        return Splice(end, end, f": {word}")
    column = column_of(text, _first(text, owner))
    return new_lines(text, line_after(text, end), [f"{' ' * column}: {word}"])


def _behind_colon(text: str, pair: Pair) -> int | None:
    """Where the colon of a pair without value ends; None if it has none."""
    at = after_gap(text, pair.key.end.index, len(text))
    return at + 1 if text[at : at + 1] == ":" else None


def end_of_pair(text: str, pair: Pair) -> int:
    """Where the characters of a pair end."""
    if pair.alias:
        return pair.alias[1].index
    if isinstance(pair.value, Scalar) and pair.value.start.index == pair.value.end.index:
        return _behind_colon(text, pair) or pair.key.end.index
    return end_of_value(text, pair.value)


def end_of_value(text: str, node: Node) -> int:
    """The mark of a block goes on to whatever follows it, comments and all; that of its last leaf does not."""
    if isinstance(node, Map) and not node.flow:
        return end_of_pair(text, node.pairs[-1])
    if isinstance(node, List) and not node.flow:
        last = len(node.items) - 1
        return node.aliases[last][1].index if last in node.aliases else end_of_value(text, node.items[last])
    return node.end.index


def key_quotes(text: str, key: Scalar) -> str:
    """The quotes that a key stands in, "" if in none."""
    quoted = _written(text, key)
    mark = text[quoted.body : quoted.body + 1]
    return mark if mark in ("'", '"') and not key.plain else ""


def _first(text: str, owner: Map) -> int:
    """Where the first key of a block mapping stands (or its ``?``): behind the mapping's own anchor, if it has one."""
    start, key = owner.start.index, owner.pairs[0].key.start.index
    return start if start == key else skip_properties(text, start, owner.end.index)


def skip_properties(text: str, at: int, end: int) -> int:
    """Where a value itself begins, behind its anchor and tag."""
    while found := PROPERTY.match(text, at, end):
        at = after_gap(text, found.end(), end)
    return at


def after_gap(text: str, at: int, end: int) -> int:
    """Where the spaces, line breaks and comments end that start at `at`."""
    found = _GAP.match(text, at, end)
    return found.end() if found else at


def column_of(text: str, at: int) -> int:
    """How many characters of its line stand before `at`."""
    start = at
    while start and text[start - 1] not in BREAKS:
        start -= 1
    return at - start


def line_after(text: str, at: int) -> int:
    """Where the line ends that `at` is in, its break included; `at` itself if a line starts there (behind a block)."""
    if at and text[at - 1] in BREAKS:
        return at
    found = _BREAK.search(text, at)
    return found.end() if found else len(text)


def behind_comments(text: str, at: int, column: int) -> int:
    """Skip comment lines that are indented deeper than `column`: they belong to what stands above."""
    while (found := _COMMENT_LINE.match(text, at)) and len(found[1]) > column:
        at = line_after(text, found.end())
    return at


def new_lines(text: str, at: int, lines: list[str]) -> Splice:
    """Lines of their own at `at`, where a line starts or the text ends without a line end (and then still does)."""
    line_end = line_end_at(text, at)
    if at and text[at - 1] not in BREAKS:
        return Splice(at, at, "".join(line_end + line for line in lines))
    return Splice(at, at, "".join(line + line_end for line in lines))


def line_end_at(text: str, at: int) -> str:
    """The line end last used before `at`; mixed files stay as mixed as they were."""
    end = at
    while end and text[end - 1] not in BREAKS:
        end -= 1
    if not end:
        found = _BREAK.search(text, at)
        return found[0] if found else "\n"
    return "\r\n" if text[end - 2 : end] == "\r\n" else text[end - 1]
