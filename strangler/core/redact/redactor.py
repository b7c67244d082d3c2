"""Everything of an exchange that is kept, without its secrets: target, headers, bodies, differences, causes.

What is secret is decided by place (headers and fields that the route names, cookies, names like ``password``), and by looks
(addresses, cards, signed tokens, credentials of any scheme, also inside base64). The same secret has the same token everywhere,
so answers can still be compared, and one person's requests found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

from strangler.core.difference import Kind, Path, render_path
from strangler.core.document import Content, Document
from strangler.core.model import Redact
from strangler.core.observation import Headers
from strangler.core.redact.beside import is_beside_label
from strangler.core.redact.echoes import Echoes
from strangler.core.redact.fields import Fields
from strangler.core.redact.names import HEADERS, is_secret
from strangler.core.redact.paths import Paths
from strangler.core.redact.render import Renderer, quoted
from strangler.core.redact.sheet import Rendered, clean
from strangler.core.redact.text import Scrubber
from strangler.core.redact.token import mint
from strangler.core.template import Template

_COOKIE_ATTRIBUTES = frozenset({"expires", "max-age", "domain", "path", "samesite", "priority"})  # RFC 6265 section 4.1.2
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://[^/?#]*")
_SCHEME = re.compile(r"([A-Za-z][\w-]{1,30})[ \t]+(\S.*)", re.S)


class Redactor:
    """Redaction under one route's rules.

    Args:
        rules: what the route adds to what is secret everywhere.
        key: of the tokens; raises ValueError if it has less than 16 bytes.
        paths: of the routes: what a parameter like ``{reset_token}`` takes is secret.
    """

    def __init__(self, rules: Redact, key: bytes, paths: Iterable[Template] = ()) -> None:
        self._fields = Fields(rules.fields)
        self._paths = Paths(paths, self._fields.named)
        self._headers = HEADERS | {name.lower() for name in rules.headers}
        self._scrubber = Scrubber(rules.detect, self._fields.named, mint(key))
        self._render = Renderer(self._fields, self._scrubber, mint(key))

    def begin(self) -> Echoes:
        """From here on it is another exchange; what comes back holds its secrets as they are met."""
        self._scrubber.echoes = Echoes()
        return self._scrubber.echoes

    def text(self, text: str, most: int = 2000) -> str:
        """Any text of at most `most` characters; a longer one is cut."""
        return clean(self._scrubber.start(text, most)[0])

    def target(self, target: str) -> str:
        """A request target: user, segments, and values in the query."""
        origin = found[0] if (found := _ORIGIN.match(target)) else ""
        path, question, query = target[len(origin) :].partition("?")
        lead, slash, rest = path.partition("/")
        segments = rest.split("/")
        secret = self._paths.secret(segments)
        shown = "/".join(self._segment(segment, secret=at in secret) for at, segment in enumerate(segments))
        return clean(self._scrubber.text(origin) + self._segment(lead) + slash + shown + question + self._query(query))

    def headers(self, headers: Headers, most: int = 8192) -> list[list[str]]:
        """Headers as pairs of name and value, both as text; values are cut at `most` characters."""
        pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
        return [[clean(name), self.header(name, value, most)] for name, value in pairs]

    def header(self, name: str, value: str, most: int = 8192) -> str:
        """The value of a header. Cookies keep their names, and credentials their scheme."""
        low = name.lower()
        if low in ("cookie", "set-cookie"):
            return clean(self._cookies(value, low == "set-cookie"))
        if low not in self._headers and not is_secret(low):
            return self.text(value, most)
        scheme = _SCHEME.fullmatch(value) if low.endswith("authorization") else None
        secret = self._scrubber.secret
        return clean(f"{scheme[1]} {secret(scheme[2])}" if scheme else secret(value))

    def body(self, document: Document, most: int) -> Rendered:
        """A body, in at most `most` characters of its own syntax."""
        return self._render.document(document, most)

    def value(self, value: Any, path: Path, content: Content, most: int, *, secret: bool = False) -> Rendered:
        """A value at a place in a body, as JSON in at most `most` characters. `secret`: it is one, whatever it is called."""
        markup = content in (Content.XML, Content.HTML)
        place = self._fields.at_markup(path) if markup else self._fields.at(path)
        named = content is Content.FORM and any(isinstance(step, str) and self._fields.named(step) for step in path)
        return self._render.value(value, place._replace(secret=place.secret or secret or named), most)

    def header_value(self, value: str | list[str] | None, name: str, most: int) -> Rendered:
        """The value of a header that differs, or its values, as JSON."""
        if isinstance(value, list):
            shown = [self.header(name, each, most) for each in value]
            return Rendered(f"[{','.join(map(quoted, shown))}]"[:most])
        return Rendered("null" if value is None else quoted(self.header(name, value, most)))

    def digest(self, text: str) -> Rendered:
        """What is told of bytes that differ: their number, and a token for their digest, which without a key tells too much."""
        count, _, digest = text.partition(", ")
        return Rendered(quoted(f"{count} {self._scrubber.secret(digest)}"))

    def is_labelled(self, document: Document, path: Path) -> bool:
        """Whether something beside a place in a document, or beside one on the way to it, says that it is a secret."""
        return is_beside_label(document.value, path, self._fields.named)

    def open_lines(self, text: str) -> set[str]:
        """Lines of a text that belong to a secret which goes over several."""
        return self._scrubber.open_lines(text)

    def path(self, path: Path, kind: Kind) -> str:
        """The rendered path of a difference, or the name of its header."""
        if kind in (Kind.HEADER, Kind.STATUS):
            return clean(self._scrubber.name(str(path[0]) if path else kind))
        return self.pattern(render_path(path))

    def pattern(self, text: str) -> str:
        """A rendered path or path pattern: names of members may be secrets."""
        return clean(self._scrubber.name(text[:2000]))

    def _segment(self, segment: str, *, secret: bool = False) -> str:
        text = unquote(segment, errors="backslashreplace")
        shown = self._scrubber.secret(text) if secret else self._scrubber.text(text)
        return segment if shown == text else quote(shown, safe="[]:@!$&'()*+,;=")

    def _query(self, query: str) -> str:
        return "&".join(map(self._parameter, query.split("&")))

    def _parameter(self, parameter: str) -> str:
        name, equals, value = parameter.partition("=")
        plain, text = (unquote_plus(each, errors="backslashreplace") for each in (name, value))
        shown = self._scrubber.secret(text) if self._fields.named(plain) else self._scrubber.text(text)
        return self._segment(name) + equals + (value if shown == text else quote(shown, safe="[]:@!$'()*,;/?"))

    def _cookies(self, value: str, with_attributes: bool) -> str:
        pieces = value.split(";")
        return ";".join(self._crumb(piece, with_attributes and at > 0) for at, piece in enumerate(pieces))

    def _crumb(self, piece: str, may_be_attribute: bool) -> str:
        name, equals, value = piece.partition("=")
        if may_be_attribute and (not equals or name.strip().lower() in _COOKIE_ATTRIBUTES):
            return self._scrubber.text(piece)
        if not equals:  # a value without a name (RFC 6265 section 5.2)
            return self._scrubber.secret(piece.strip()) if piece.strip() else piece
        return f"{self._scrubber.name(name)}={self._scrubber.secret(value.strip())}"
