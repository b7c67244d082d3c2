"""Secrets that were recognised at one place of an exchange, and stand at another where nothing says so: a session that a page
repeats, a password in a message about it. Words that anybody could use are not looked for, nor are plain numbers."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from json.encoder import encode_basestring_ascii
from typing import Any
from urllib.parse import quote_plus

MOST = 200  # secrets of one exchange
_SHORTEST = 8
_COMMON = re.compile(r"[a-z _-]*|[A-Z]?[a-z ]*|[\d .,:TZ+-]*", re.ASCII)  # words, numbers, times


class Echoes:
    """Secrets and their tokens, as they are met."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def note(self, secret: str, token: str) -> None:
        """Remember a secret, if it is one that nobody says by accident."""
        if len(self._tokens) < MOST and len(secret) >= _SHORTEST and not _COMMON.fullmatch(secret):
            self._tokens[secret] = token

    def scrub(self, value: Any) -> Any:
        """Plain values with tokens for every secret that was met, in any of its writings."""
        if not self._tokens:
            return value
        forms = [(form, token) for secret, token in self._tokens.items() for form in set(_forms(secret))]
        return _scrubbed(value, sorted(forms, key=lambda form: -len(form[0])))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield encode_basestring_ascii(secret)[1:-1]
    yield quote_plus(secret, errors="replace")
    for lead in range(3):  # of the bytes before it, base64 shows only how many there were
        encoded = b64encode(bytes(lead) + secret.encode("utf-8", "replace")).decode()
        inner = encoded[4 * bool(lead) :].rstrip("=")[:-1]
        if len(inner) >= _SHORTEST:
            yield inner
            yield inner.replace("+", "-").replace("/", "_")


def _scrubbed(value: Any, forms: list[tuple[str, str]]) -> Any:
    if isinstance(value, str):
        for form, token in forms:
            if form in value:
                value = value.replace(form, token)
        return value
    if isinstance(value, dict):
        return {key: _scrubbed(each, forms) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_scrubbed(each, forms) for each in value)
    return value
