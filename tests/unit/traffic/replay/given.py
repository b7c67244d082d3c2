"""Entries and answers as the tests write them."""

from __future__ import annotations

import json
from typing import Any

from strangler.core.answer import Answer
from strangler.traffic.entry import Entry, Message

JSON = ("content-type", "application/json")
HTML = ("content-type", "text/html; charset=utf-8")
FORM = ("content-type", "application/x-www-form-urlencoded")


def entry(
    method: str, target: str, body: Any = None, *headers: tuple[str, str], status: int = 200, client: str = "anna"
) -> Entry:
    """A request; a body that is no text is JSON."""
    kind = () if body is None else (FORM,) if isinstance(body, str) else (JSON,)
    sent = None if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    request = Message((*kind, *headers), sent, len(sent or b""))
    return Entry(
        method, target, "shop.example.org", status=status, request=request, response=Message((JSON,), b"{}"), client=client
    )


def answer(body: Any = None, *headers: tuple[str, str], status: int = 200) -> Answer:
    """An answer with JSON in it; a text is a page."""
    if isinstance(body, str):
        return Answer(status, (HTML, *headers), body.encode())
    return Answer(status, (JSON, *headers), b"" if body is None else json.dumps(body).encode())
