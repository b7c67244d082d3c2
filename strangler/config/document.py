"""The one place of `strangler` that imports a YAML parser: text to nodes."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from strangler.core.spec.node import DocumentError, Node, build

# libyaml's parser where the wheel has it (all published ones do): about ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # YAML 1.1 section 4.1
_ADVICE = (  # what the parser says, where to look (it often notices only at the end of the file), what to do
    ("quoted scalar found unexpected end", "opened", "the quote that starts here is not closed"),
    ("parsing a flow", "opened", "the [ or { that starts here is not closed, or a comma is missing"),
    ("could not find expected ':'", "here", "a key has `: ` behind it"),
    ("cannot start any token", "here", "put the value in quotes"),
    ("mapping values are not allowed", "here", "indent this line as its neighbours, or put the value in quotes"),
    ("did not find expected key", "here", "indent this line as its neighbours"),
    ("did not find expected '-'", "here", "indent this line as its neighbours"),
    ("unknown escape", "here", "use single quotes, or write \\\\ for a backslash"),
)


def parse(text: str) -> Node | None:
    """Parse one YAML document; None if it is empty.

    `text` must not start with a byte order mark (see `decode`), so that marks count from its first character.
    Raises DocumentError, which carries the one problem.
    """
    try:
        with without_garbage_collection():
            return build(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        raise _in_words(text, error) from None
    except (yaml.reader.ReaderError, UnicodeEncodeError):
        before = text[: found.start()] if (found := _UNPRINTABLE.search(text)) else ""
        character = f" {found[0]!r}" if found else ""
        raise DocumentError.behind(
            before, f"not valid YAML: a control character{character}: delete it, or escape it in quotes"
        ) from None


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file, and the byte order mark that stood before it ("" if none).

    Raises DocumentError if the bytes are not UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        line = before.count("\n") + 1
        raise DocumentError.behind(before, f"not UTF-8 (line {line}): save the file as UTF-8") from None
    return (text[1:], text[0]) if text.startswith("\ufeff") else (text, "")


def _in_words(text: str, error: Any) -> DocumentError:
    """The parser's error with what to do about it, and the place where that is."""
    mark, trouble = error.problem_mark or error.context_mark, f"{error.problem or error.context}"
    if text[mark.index : mark.index + 1] == "\t" or "tab" in trouble:
        return DocumentError(mark, "not valid YAML: a tab: indent with spaces")
    for words, place, advice in _ADVICE:
        if words in f"{error.context} {trouble}":
            trouble = f"{trouble}: {advice}"
            mark = mark if place == "here" else error.context_mark or mark
            break
    if mark.index >= len(text.rstrip()):  # the parser counts the end of the file as a line of its own
        return DocumentError.behind(text.rstrip(), f"not valid YAML: {trouble}")
    return DocumentError(mark, f"not valid YAML: {trouble}")


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Nodes are a tree without rubbish; collecting while it grows takes four fifths of the time (10,000 routes)."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
