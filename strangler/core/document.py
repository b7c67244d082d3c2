"""A body as comparing sees it: what kind of content it is, and its content as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Content(StrEnum):
    """How a body is compared."""

    JSON = "json"  # value: as `exact.parse` gives it
    XML = "xml"  # value: an Element
    HTML = "html"  # value: an Element
    FORM = "form"  # value: a list of (name, value), in order
    TEXT = "text"  # value: str
    BYTES = "bytes"  # value: bytes
    NONE = "none"  # no body; value: None


@dataclass(frozen=True, slots=True)
class Element:
    """An element of XML or HTML.

    Attributes:
        name: with its namespace in braces, if it has one: ``{uri}local``.
        children: elements, and the text between them; empty text is left out.
    """

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: tuple[Element | str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded body.

    Attributes:
        note: why it is not of the kind that its content type says (``not JSON: ...``), else "".
    """

    content: Content
    value: Any = None
    note: str = ""
