"""Documents as text without their secrets, in the syntax they came in, so that what is kept can be read and compared again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from html import escape
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any
from urllib.parse import quote_plus

from strangler.core.document import Content, Document, Element
from strangler.core.exact import Number
from strangler.core.redact.fields import Fields, Place, local
from strangler.core.redact.names import labelled
from strangler.core.redact.sheet import FullError, Rendered, Sheet
from strangler.core.redact.text import Scrubber
from strangler.core.redact.token import Mint

_WORDS = {None: "null", True: "true", False: "false"}
# HTML: elements without an end tag, and those whose text is written as it is.
_VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
_RAW = frozenset(("script", "style", "xmp", "iframe", "noembed", "noframes", "plaintext"))


class Renderer:
    """Writes documents of one route on sheets."""

    def __init__(self, fields: Fields, scrubber: Scrubber, mint: Mint) -> None:
        self._fields = fields
        self._scrubber = scrubber
        self._mint = mint

    def document(self, document: Document, most: int) -> Rendered:
        """A whole body, in at most `most` characters."""
        sheet = Sheet(most)
        with suppress(FullError):
            self._write(document, sheet)
        return sheet.done()

    def value(self, value: Any, place: Place, most: int) -> Rendered:
        """A value out of a document, as JSON; markup and bytes as a text in it."""
        sheet = Sheet(most)
        with suppress(FullError):
            self._json(value, place, sheet)
        return sheet.done()

    def _write(self, document: Document, sheet: Sheet) -> None:
        content, value = document.content, document.value
        if content is Content.JSON:
            self._json(value, self._fields.root, sheet)
        elif content in (Content.XML, Content.HTML):
            self._element(value, self._fields.of_root(value), sheet, "", content is Content.HTML)
        elif content is Content.FORM:
            self._form(value, sheet)
        elif content is Content.TEXT:
            self._string(value, self._fields.root.secret, sheet)
        elif content is Content.BYTES:
            sheet.write(self._bytes(value))

    def _json(self, value: Any, place: Place, sheet: Sheet) -> None:
        kind = type(value)
        if kind is dict:
            self._object(value, place, sheet)
        elif kind in (list, tuple):
            for at, item in enumerate(value):
                sheet.write("," if at else "[")
                self._json(item, place.below(at), sheet)
            sheet.write("]" if value else "[]")
        elif kind is Number:
            sheet.write(self._number(value, place.secret))
        elif kind is str:
            self._string(value, place.secret, sheet, quoted)
        else:
            sheet.write(self._other(value, place))

    def _object(self, value: dict[str, Any], place: Place, sheet: Sheet) -> None:
        label = labelled(value, self._fields.named)
        for at, (name, member) in enumerate(value.items()):
            sheet.write(("," if at else "{") + quoted(self._name(name, sheet)) + ":")
            self._json(member, place.below(name).beside(label, name), sheet)
        sheet.write("}" if value else "{}")

    def _number(self, value: Number, secret: bool) -> str:
        if secret or self._scrubber.name(value) != value:
            return quoted(self._mint("number", value))
        return value

    def _string(self, value: str, secret: bool, sheet: Sheet, dress: Callable[[str], str] = str) -> None:
        """Write a text, as `dress` makes it fit in; a longer one than there is room for is the last."""
        if secret:
            sheet.write(dress(self._scrubber.secret(value)))
            return
        text, cut = self._scrubber.start(value, sheet.room)
        sheet.write(dress(text))
        if cut:
            sheet.full()

    def _name(self, name: str, sheet: Sheet) -> str:
        if len(name) > sheet.room:
            sheet.full()
        return self._scrubber.name(name)

    def _other(self, value: Any, place: Place) -> str:
        if isinstance(value, Element):
            return quoted(self._inner(value, place))
        if isinstance(value, bytes):
            return quoted(self._bytes(value))
        if isinstance(value, bool) and place.state.here:  # a name of ours, like has_session, hides no yes or no
            return quoted(self._mint("boolean", str(value)))
        return _WORDS[value] if value is None or isinstance(value, bool) else str(value)

    def _inner(self, value: Element, place: Place) -> str:
        sheet = Sheet(4000)
        with suppress(FullError):
            self._element(value, place, sheet, "", False)
        return sheet.done().text

    def _bytes(self, value: bytes) -> str:
        """Nobody can say what is secret in bytes, so none of them are kept; equal ones are still told."""
        return self._mint("bytes", value.decode("latin-1")) if value else ""

    def _form(self, pairs: list[tuple[str, str]], sheet: Sheet) -> None:
        for at, (name, value) in enumerate(pairs):
            sheet.write("&" * (at > 0) + _encoded(self._name(name, sheet)) + "=")
            self._string(value, self._fields.named(name), sheet, _encoded)

    def _element(self, element: Element, place: Place, sheet: Sheet, space: str, html: bool) -> None:
        """Write an element; `place` is its own, `space` the namespace of what it stands in."""
        name = local(element.name)
        label = labelled({key.lower(): value for key, value in element.attributes.items()}, self._fields.named)
        own = element.name[1:].partition("}")[0] if element.name.startswith("{") else ""
        sheet.write(f"<{name}" + (f' xmlns="{escape(own)}"' if own != space else ""))
        for key, value in element.attributes.items():
            sheet.write(f' {_attribute(key)}="')
            self._string(value, place.inside(local(key)).beside(label, local(key).lower()).secret, sheet, escape)
            sheet.write('"')
        sheet.write(">")
        if html and name in _VOID:
            return
        leaf = not any(isinstance(child, Element) for child in element.children)
        secret = place.secret or place.below("#text").secret or (label and leaf)
        dress = str if html and name in _RAW else _escaped
        for child in element.children:
            if isinstance(child, Element):
                self._element(child, place.inside(local(child.name)), sheet, own, html)
            else:
                self._string(child, secret, sheet, dress)
        sheet.write(f"</{name}>")


def _escaped(text: str) -> str:
    return escape(text, quote=False)


def _attribute(name: str) -> str:
    """With its namespace declared where it stands, if it has one."""
    space, _, plain = name[1:].rpartition("}") if name.startswith("{") else ("", "", name)
    if space == "http://www.w3.org/XML/1998/namespace":
        return f"xml:{plain}"
    return f'xmlns:a="{escape(space)}" a:{plain}' if space else plain


def quoted(text: str) -> str:
    """A text as a JSON string."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can hold
        return encode_basestring_ascii(text)
    return encode_basestring(text)


def _encoded(text: str) -> str:
    return quote_plus(text, safe="[]:@/", errors="backslashreplace")
