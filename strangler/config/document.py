"""The one place of `strangler` that imports a YAML parser: text to nodes."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from strangler.core.spec.node import DocumentError, Node, build

# libyaml's parser where the wheel has it (all published ones do): about ten times as fast.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse(text: str) -> Node | None:
    """Parse one YAML document; None if it is empty.

    `text` must not start with a byte order mark (see `decode`), so that marks count from its first character.
    Raises DocumentError, which carries the one problem.
    """
    try:
        with without_garbage_collection():
            return build(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        message = f"not valid YAML: {error.problem or error.context}"
        raise DocumentError(error.problem_mark or error.context_mark, message) from None
    except yaml.reader.ReaderError as error:
        raise DocumentError(None, f"not valid YAML: {error.reason} at character {error.position + 1}") from None
    except UnicodeEncodeError:
        raise DocumentError(None, "not valid YAML: half of a surrogate pair") from None


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file, and the byte order mark that stood before it ("" if none).

    Raises DocumentError if the bytes are not UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DocumentError(None, f"not UTF-8 (line {line}): save the file as UTF-8") from None
    return (text[1:], text[0]) if text.startswith("\ufeff") else (text, "")


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
