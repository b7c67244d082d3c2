"""From a decoded body and its content type to a document that can be compared. What does not hold what its type promises is
compared as text, with a note that says why."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from urllib.parse import parse_qsl

from strangler.core import exact
from strangler.core.document import Content, Document
from strangler.evidence.trees import NotATreeError, parse_html, parse_xml

DEEPEST = 200  # what walks a document may do so by calling itself
MOST_VALUES = 4_000_000  # in one document: some hundred megabytes
MOST_FIELDS = 100_000  # in one form

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.I | re.A)
_META = re.compile(rb"""<meta\b[^>]{0,200}?charset\s*=\s*["']?([\w.:-]{1,40})""", re.I)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, which it starts with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Encodings of text that take linear time; Python's codecs are many more.
_KNOWN = re.compile(
    r"ascii|utf-(8|16|16-le|16-be|32|32-le|32-be)|iso8859-\d+|cp\d+|koi8-[ru]|mac-\w+|big5|gbk?|gb2312|gb18030|"
    r"euc_(jp|kr)|shift_jis|iso2022_jp"
)


def document_of(content_type: str, body: bytes) -> Document:
    """The document that a body is. Does not raise.

    Args:
        content_type: value of Content-Type, "" if there is none.
        body: without content coding.
    """
    if not body:
        return Document(Content.NONE)
    kind = content_type.partition(";")[0].strip().lower()
    read = next((reader for pattern, reader in _READERS if pattern.fullmatch(kind)), _bytes)
    found = _CHARSET.search(content_type.partition(";")[2])
    return read(body, _known(found[1]) if found else "")


def _json(body: bytes, charset: str) -> Document:
    text = _decoded(body, charset or "utf-8")
    if text is None:
        return _text(body, charset, f"not JSON: not {charset or 'utf-8'}")
    return _json_text(text)


def _json_text(text: str) -> Document:
    if sum(map(text.count, ",[{")) > MOST_VALUES:
        return Document(Content.TEXT, text, "not read as JSON: too large")
    try:
        value = exact.parse(text.encode())
    except (exact.NotJsonError, MemoryError) as error:
        deep = "recursion" in str(error)
        return Document(Content.TEXT, text, "not read as JSON: too deep" if deep else f"not JSON: {error}")
    if _is_deep(value):
        return Document(Content.TEXT, text, "not read as JSON: too deep")
    return Document(Content.JSON, value)


def _is_deep(value: exact.Value) -> bool:
    """Whether containers stand in each other deeper than may be walked, looked at level by level."""
    level = [value] if type(value) in (list, dict) else []
    for _ in range(DEEPEST):
        if not level:
            return False
        level = [
            child for each in level for child in (each if type(each) is list else each.values()) if type(child) in (list, dict)
        ]
    return bool(level)


def _xml(body: bytes, charset: str) -> Document:
    marked = any(body.startswith(mark) for mark, _ in _MARKS)
    try:
        return Document(Content.XML, parse_xml(body, None if marked else charset or None))
    except NotATreeError as error:
        return _text(body, charset, f"not XML: {error}")


def _html(body: bytes, charset: str) -> Document:
    found = _META.search(body, 0, 1024)
    text = _decoded_somehow(body, charset or (_known(found[1].decode("latin-1")) if found else ""))
    try:
        tree = parse_html(text)
    except NotATreeError as error:
        return Document(Content.TEXT, text, f"not read as HTML: {error}")
    return Document(Content.TEXT, text, "not HTML: no element in it") if tree is None else Document(Content.HTML, tree)


def _form(body: bytes, charset: str) -> Document:
    text = _decoded(body, charset or "utf-8")
    if text is None:
        return _text(body, charset, f"not a form: not {charset or 'utf-8'}")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="backslashreplace", max_num_fields=MOST_FIELDS)
    except ValueError:
        return Document(Content.TEXT, text, f"not read as a form: more than {MOST_FIELDS} fields")
    return Document(Content.FORM, pairs)


def _text(body: bytes, charset: str, note: str = "") -> Document:
    text = _decoded(body, charset or "utf-8")
    if text is not None:
        return Document(Content.TEXT, text, note)
    # Broken bytes are shown as escapes: read in another charset, they could equal what the other side sent in sound UTF-8.
    broken = body.decode(charset or "utf-8", "backslashreplace")
    return Document(Content.TEXT, broken, note or f"not {charset or 'utf-8'}: bytes that are not are shown as \\x..")


def _bytes(body: bytes, charset: str) -> Document:
    return Document(Content.BYTES, body)


def _sniffed(body: bytes, charset: str) -> Document:
    """Without a content type: JSON if it is an object or a list, else bytes."""
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        found = _json(body, charset)
        if found.content is Content.JSON:
            return found
    return _bytes(body, charset)


def _known(label: str) -> str:
    """Python's name of a charset; "" if it is none of text that everybody knows."""
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""
    return name if _KNOWN.fullmatch(name) else ""


def _decoded(body: bytes, charset: str) -> str | None:
    """The text of a body; a byte order mark says more than what was declared (WHATWG Encoding section 6)."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            body, charset = body[len(mark) :], name
            break
    try:
        return body.decode(charset)
    except (ValueError, LookupError):
        return None


def _decoded_somehow(body: bytes, charset: str) -> str:
    for name in (charset, "utf-8"):
        text = _decoded(body, name) if name else None
        if text is not None:
            return text
    return body.decode("utf-8", "backslashreplace")


_READERS: tuple[tuple[re.Pattern[str], Callable[[bytes, str], Document]], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        ("", _sniffed),
        (r"(application|text)/json|.+\+json", _json),
        (r"text/html", _html),
        (r"(application|text)/xml|.+\+xml", _xml),
        (r"application/x-www-form-urlencoded", _form),
        (r"text/.*|application/(x-)?(javascript|ecmascript|ndjson|yaml|graphql|sql)", _text),
    )
)
