"""Tokens that stand for secrets in a recording (`core.redact`): where one is, the secret is not, and cannot be sent."""

from __future__ import annotations

import re

from strangler.core.redact.names import HEADERS, is_secret
from strangler.traffic.entry import Entry, Message

_TOKEN = re.compile(r"\[[a-z]{1,20}:[0-9a-f]{12}\]")
_TOKEN_BYTES = re.compile(rb"\[[a-z]{1,20}:[0-9a-f]{12}\]")


def has_token(text: str) -> bool:
    """Whether a secret was taken out of a text."""
    return "[" in text and bool(_TOKEN.search(text))


def missing(entry: Entry) -> list[str]:
    """What a request needs and the recording has not, as people would say it: ``cookie session``, ``header authorization``."""
    found = [place for name, value in entry.request.headers for place in _in_header(name.lower(), value)]
    if has_token(entry.target):
        found.append("address")
    if _TOKEN_BYTES.search(entry.request.body or b""):
        found.append("body")
    return list(dict.fromkeys(found))


def in_answer(message: Message) -> bool:
    """Whether secrets were taken out of what is compared of an answer; cookies are not."""
    return bool(_TOKEN_BYTES.search(message.body or b"")) or any(
        has_token(value) for name, value in message.headers if name.lower() not in ("set-cookie", "cookie")
    )


def _in_header(name: str, value: str) -> list[str]:
    if not has_token(value) or not (name in HEADERS or is_secret(name)):
        return []
    if name != "cookie":
        return [f"header {name}"]
    crumbs = (crumb.partition("=") for crumb in value.split(";"))
    return [f"cookie {crumb.strip()}" for crumb, _, held in crumbs if has_token(held)]
