"""The kinds of value that a field can hold. A kind reads a node and describes itself in JSON Schema.

A scalar is read by the kind that expects it, never by YAML's guess of a type.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Protocol

from strangler.core.spec.node import Node, Scalar
from strangler.core.spec.reader import INVALID, Reader, nearest
from strangler.core.units import Bytes, Seconds, format_duration, format_percent, parse_duration, parse_percent, parse_size

Schema = dict[str, Any]

_ENVIRONMENT = {"pattern": r"\$\{"}  # in an editor, a value from the environment is always acceptable
_DIGITS = r"(?:0|[1-9]\d{0,17})"
_YAML_1_1_TRUE = {"yes", "on", "y", "true", "1"}
_YAML_1_1_BOOLEANS = {*_YAML_1_1_TRUE, "no", "off", "n", "false", "0"}


class Kind(Protocol):
    """Reads one value; notes problems with the reader and returns INVALID rather than raise."""

    def read(self, node: Node, path: str, reader: Reader) -> Any: ...

    def make(self, written: Any) -> Any:
        """The value as run, from the value as written."""

    def schema(self) -> Schema: ...


class Word:
    """Text that `parse` turns into a value, raising ValueError with a message that says what to write.

    Args:
        noun: what it is, for messages: "a duration such as 5s".
        parse: text to value.
        pattern: what an editor may check already (an ECMA 262 regular expression).
        literal: the environment is not expanded here (fields that `strangler flip` writes).
        bare: numbers and booleans may stand without quotes where text is expected.
        words: all there are, if they are few; editors offer them.
    """

    def __init__(
        self,
        noun: str,
        parse: Callable[[str], Any] = str,
        *,
        pattern: str | None = None,
        literal: bool = False,
        bare: bool = False,
        words: tuple[str, ...] = (),
        show: Callable[[Any], Any] = lambda value: "" if value is None else str(value),
    ) -> None:
        self.noun, self.pattern, self.literal, self.bare, self.words = noun, pattern, literal, bare, words
        self.parse = lru_cache(maxsize=1024)(parse)  # what thousands of routes have in common is read once, and is one value
        self._show = show

    def read(self, node: Node, path: str, reader: Reader) -> Any:
        if not isinstance(node, Scalar):
            return reader.problem(node, path, f"expected {self.noun}, found {describe(node)}")
        if node.plain and node.text in ("", "~", "null"):
            return reader.problem(node, path, f"has no value: write {self.noun}, or leave the key out")
        if "${" not in node.text:
            return self._parse(node, node.text, path, reader)
        if self.literal:
            return reader.problem(node, path, "must be written out: `strangler flip` edits it, so it cannot come from ${…}")
        text = reader.expand(node, path)
        return text if text is INVALID else self._parse(node, text, path, reader)

    def _parse(self, node: Scalar, text: str, path: str, reader: Reader) -> Any:
        try:
            return self.parse(text)
        except ValueError as error:
            # What came out of the environment may be a secret: the message then names the variable only.
            hidden = text is not node.text
            return reader.problem(node, path, f"{node.text} does not hold {self.noun}" if hidden else str(error))

    def make(self, written: Any) -> Any:
        return written

    def show(self, value: Any) -> Any:
        """A value as run, as a person would write it (the JSON Schema's ``default``)."""
        return self._show(value)

    def schema(self) -> Schema:
        kind: Schema = {"type": ["string", "number", "boolean"] if self.bare else "string"}
        if self.pattern:
            kind["pattern"] = self.pattern if self.literal else rf"{self.pattern}|{_ENVIRONMENT['pattern']}"
        return {**kind, "examples": list(self.words)} if self.words else kind


def text(noun: str = "text", *, bare: bool = True) -> Word:
    """Any text that is not empty."""
    return Word(noun, not_empty, bare=bare)


def choice(*words: str, literal: bool = False, make: Callable[[str], Any] = str) -> Word:
    """One of a few words. `make` turns the word into a value (an Enum class, say)."""

    words = tuple(str(word) for word in words)

    def parse(word: str) -> Any:
        if word not in words:
            raise ValueError(f"{word!r} is not one of {', '.join(words)}{_did_you_mean(word, words)}")
        return make(word)

    pattern = f"^({'|'.join(re.escape(word) for word in words)})$"
    return Word(f"one of {', '.join(words)}", parse, pattern=pattern, literal=literal, words=words)


def is_yaml_boolean(word: str) -> bool:
    """Whether some YAML readers take a plain word as true or false."""
    return word.lower() in _YAML_1_1_BOOLEANS


def boolean() -> Word:
    """``true`` or ``false``, and nothing that YAML 1.1 and 1.2 read differently."""

    def parse(word: str) -> bool:
        if word in ("true", "false"):
            return word == "true"
        lowered = word.lower()
        if lowered in _YAML_1_1_BOOLEANS:
            raise ValueError(f"write {'true' if lowered in _YAML_1_1_TRUE else 'false'} (YAML readers disagree about {word!r})")
        raise ValueError(f"{word!r} is not true or false")

    return _Typed("true or false", parse, "boolean")


def integer(least: int, most: int) -> Word:
    """A whole number within bounds, both included."""

    def parse(word: str) -> int:
        if not re.fullmatch(rf"-?{_DIGITS}", word, re.ASCII):
            raise ValueError(f"{word!r} is not a whole number{_octal(word)}")
        if not least <= int(word) <= most:
            raise ValueError(f"{word} is not between {least} and {most}")
        return int(word)

    return _Typed(f"a whole number from {least} to {most}", parse, "integer", minimum=least, maximum=most)


def number(least: float, most: float) -> Word:
    """A decimal number within bounds, both included."""

    def parse(word: str) -> float:
        if not re.fullmatch(rf"-?{_DIGITS}(\.\d{{1,18}})?(e-?\d{{1,2}})?", word, re.ASCII):
            raise ValueError(f"{word!r} is not a number{_octal(word)}")
        if not least <= float(word) <= most:
            raise ValueError(f"{word} is not between {least:g} and {most:g}")
        return float(word)

    return _Typed(f"a number from {least:g} to {most:g}", parse, "number", minimum=least, maximum=most)


class _Typed(Word):
    """A scalar that JSON has a type for."""

    def __init__(self, noun: str, parse: Callable[[str], Any], json_type: str, **bounds: float) -> None:
        super().__init__(noun, parse, show=lambda value: value)
        self._schema = {"anyOf": [{"type": json_type, **bounds}, {"type": "string", **_ENVIRONMENT}]}

    def schema(self) -> Schema:
        return self._schema


def duration(*, zero: bool = False) -> Word:
    """``250ms 5s 10m 1h 14d``; `zero`: no time at all means something, too."""

    def parse(word: str) -> Seconds:
        seconds = parse_duration(word)
        if not seconds and not zero:
            raise ValueError(f"{word!r} leaves no time at all")
        return seconds

    return Word("a duration such as 5s", parse, pattern=r"^\d+(\.\d+)? ?(ms|s|m|h|d)$", show=format_duration)


def size(least: int = 0) -> Word:
    """``64KB 1MiB``"""

    def parse(word: str) -> Bytes:
        size = parse_size(word)
        if size < least:
            raise ValueError(f"{word!r} is too small: at least {least}B")
        return size

    return Word("a size such as 1MiB", parse, pattern=r"^\d+(\.\d+)? ?(B|[KMGT]i?B)$", show=lambda value: f"{value}B")


def percent(*, literal: bool = False) -> Word:
    """``12.5%``"""
    return Word("a percentage such as 5%", parse_percent, pattern=r"^\d+(\.\d+)? ?%$", literal=literal, show=format_percent)


def optional(kind: Word, word: str) -> Word:
    """`kind`, or the given word for None (``body: none``, ``breaker: off``)."""

    def parse(found: str) -> Any:
        try:
            return None if found == word else kind.parse(found)
        except ValueError as error:
            raise ValueError(f"{error}; or {word}") from None

    pattern = f"{kind.pattern}|^{word}$" if kind.pattern else None
    return Word(f"{kind.noun}, or {word}", parse, pattern=pattern, show=lambda value: word if value is None else kind.show(value))


def describe(node: Node) -> str:
    """What a node is, for a message."""
    if isinstance(node, Scalar):
        return f"{node.text!r}" if len(node.text) <= 40 else f"{node.text[:37]!r}…"
    return "a mapping" if hasattr(node, "pairs") else "a list"


def _octal(word: str) -> str:
    return f": write {int(word)} (some YAML readers take {word} as octal)" if re.fullmatch(r"0\d{1,17}", word, re.ASCII) else ""


def not_empty(word: str) -> str:
    """The word, if there is one."""
    if not word.strip():
        raise ValueError("is empty")
    if "\x00" in word or "\n" in word or "\r" in word:
        raise ValueError("has a line break or a NUL in it")
    return word


def _did_you_mean(word: str, words: tuple[str, ...]) -> str:
    hint = nearest(word, list(words))
    return hint if "did you mean" in hint else ""
