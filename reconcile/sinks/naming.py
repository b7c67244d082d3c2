"""The name that an event goes to, a subject or a topic, from a template such as ``shop.{type}``."""

from __future__ import annotations

import re
from collections.abc import Callable

from reconcile.sinks.event import Event
from reconcile.sinks.sink import Failed, Outcome, Unavailable

_SLOT = re.compile(r"\{([^{}]*)\}")
# What has a meaning between words of a subject or a routing key, and whatever is no visible character.
_SPECIAL = re.compile(r"[\s\x00-\x1f\x7f-\x9f%*>#$]")
_NOTHING = "_"  # stands where a word would be empty


class Naming:
    """Fills a template.

    Args:
        safe: what comes of a type or a key; its second argument says whether it is to be one word, whatever dots it has.
    """

    def __init__(self, template: str, safe: Callable[[str, bool], str]) -> None:
        self._template, self._safe = template, safe
        self.varies = bool(_SLOT.search(template))
        self._of_key = "{key}" in template

    def of(self, event: Event) -> str:
        if not self.varies:
            return self._template
        name = self._template.replace("{type}", self._safe(event.type, False))
        return name.replace("{key}", self._safe(event.key or "", True)) if self._of_key else name

    def absent(self, why: str) -> Outcome:
        """What becomes of an event when the other end knows no such name: its own trouble, unless all events have that name."""
        return Failed(why) if self.varies else Unavailable(why)


def words(value: str, single: bool) -> str:
    """As words of a subject or a routing key: what has a meaning there is percent-encoded, and no word is empty."""
    encoded = _SPECIAL.sub(_encode, value)
    if single:
        return encoded.replace(".", "%2E") or _NOTHING
    return ".".join(word or _NOTHING for word in encoded.split("."))


def _encode(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode())


def topic(value: str, single: bool) -> str:
    """As a part of a Kafka topic's name, which is letters, digits, dots, dashes and underscores."""
    return re.sub(r"[^A-Za-z0-9._-]", _NOTHING, value) or _NOTHING


def plain(value: str, single: bool) -> str:
    """Where any text is a name."""
    return value


def template(*slots: str) -> Callable[[str], str]:
    """Reads a template that may have these slots. Raises ValueError with those there are."""

    def read(text: str) -> str:
        for found in _SLOT.findall(text):
            if found not in slots:
                raise ValueError(f"{{{found}}} is not filled in here: write {' or '.join(f'{{{slot}}}' for slot in slots)}")
        return text

    return read
