"""Values in free text that stand behind a secret name: ``password=...``, ``"token": "..."``, ``<secret>...</secret>``.

Free text is also what was promised to be JSON or XML and is not, so nested values are followed to where they end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from strangler.core.redact.names import BESIDE, labelled
from strangler.core.redact.spans import Finder, Span

_NAME = re.compile(r"""(?<![\w.$-])([\w.$-]{1,100})\\?["']?\s{0,8}(=>|[:=])\s{0,8}""")
_TAG = re.compile(r"<(?:\{[^{}<>]{0,200}\}|[\w.-]{1,60}:)?([\w.-]{1,100})(\s[^<>]{0,2000})?>")
_ATTRIBUTE = re.compile(r"""(?:[\w.-]{1,60}:)?([\w.-]{1,100})\s{0,8}=\s{0,8}(?:"([^"]*)"|'([^']*)'|([^\s"'<>]+))""")
_QUOTED = re.compile(
    r"""\\(?P<escaped>["'])(?:.*?(?:\\(?P=escaped)|\Z))|"(?:[^"\\]|\\.)*(?:"|\\?\Z)|'(?:[^'\\]|\\.)*(?:'|\\?\Z)""",
    re.S,
)
_WORD = re.compile(r"""[^\s"'<>&;,})\]]+""")  # behind "="
_LINE = re.compile(r"""[^\r\n"'<>&;,})\]]+""")  # behind ":", where a value may have spaces
_BRACKETS = re.compile(r"""[\[\]{}]|"(?:[^"\\]|\\.)*(?:"|\\?\Z)""", re.S)
_INNER = re.compile(r"""\\?["']?(.*?)(?:\\?["'])?\Z""", re.S)


def named(is_secret: Callable[[str], bool]) -> Finder:
    """A finder of values whose name is a secret one."""

    def find(text: str) -> Iterator[Span]:
        yield from _assigned(text, is_secret)
        if "<" in text:
            yield from _in_tags(text, is_secret)

    return find


def _assigned(text: str, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    at = 0
    while found := _NAME.search(text, at):
        at = found.end()
        if is_secret(found[1]):
            start, end = _value(text, at, found[2] == ":")
            if end > start:
                yield start, end
            at = max(at, end)


def _value(text: str, at: int, colon: bool) -> Span:
    """Where the value is that starts at `at`, without its quotes."""
    if text[at : at + 1] in ("[", "{"):
        return at, _closed(text, at)
    quoted = _QUOTED.match(text, at)
    if quoted:
        inner = _INNER.match(quoted[0])
        return (at + inner.start(1), at + inner.end(1)) if inner else quoted.span()
    found = (_LINE if colon else _WORD).match(text, at)
    return (at, at + len(found[0].rstrip())) if found else (at, at)


def _closed(text: str, at: int) -> int:
    """Where the bracket at `at` is closed, or the end."""
    depth = 0
    for found in _BRACKETS.finditer(text, at):
        depth += (found[0] in "[{") - (found[0] in "]}")
        if not depth:
            return found.end()
    return len(text)


def _in_tags(text: str, is_secret: Callable[[str], bool]) -> Iterator[Span]:
    at = 0
    while found := _TAG.search(text, at):
        at = found.end()
        beside = list(_labelled(found, is_secret)) if found[2] else []
        yield from beside
        if is_secret(found[1]):
            closing = re.compile(rf"</(?:[\w.-]{{1,60}}:)?{re.escape(found[1])}\s*>").search(text, at)
            end = closing.start() if closing else len(text)
        else:
            end = text.find("<", at) if beside or (found[2] and _is_labelled(found, is_secret)) else at
            end = len(text) if end < 0 else end
        if end > at:
            yield at, end
        at = end


def _attributes(found: re.Match[str]) -> list[tuple[str, int, int]]:
    """Names of a tag's attributes, and where their values stand in the text."""
    start = found.start(2)
    return [
        (one[1].lower(), start + one.start(group), start + one.end(group))
        for one in _ATTRIBUTE.finditer(found[2])
        for group in (one.lastindex or 1,)
    ]


def _is_labelled(found: re.Match[str], is_secret: Callable[[str], bool]) -> bool:
    return labelled({name: found.string[start:end] for name, start, end in _attributes(found)}, is_secret)


def _labelled(found: re.Match[str], is_secret: Callable[[str], bool]) -> Iterator[Span]:
    """Values of attributes that stand beside a label, as in ``<input name="password" value="...">``."""
    if _is_labelled(found, is_secret):
        yield from ((start, end) for name, start, end in _attributes(found) if name in BESIDE and end > start)
