"""XML and HTML as trees of plain elements. The only file that knows lxml.

Nothing is fetched, no entity is expanded, no DTD is read; a tree that is too deep or too large is refused, not cut: half a
tree could match half of another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lxml import etree

from strangler.core.document import Element

MOST_BYTES = 24 * 2**20
MOST_TAGS = 1_000_000  # a thousandth of them fills a screen; each costs some hundred bytes
DEEPEST = 200  # what walks a tree may do so by calling itself

_SAFE = {"no_network": True, "huge_tree": False, "remove_comments": True, "remove_pis": True}


class NotATreeError(ValueError):
    """The bytes are not XML, or no tree that could be walked."""


def parse_xml(data: bytes, charset: str | None = None) -> Element:
    """Read XML. `charset` is the one that the content type declares, which wins (RFC 7303 section 3). Raises NotATreeError."""
    parser = _parser(etree.XMLParser, charset, resolve_entities=False, load_dtd=False, dtd_validation=False, collect_ids=False)
    root = _parse(data, parser)
    if root is None:
        raise NotATreeError("no element in it")
    return root


def parse_html(text: str) -> Element | None:
    """Read HTML as browsers do, whatever is wrong with it; None if there is no element in it. Raises NotATreeError."""
    if not text.strip():
        return None
    return _parse(text.encode("utf-8", "replace"), _parser(etree.HTMLParser, "utf-8", recover=True))


def _parser(kind: Any, charset: str | None, **options: Any) -> Any:
    try:
        return kind(encoding=charset, **options, **_SAFE)
    except LookupError:
        return kind(**options, **_SAFE)


def _parse(data: bytes, parser: Any) -> Element | None:
    if len(data) > MOST_BYTES or data.count(b"<") > MOST_TAGS:
        raise NotATreeError("too large")
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line, column = error.position
        raise NotATreeError(f"wrong at line {line}, column {column}") from None
    except (ValueError, LookupError, MemoryError, AssertionError) as error:
        raise NotATreeError(type(error).__name__) from None
    if len(parser.error_log.filter_from_fatals()):  # a limit of the library, at which a lenient parser just stops
        raise NotATreeError("too deep or too large")
    return None if root is None else _element(root, DEEPEST)


def _element(node: Any, levels: int) -> Element:
    if not levels:
        raise NotATreeError("too deep")
    children = tuple(_children(node, levels))
    return Element(str(node.tag), {str(name): str(value) for name, value in node.attrib.items()}, children)


def _children(node: Any, levels: int) -> Iterator[Element | str]:
    """Elements and text, adjoining text in one piece, though a comment or an entity stood in it."""
    text = node.text or ""
    for child in node:
        if child.tag is etree.Entity:
            text += child.text
        elif isinstance(child.tag, str):
            if text:
                yield text
            text = ""
            yield _element(child, levels - 1)
        text += child.tail or ""
    if text:
        yield text
