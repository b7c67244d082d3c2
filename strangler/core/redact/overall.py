"""Redaction where it is not known by which route a request went, or will go: the rules of all routes together."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from strangler.core.model import Config, Redact
from strangler.core.redact.redactor import Redactor


def redactor_of(config: Config, key: bytes) -> Redactor:
    """By the rules of all routes together, and the templates of their paths. Raises ValueError if the key is too short."""
    return Redactor(strictest(config), key, [route.match.path for route in config.routes])


def strictest(config: Config) -> Redact:
    """The rules of all routes together."""
    rules = [route.redact for route in config.routes] or [Redact()]
    return Redact(
        headers=_all(rule.headers for rule in rules),
        fields=_all(rule.fields for rule in rules),
        detect=_all(rule.detect for rule in rules),
    )


def _all(parts: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(parts)))
