"""Transforms of texts: each is a normal form in which both sides agree."""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any
from urllib.parse import unquote

from strangler.core.causes.step import Step, normaliser

_ORIGIN = re.compile(r"(?:https?:)?//[^/?#\s]+", re.ASCII | re.IGNORECASE)
_SHORT_PATH = 3
_SLASH = re.compile(r"(?<=[^/\s])/(?=$|[?#])")
_ZEROS = re.compile(r"0+(?=\d+$)", re.ASCII)
_MEDIA_TYPE = re.compile(r"([\w.+-]+/[\w.+-]+)\s*;.*", re.ASCII)
_NO_PATH = re.compile(r"\s")


def _without_origin(text: str) -> str:
    """A URL without scheme and host."""
    rest = _ORIGIN.sub("", text, count=1) if _ORIGIN.match(text) else text
    return rest if rest.startswith(("/", "?")) else text


def _short_path(control: Any, candidate: Any) -> bool:
    return min(len(_without_origin(control)), len(_without_origin(candidate))) < _SHORT_PATH


def _without_slash(text: str) -> str:
    return text if _NO_PATH.search(text) else _SLASH.sub("", text, count=1)


def _without_zeros(text: str) -> str:
    return _ZEROS.sub("", text) if text.isdigit() else text


def _well_decoded(text: str) -> str:
    """A text that was UTF-8 and was read as Latin-1 or its Windows cousin, as it was meant."""
    if text.isascii():
        return text
    for wrong in ("cp1252", "latin-1"):
        try:
            return text.encode(wrong).decode()
        except UnicodeError:
            continue
    return text


TEXTS = (
    Step("trailing_slash", "trailing slash on one side only", normaliser(_without_slash)),
    Step("url_host", "URL names another scheme or host", normaliser(_without_origin), _short_path),
    Step("media_parameters", "same media type with other parameters", normaliser(lambda text: _MEDIA_TYPE.sub(r"\1", text))),
    Step("html_escaped", "HTML-escaped on one side only", normaliser(html.unescape)),
    Step("percent_encoded", "percent-encoded on one side only", normaliser(unquote)),
    Step("unicode_form", "same text in another Unicode normal form", normaliser(lambda text: unicodedata.normalize("NFC", text))),
    Step("mojibake", "UTF-8 that was read as Latin-1 on one side", normaliser(_well_decoded)),
    Step("leading_zeros", "leading zeros on one side only", normaliser(_without_zeros)),
    Step("whitespace", "other white space", normaliser(lambda text: " ".join(text.split()))),
    Step("case", "upper and lower case", normaliser(str.casefold)),
)
